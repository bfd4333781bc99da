/** The client's side by hand: frames as they are wanted, right or wrong, and those of the server to look at. */
export { clientPreface, flag, frameType } from '../frames.ts';
export { setting } from '../settings.ts';
export { frame, preface, readFrames, settings, windowUpdate, type Frame } from './frames.ts';
