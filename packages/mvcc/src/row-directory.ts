import { invariant } from '@quorate/std';

/** Rows in a piece of an image, and the bytes of each: its main as a double, its sub. */
const pieceRows = 16_384;
const rowBytes = Float64Array.BYTES_PER_ELEMENT + Uint32Array.BYTES_PER_ELEMENT;

/**
 * Which rows there are: their keys (as main and sub), ascending, in flat arrays. A row that goes is marked and
 * stays in its place until `purge`, so that places do not move under a compaction at work.
 */
export class RowDirectory {
  #mains = new Float64Array(256);
  #subs = new Uint32Array(256);
  #gone = new Uint8Array(256);
  #count = 0;
  #goneCount = 0;

  /** How many places there are, those of gone rows included. */
  get count(): number {
    return this.#count;
  }

  /** How many rows there are. */
  get rowCount(): number {
    return this.#count - this.#goneCount;
  }

  main(place: number): number {
    return this.#mains[place]!; // Callers stay below `count`.
  }

  sub(place: number): number {
    return this.#subs[place]!; // Callers stay below `count`.
  }

  isGone(place: number): boolean {
    return this.#gone[place] === 1;
  }

  /** Adds a row behind all others. */
  append(main: number, sub: number): void {
    if (this.#count > 0) {
      const last = this.#count - 1;
      const ascending = this.main(last) < main || (this.main(last) === main && this.sub(last) < sub);
      invariant(ascending, 'rows are added in the order of their revisions');
    }
    if (this.#count === this.#mains.length) this.#grow();
    this.#mains[this.#count] = main;
    this.#subs[this.#count] = sub;
    this.#gone[this.#count++] = 0;
  }

  /** The place of the row that holds a revision, if any does; -1 when it would lie before all rows. */
  placeOf(main: number, sub: number): number {
    let place = this.#lastAtOrBefore(main, sub);
    while (place >= 0 && this.#gone[place] === 1) place--;
    return place;
  }

  remove(place: number): void {
    this.#gone[place] = 1;
    this.#goneCount++;
  }

  /** Closes the gaps of rows that are gone. */
  purge(): void {
    if (this.#goneCount === 0) return;
    let kept = 0;
    for (let place = 0; place < this.#count; place++) {
      if (this.#gone[place] === 1) continue;
      this.#mains[kept] = this.main(place);
      this.#subs[kept++] = this.sub(place);
    }
    this.#count = kept;
    this.#goneCount = 0;
    this.#gone.fill(0);
  }

  /** The keys of all rows, in pieces: first the mains of a piece, then its subs. Copies; no row may be gone. */
  *pieces(): Generator<Uint8Array> {
    invariant(this.#goneCount === 0, 'the gaps of rows that are gone are closed');
    for (let start = 0; start < this.#count; start += pieceRows) {
      const end = Math.min(this.#count, start + pieceRows);
      const mains = this.#mains.slice(start, end);
      const piece = new Uint8Array((end - start) * rowBytes);
      piece.set(new Uint8Array(mains.buffer));
      piece.set(new Uint8Array(this.#subs.slice(start, end).buffer), mains.byteLength);
      yield piece;
    }
  }

  /** Adds the rows of a piece. @throws InvariantError when they do not follow those that are there */
  addPiece(piece: Uint8Array): void {
    const copy = piece.slice().buffer;
    const rows = Math.floor(piece.length / rowBytes);
    const mains = new Float64Array(copy, 0, rows);
    const subs = new Uint32Array(copy, mains.byteLength, rows);
    for (let i = 0; i < rows; i++) this.append(mains[i]!, subs[i]!);
  }

  #lastAtOrBefore(main: number, sub: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.main(middle);
      if (at < main || (at === main && this.sub(middle) <= sub)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #grow(): void {
    const capacity = this.#mains.length * 2;
    const mains = new Float64Array(capacity);
    const subs = new Uint32Array(capacity);
    const gone = new Uint8Array(capacity);
    mains.set(this.#mains);
    subs.set(this.#subs);
    gone.set(this.#gone);
    this.#mains = mains;
    this.#subs = subs;
    this.#gone = gone;
  }
}
