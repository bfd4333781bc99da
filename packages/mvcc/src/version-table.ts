import { invariant } from '@quorate/std';

/**
 * All versions of all keys (puts and tombstones), as records of nine 32-bit words in pages, since a million
 * objects would cost 100 MB and every garbage collection a visit. A version is known by its number; 0 is none.
 *
 *      word  0 main, low half     1 main, high half     2 sub and marks     3 slab    4 offset in the slab
 *            5 size in bytes      6 older version       7 jump              8 depth
 *
 * `older` chains the versions of a key from the newest to the oldest that is left. `jump` leads further down
 * the same chain (Myers, "An applicative random-access stack", 1983), so that a search in a chain of n takes
 * O(log n) steps. A version that was removed is chained in the free list by its `older`.
 */
const recordWords = 9;
const pageBits = 13;
const pageRecords = 1 << pageBits;
const pageMask = pageRecords - 1;
const recordBytes = recordWords * Uint32Array.BYTES_PER_ELEMENT;
const twoTo32 = 0x1_0000_0000;

const mainLow = 0;
const mainHigh = 1;
const subAndMarks = 2;
const slabWord = 3;
const offsetWord = 4;
const sizeWord = 5;
const olderWord = 6;
const jumpWord = 7;
const depthWord = 8;

const tombstoneMark = 0x8000_0000;
const supersededMark = 0x4000_0000;
const undrainedMark = 0x2000_0000;
const subMask = 0x1fff_ffff;

/** Most changes that one main revision can hold. */
export const subMax = subMask;

/** How far a table reaches. */
export interface VersionExtent {
  /** The lowest number that was never given out. */
  readonly unused: number;
  /** The first number of the free list, 0 when it is empty. */
  readonly free: number;
  /** How many versions there are. */
  readonly count: number;
}

/** The chained versions of all keys. */
export class VersionTable {
  readonly #pages: Uint32Array[] = [];
  #unused = 1;
  #free = 0;
  #count = 0;

  /** How many versions there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds a version in front of `older` (0 for none), not drained yet, with no place in memory yet. */
  add(main: number, sub: number, tombstone: boolean, older: number): number {
    invariant(sub <= subMax, 'a revision holds at most 2^29 changes');
    const id = this.#take();
    const page = this.#pages[id >>> pageBits]!; // `#take` made it.
    const at = (id & pageMask) * recordWords;
    page[at + mainLow] = main >>> 0;
    page[at + mainHigh] = (main / twoTo32) >>> 0;
    page[at + subAndMarks] = sub | undrainedMark | (tombstone ? tombstoneMark : 0);
    page[at + slabWord] = page[at + offsetWord] = page[at + sizeWord] = 0;
    page[at + olderWord] = older;
    page[at + jumpWord] = older === 0 ? 0 : this.#jumpOver(older);
    page[at + depthWord] = older === 0 ? 1 : this.#word(older, depthWord) + 1;
    return id;
  }

  main(id: number): number {
    const page = this.#pages[id >>> pageBits]!;
    const at = (id & pageMask) * recordWords;
    return page[at + mainLow]! + page[at + mainHigh]! * twoTo32;
  }

  sub(id: number): number {
    return this.#word(id, subAndMarks) & subMask;
  }

  isTombstone(id: number): boolean {
    return (this.#word(id, subAndMarks) & tombstoneMark) !== 0;
  }

  /** Whether the key has a newer version. */
  isSuperseded(id: number): boolean {
    return (this.#word(id, subAndMarks) & supersededMark) !== 0;
  }

  /** Whether the version is not in a row yet. */
  isUndrained(id: number): boolean {
    return (this.#word(id, subAndMarks) & undrainedMark) !== 0;
  }

  markSuperseded(id: number): void {
    this.#setWord(id, subAndMarks, this.#word(id, subAndMarks) | supersededMark);
  }

  markDrained(id: number): void {
    this.#setWord(id, subAndMarks, this.#word(id, subAndMarks) & ~undrainedMark);
  }

  slab(id: number): number {
    return this.#word(id, slabWord);
  }

  offset(id: number): number {
    return this.#word(id, offsetWord);
  }

  size(id: number): number {
    return this.#word(id, sizeWord);
  }

  /** Says where in memory the encoded KeyValue is, or last was. */
  place(id: number, slab: number, offset: number, size: number): void {
    const page = this.#pages[id >>> pageBits]!;
    const at = (id & pageMask) * recordWords;
    page[at + slabWord] = slab;
    page[at + offsetWord] = offset;
    page[at + sizeWord] = size;
  }

  /** The next older version of the same key, 0 when there is none. */
  older(id: number): number {
    return this.#word(id, olderWord);
  }

  /** From `id` down its chain: the newest version with a main revision of at most `revision`, or 0. */
  atOrBefore(id: number, revision: number): number {
    let at = id;
    while (at !== 0 && this.main(at) > revision) {
      const jump = this.#word(at, jumpWord);
      at = jump !== 0 && this.main(jump) > revision ? jump : this.#word(at, olderWord);
    }
    return at;
  }

  /** Cuts all versions older than `last` off the chain of `head`; returns the newest of those, 0 for none. */
  cutBehind(head: number, last: number): number {
    const rest = this.#word(last, olderWord);
    if (rest === 0) return 0;
    for (let id = head; id !== last; id = this.#word(id, olderWord)) {
      const jump = this.#word(id, jumpWord);
      if (jump !== 0 && this.#isOlder(jump, last)) this.#setWord(id, jumpWord, last);
    }
    this.#setWord(last, olderWord, 0);
    this.#setWord(last, jumpWord, 0);
    return rest;
  }

  /** Removes a version that no chain holds any more; returns what was older than it. */
  remove(id: number): number {
    const older = this.#word(id, olderWord);
    this.place(id, 0, 0, 0);
    this.#setWord(id, olderWord, this.#free);
    this.#free = id;
    this.#count--;
    return older;
  }

  /** What an image says of the table beside its pages. */
  get extent(): VersionExtent {
    return { unused: this.#unused, free: this.#free, count: this.#count };
  }

  /**
   * The records as bytes in the order of this machine, page by page: each a copy as of when it is asked for, since reads
   * give versions other places in memory.
   */
  *pages(): Generator<Uint8Array> {
    for (let first = 0; first < this.#unused; first += pageRecords) {
      const page = this.#pages[first >>> pageBits];
      const records = Math.min(pageRecords, this.#unused - first);
      if (page !== undefined) yield new Uint8Array(page.slice(0, records * recordWords).buffer);
    }
  }

  /** Takes in the next page of an image, while the table is empty. Returns false when it is none. */
  addPage(bytes: Uint8Array): boolean {
    if (bytes.length === 0 || bytes.length > pageRecords * recordBytes || bytes.length % recordBytes !== 0)
      return false;
    const page = new Uint32Array(pageRecords * recordWords);
    new Uint8Array(page.buffer).set(bytes);
    this.#pages.push(page);
    return true;
  }

  /** Goes on from there, once all pages of an image were added. Returns false when they do not reach so far. */
  resume({ unused, free, count }: VersionExtent): boolean {
    // The first page comes with the first version, whose number is 1.
    if (this.#pages.length !== (unused === 1 ? 0 : Math.ceil(unused / pageRecords))) return false;
    if (unused < 1 || free >= unused || count >= unused) return false;
    this.#unused = unused;
    this.#free = free;
    this.#count = count;
    return true;
  }

  /** Whether `a` lies strictly behind `b` in their chain. */
  #isOlder(a: number, b: number): boolean {
    const order = this.main(a) - this.main(b);
    return order < 0 || (order === 0 && this.sub(a) < this.sub(b));
  }

  #jumpOver(older: number): number {
    const jump = this.#word(older, jumpWord);
    if (jump === 0) return older;
    const farther = this.#word(jump, jumpWord);
    if (farther === 0) return older;
    const near = this.#word(older, depthWord) - this.#word(jump, depthWord);
    return near === this.#word(jump, depthWord) - this.#word(farther, depthWord) ? farther : older;
  }

  #take(): number {
    this.#count++;
    const free = this.#free;
    if (free !== 0) {
      this.#free = this.#word(free, olderWord);
      return free;
    }
    const id = this.#unused++;
    invariant(id < 0x4000_0000, 'the store holds at most 2^30 versions');
    if (id >>> pageBits === this.#pages.length) this.#pages.push(new Uint32Array(pageRecords * recordWords));
    return id;
  }

  // Numbers of versions come from `add`, so their page exists and the word lies within it.
  #word(id: number, word: number): number {
    return this.#pages[id >>> pageBits]![(id & pageMask) * recordWords + word]!;
  }

  #setWord(id: number, word: number, value: number): void {
    this.#pages[id >>> pageBits]![(id & pageMask) * recordWords + word] = value;
  }
}
