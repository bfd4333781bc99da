/** Of a page: room for the answers of many calls of a turn. */
export const pageBytes = 16_384;
/** Pages that are kept, 4 MiB: an event may be told to hundreds of connections in one turn, each of which borrows one. */
const freeMax = 256;

/**
 * Pages that frames are put together in, for many connections: one borrows a page when it has something to say, and gives
 * it back once that is sent, so that a silent connection holds none. Who serves connections may put requests together in
 * them, too.
 */
export class Pages {
  readonly #free: Buffer[] = [];

  /** A page of `pageBytes`, of any content. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(pageBytes);
  }

  /** Takes a page back, which nobody reads any more. */
  give(page: Buffer): void {
    if (this.#free.length < freeMax) this.#free.push(page);
  }
}
