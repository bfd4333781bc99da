import {
  clientPreface,
  frameHeadBytes,
  frameType,
  readUint32,
  writeFrameHead,
  writeUint32,
} from '../frames.ts';
import { writeSettings, type SettingEntry } from '../settings.ts';

/** A frame as it was sent. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** The bytes of a frame; a `length` other than the payload's is a lie. */
export function frame(made: Partial<Frame> & { readonly type: number; readonly length?: number }): Buffer {
  const { type, flags = 0, streamId = 0, payload = new Uint8Array(0) } = made;
  const bytes = Buffer.alloc(frameHeadBytes + payload.length);
  writeFrameHead(bytes, 0, made.length ?? payload.length, type, flags, streamId);
  bytes.set(payload, frameHeadBytes);
  return bytes;
}

/** A frame of settings. */
export function settings(entries: readonly SettingEntry[] = []): Buffer {
  return frame({ type: frameType.SETTINGS, payload: writeSettings(entries) });
}

/** A frame that widens the window of a stream, or of the connection by stream 0. */
export function windowUpdate(streamId: number, increment: number): Buffer {
  const payload = new Uint8Array(4);
  writeUint32(payload, 0, increment);
  return frame({ type: frameType.WINDOW_UPDATE, streamId, payload });
}

/** What a client begins with. */
export function preface(entries: readonly SettingEntry[] = []): Buffer {
  return Buffer.concat([clientPreface, settings(entries)]);
}

/** All frames in what a server sent. @throws Error when the last one is not whole */
export function readFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const end = at + frameHeadBytes + length;
    if (end > bytes.length) throw new Error('the last frame is not whole');
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: readUint32(bytes, at + 5),
      payload: bytes.subarray(at + frameHeadBytes, end),
    });
    at = end;
  }
  return frames;
}
