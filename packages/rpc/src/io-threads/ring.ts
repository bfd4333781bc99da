import { invariant } from '@quorate/std';

/*
 *   0          4         8               12             16                64
 *   | written  | read    | readerSleeps  | writerWaits  | parcelBytesTaken | data: 2^n bytes ...
 *
 *   a record:  | length of its body (u32) | body | up to 3 bytes of padding |
 *   at the end of the data, where the next record does not fit:  | skip (u32) | anything |
 *
 * `written` and `read` count bytes from the beginning and wrap at 2^32; a place in the data is their rest by its size.
 */
const writtenAt = 0;
const readAt = 1;
const readerSleepsAt = 2;
const writerWaitsAt = 3;
const parcelBytesTakenAt = 4;
const dataOffset = 64;
const lengthBytes = 4;
const alignment = 4;
const skip = 0xffff_ffff;

/** Memory for a ring with so many bytes of data: a power of two, 1 KiB at least. */
export function ringMemory(bytes: number): SharedArrayBuffer {
  invariant(bytes >= 1_024 && Number.isInteger(Math.log2(bytes)), 'a ring has 2^n bytes');
  return new SharedArrayBuffer(dataOffset + bytes);
}

/** What both ends of a ring know of it. */
class RingEnd {
  protected readonly state: Int32Array;
  protected readonly words: Uint32Array;
  protected readonly size: number;
  /** The data. */
  readonly bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.size = memory.byteLength - dataOffset;
    this.state = new Int32Array(memory, 0, dataOffset / 4);
    this.words = new Uint32Array(memory, dataOffset, this.size / 4);
    this.bytes = new Uint8Array(memory, dataOffset, this.size);
  }
}

/**
 * The end of a ring that writes: one thread alone has it. A record is in one piece, so that it can be written and read in
 * place; the largest is a quarter of the ring.
 *
 * Invariant: 0 <= written - read <= size
 */
export class RingWriter extends RingEnd {
  #written = 0;
  #reserved = 0;

  /** Of the body of a record. */
  get largest(): number {
    return this.size / 4 - lengthBytes;
  }

  /** Where the body of the next record goes in `bytes`, or -1 when there is no room for it now. `commit` sends it. */
  reserve(length: number): number {
    invariant(length <= this.largest, 'a record fits into a ring');
    const whole = aligned(lengthBytes + length);
    const used = (this.#written - Atomics.load(this.state, readAt)) >>> 0;
    const at = this.#written % this.size;
    const toEnd = this.size - at;
    const skipped = whole > toEnd ? toEnd : 0;
    if (used + skipped + whole > this.size) return -1;
    if (skipped > 0) this.words[at >>> 2] = skip;
    const from = (at + skipped) % this.size;
    this.words[from >>> 2] = length;
    this.#reserved = (this.#written + skipped + whole) >>> 0;
    return from + lengthBytes;
  }

  /** The reader may have what was written at the last `reserve`. */
  commit(): void {
    this.#written = this.#reserved;
    Atomics.store(this.state, writtenAt, this.#written | 0);
  }

  /** Whether the reader sleeps and is now to be woken. Whoever asks has to do it. */
  takeSleeper(): boolean {
    return Atomics.exchange(this.state, readerSleepsAt, 0) === 1;
  }

  /** Asks to be woken when something was read; whoever asks looks for room once more behind it. */
  wait(): void {
    Atomics.store(this.state, writerWaitsAt, 1);
  }

  /** Bytes of parcels that the reader has taken, modulo 2^32. */
  get parcelBytesTaken(): number {
    return Atomics.load(this.state, parcelBytesTakenAt) >>> 0;
  }
}

/** The end of a ring that reads: one thread alone has it. */
export class RingReader extends RingEnd {
  #read = 0;
  #next = 0;
  /** Where the body of the record is that `next` found, and how long it is. Good until `release`. */
  at = 0;
  length = 0;

  /** Finds the next record; false when there is none. */
  next(): boolean {
    const written = Atomics.load(this.state, writtenAt) >>> 0;
    if (written === this.#read) return false;
    const at = this.#read % this.size;
    // Neither is missing: both are within the data.
    if (this.words[at >>> 2] === skip) {
      const toEnd = this.size - at;
      this.#read = (this.#read + toEnd) >>> 0;
      return this.next();
    }
    this.length = this.words[at >>> 2] ?? 0;
    this.at = at + lengthBytes;
    this.#next = (this.#read + aligned(lengthBytes + this.length)) >>> 0;
    return true;
  }

  /** Gives the place of the record back. */
  release(): void {
    this.#read = this.#next;
    Atomics.store(this.state, readAt, this.#read | 0);
  }

  /** Whether nothing is to be read. From then on the writer wakes the reader, unless there is something already. */
  sleep(): boolean {
    Atomics.store(this.state, readerSleepsAt, 1);
    if (Atomics.load(this.state, writtenAt) >>> 0 === this.#read) return true;
    Atomics.store(this.state, readerSleepsAt, 0);
    return false;
  }

  /** Whether the writer waits for room and is now to be woken. Whoever asks has to do it. */
  takeWaiter(): boolean {
    return Atomics.exchange(this.state, writerWaitsAt, 0) === 1;
  }

  /** Counts a parcel as taken. */
  tookParcel(bytes: number): void {
    Atomics.add(this.state, parcelBytesTakenAt, bytes);
  }
}

function aligned(bytes: number): number {
  return (bytes + alignment - 1) & -alignment;
}
