/** A flag and four bytes of length stand before each message of gRPC. */
const prefixBytes = 5;

/**
 * How far the message is that is just coming in on a stream. Holds no bytes.
 *
 * Invariant: `unfinishedBytes` is what came of the last message, prefix included, and 0 when it is whole.
 */
export class MessageProgress {
  #came = 0;
  #length = 0;

  get unfinishedBytes(): number {
    return this.#came;
  }

  /** Takes the next bytes of the stream; true when a message became whole with them. */
  push(chunk: Uint8Array): boolean {
    let whole = false;
    let at = 0;
    while (at < chunk.length) {
      if (this.#came < prefixBytes) {
        // The flag is no part of the length; shifting it out of 32 bits forgets it.
        this.#length = ((this.#length << 8) | (chunk[at] ?? 0)) >>> 0;
        this.#came++;
        at++;
      } else {
        const step = Math.min(chunk.length - at, this.#length + prefixBytes - this.#came);
        this.#came += step;
        at += step;
      }
      if (this.#came < prefixBytes || this.#came < this.#length + prefixBytes) continue;
      whole = true;
      this.#came = 0;
      this.#length = 0;
    }
    return whole;
  }
}
