import { emptyBytes, invariant } from '@quorate/std';

/**
 * Messages one behind the other as gRPC sends them, so that many of them go out in one piece:
 *
 *     ┌───┬────────────┬─────────┬───┬────────────┬──
 *     │ 0 │ length, BE │ message │ 0 │ length, BE │ ...
 *     └───┴────────────┴─────────┴───┴────────────┴──
 *       1       4        length
 *
 * The first byte says that the message is not compressed.
 */
export interface MessageBatch {
  readonly bytes: Uint8Array;
  /** How many messages they are. */
  readonly count: number;
  /**
   * Says that nobody reads the bytes any more: the next batch is written over them. Who does not know when that is leaves
   * it to the garbage collector, which has to come far more often then.
   */
  release(): void;
}

/** A batch whose memory further batches can lie in: what several streams have to say is made once. */
export interface SharedBatch extends MessageBatch {
  /**
   * Another batch, of the `count` messages that are `bytes[start, endExclusive)`: in the same memory, which is written over
   * only when all of them were released, or, if that is far larger, in memory of its own. Not to be asked for of a batch that was
   * released itself.
   */
  part(start: number, endExclusive: number, count: number): SharedBatch;
}

/** What stands before each message of a batch: a flag and the length. */
export const messagePrefixBytes = 5;

/** No message. */
export const emptyBatch: SharedBatch = {
  bytes: emptyBytes,
  count: 0,
  release: () => {},
  part: () => emptyBatch,
};

/** Memory of a batch that nobody said more of. */
const firstCapacity = 512;

/** Memory that is kept for the next batch. */
const keptCapacityMax = 1024 * 1024;

/**
 * Whether bytes are so few of the memory in which they lie that they had better be copied: a client that takes nothing could
 * have thousands of them kept for it, and who counts them counts the bytes alone.
 */
function wouldWaste(capacity: number, bytes: number): boolean {
  return capacity > 16 * 1024 && capacity > 4 * bytes;
}

/** Puts batches together, each in one piece of memory. */
export class MessageBatchWriter {
  #target: Uint8Array = emptyBytes;
  #end = 0;
  #count = 0;

  /** Bytes of the batch, prefixes included. */
  get size(): number {
    return this.#end;
  }

  /** What the messages are written to; another one after each call that makes room. */
  get target(): Uint8Array {
    return this.#target;
  }

  /** Makes room for so many bytes more at once, prefixes included. */
  reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#target.length) return;
    const grown = viewOf(Buffer.allocUnsafe(Math.max(needed, 2 * this.#target.length, firstCapacity)));
    grown.set(this.#target.subarray(0, this.#end));
    this.#target = grown;
  }

  /** Begins a message of so many bytes; returns where in `target` the caller has to write all of them. */
  add(size: number): number {
    this.reserve(messagePrefixBytes + size);
    const target = this.#target;
    const at = this.#end;
    target[at] = 0;
    target[at + 1] = size >>> 24;
    target[at + 2] = size >>> 16;
    target[at + 3] = size >>> 8;
    target[at + 4] = size;
    this.#end = at + messagePrefixBytes + size;
    this.#count++;
    return at + messagePrefixBytes;
  }

  /** Adds a copy of a message. */
  push(message: Uint8Array): void {
    const at = this.add(message.length);
    this.#target.set(message, at);
  }

  /** Adds a message that stands behind its prefix already; returns where the prefix begins in `target`. */
  addPrefixed(prefixed: Uint8Array): number {
    this.reserve(prefixed.length);
    const at = this.#end;
    this.#target.set(prefixed, at);
    this.#end = at + prefixed.length;
    this.#count++;
    return at;
  }

  /** Adds copies of all messages of a batch. */
  addBatch({ bytes, count }: MessageBatch): void {
    this.reserve(bytes.length);
    this.#target.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#count += count;
  }

  /** Forgets what was added. */
  clear(): void {
    this.#end = 0;
    this.#count = 0;
  }

  /** The messages added, whose memory is the caller's until it is released; the next batch begins. */
  take(): SharedBatch {
    if (this.#count === 0) return emptyBatch;
    const target = this.#target;
    const isCopied = wouldWaste(target.length, this.#end);
    const batch = isCopied
      ? copied(target.subarray(0, this.#end), this.#count)
      : new BatchInMemory(
          { capacity: target.length, readers: 0, free: () => this.#keep(target) },
          target.subarray(0, this.#end),
          this.#count,
        );
    if (!isCopied) this.#target = emptyBytes;
    this.clear();
    return batch;
  }

  #keep(target: Uint8Array): void {
    const isUseful = target.length > this.#target.length && target.length <= keptCapacityMax;
    if (isUseful && this.#end === 0) this.#target = target;
  }
}

/** What batches lie in. */
interface Memory {
  readonly capacity: number;
  /** How many of them are not released. */
  readers: number;
  /** Called when none is left. */
  readonly free: () => void;
}

class BatchInMemory implements SharedBatch {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly #memory: Memory;
  #isReleased = false;

  constructor(memory: Memory, bytes: Uint8Array, count: number) {
    this.bytes = bytes;
    this.count = count;
    this.#memory = memory;
    memory.readers++;
  }

  part(start: number, endExclusive: number, count: number): SharedBatch {
    invariant(!this.#isReleased, 'a batch that was released has no parts');
    const isAll = start === 0 && endExclusive === this.bytes.length;
    const bytes = isAll ? this.bytes : this.bytes.subarray(start, endExclusive);
    if (wouldWaste(this.#memory.capacity, bytes.length)) return copied(bytes, count);
    return new BatchInMemory(this.#memory, bytes, count);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (--this.#memory.readers === 0) this.#memory.free();
  }
}

/** A batch in memory of its own. */
function copied(bytes: Uint8Array, count: number): SharedBatch {
  return new BatchInMemory({ capacity: bytes.length, readers: 0, free: () => {} }, bytes.slice(), count);
}

/** The messages of a batch, as views of it. */
export function messagesOf({ bytes, count }: MessageBatch): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const start = at + messagePrefixBytes;
    at = start + view.getUint32(at + 1);
    messages.push(bytes.subarray(start, at));
  }
  invariant(at === bytes.length, 'a batch ends with a message');
  invariant(messages.length === count, 'a batch has as many messages as it says');
  return messages;
}

/** Plain arrays are written to at twice the speed of buffers. */
function viewOf(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
