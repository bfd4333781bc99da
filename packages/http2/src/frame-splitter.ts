import { ConnectionError, errorCode } from './errors.ts';
import { clientPreface, frameHeadBytes, readUint32 } from './frames.ts';

/** Takes a whole frame; its payload is `bytes[start, end)`, a view of what came. Returns false to take no more for now. */
export type TakeFrame = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => boolean;

const empty = new Uint8Array(0);

/**
 * Cuts what a client sends into frames, wherever the pieces of it begin and end. A frame that lies within one piece is
 * not copied; of one that does not, no more is kept than itself.
 */
export class FrameSplitter {
  readonly #maxFrameSize: number;
  #prefaceLeft = clientPreface.length;
  /** The frame that has begun, from its head on, and how much of it is there. */
  #frame: Uint8Array = empty;
  #filled = 0;

  constructor(options: { readonly maxFrameSize: number }) {
    this.#maxFrameSize = options.maxFrameSize;
  }

  /** Bytes of a frame that has begun. */
  get unfinishedBytes(): number {
    return this.#filled;
  }

  /**
   * Takes the next bytes from `from` on; returns where it stopped: at the end, unless `take` wanted no more.
   * @throws ConnectionError when the preface is wrong, or a frame too large
   */
  push(bytes: Uint8Array, from: number, take: TakeFrame): number {
    let at = this.#prefaceLeft > 0 ? this.#preface(bytes, from) : from;
    while (at < bytes.length) {
      if (this.#filled > 0 || bytes.length - at < frameHeadBytes) {
        at = this.#collect(bytes, at);
        if (!this.#isWhole()) continue;
        const frame = this.#frame;
        const end = this.#filled;
        this.#frame = empty;
        this.#filled = 0;
        if (!this.#give(frame, 0, end, take)) return at;
        continue;
      }
      const end = at + frameHeadBytes + this.#lengthAt(bytes, at);
      if (end > bytes.length) {
        at = this.#collect(bytes, at);
        continue;
      }
      const start = at;
      at = end;
      if (!this.#give(bytes, start, end, take)) return at;
    }
    return at;
  }

  #give(bytes: Uint8Array, at: number, end: number, take: TakeFrame): boolean {
    const streamId = readUint32(bytes, at + 5) & 0x7fff_ffff;
    return take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, streamId, bytes, at + frameHeadBytes, end);
  }

  #preface(bytes: Uint8Array, from: number): number {
    let at = from;
    for (; this.#prefaceLeft > 0 && at < bytes.length; at++, this.#prefaceLeft--) {
      if (bytes[at] !== clientPreface[clientPreface.length - this.#prefaceLeft]) {
        throw new ConnectionError(
          errorCode.PROTOCOL_ERROR,
          'the preface of the connection is not that of HTTP/2',
        );
      }
    }
    return at;
  }

  /** Keeps what belongs to the frame that has begun; returns where the next one may begin. */
  #collect(bytes: Uint8Array, at: number): number {
    if (this.#filled === 0) this.#frame = new Uint8Array(frameHeadBytes);
    let next = at;
    if (this.#filled < frameHeadBytes) {
      next = this.#copy(bytes, next, frameHeadBytes);
      if (this.#filled < frameHeadBytes) return next;
      const whole = new Uint8Array(frameHeadBytes + this.#lengthAt(this.#frame, 0));
      whole.set(this.#frame);
      this.#frame = whole;
    }
    return this.#copy(bytes, next, this.#frame.length);
  }

  #copy(bytes: Uint8Array, from: number, until: number): number {
    const to = Math.min(bytes.length, from + until - this.#filled);
    this.#frame.set(bytes.subarray(from, to), this.#filled);
    this.#filled += to - from;
    return to;
  }

  #isWhole(): boolean {
    return this.#filled >= frameHeadBytes && this.#filled === this.#frame.length;
  }

  #lengthAt(bytes: Uint8Array, at: number): number {
    const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    if (length > this.#maxFrameSize) {
      throw new ConnectionError(errorCode.FRAME_SIZE_ERROR, 'a frame is larger than it may be');
    }
    return length;
  }
}
