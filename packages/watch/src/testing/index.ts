/** A store for tests of whatever watches. */
export { MemoryEventSource, type TestOp } from './memory-event-source.ts';
