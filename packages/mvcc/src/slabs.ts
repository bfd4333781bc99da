import { invariant } from '@quorate/std';
import type { VersionTable } from './version-table.ts';

/**
 * Memory of encoded KeyValues: append-only slabs, each a stretch of bytes that is written once from front to
 * back and never again, so that a view handed out stays true for as long as somebody holds it. A slab goes by
 * dropping the reference; the garbage collector frees it with its last view.
 */
interface Slab {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** Bytes written. */
  used: number;
  /** Bytes of versions that memory must or should keep: undrained ones and the newest of each key. */
  live: number;
  /** How many versions in it are not in a row yet. Such a slab is never dropped. */
  undrained: number;
  /** The versions written to it, in order. Some have moved or gone since. */
  readonly versions: number[];
  /** Whether it waits for evacuation. */
  sparse: boolean;
}

export interface SlabsOptions {
  /** Above so many bytes the slabs written longest ago are dropped. */
  readonly budgetBytes: number;
  /** Size of a slab; what is larger than a quarter of it gets a slab of its own. */
  readonly slabBytes: number;
}

/** At most so many bytes are copied out of sparse slabs by one call of `tidy`. */
const evacuateBytesMax = 256 * 1024;

/** The slabs of a store. */
export class Slabs {
  readonly #versions: VersionTable;
  readonly #options: SlabsOptions;
  /** `#slabs[i]` has the number `#firstId + i`; undefined once dropped. */
  #slabs: (Slab | undefined)[] = [];
  #firstId = 1;
  #open: Slab | undefined;
  #room: Slab | undefined;
  #bytes = 0;
  readonly #sparse: Slab[] = [];

  constructor(versions: VersionTable, options: SlabsOptions) {
    this.#versions = versions;
    this.#options = options;
  }

  /** The number of the next slab. Versions know slabs by number, those that are gone too. */
  get nextId(): number {
    return this.#firstId + this.#slabs.length;
  }

  /** While there are no slabs: the first one to come has this number. */
  startAt(id: number): void {
    invariant(this.#slabs.length === 0, 'slabs are numbered from the start');
    this.#firstId = id;
  }

  /** Bytes of memory that the slabs take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of memory that they may take. */
  get budgetBytes(): number {
    return this.#options.budgetBytes;
  }

  /** The memory of a slab, undefined once it was dropped. */
  bytesOf(id: number): Uint8Array | undefined {
    return this.#slabs[id - this.#firstId]?.bytes;
  }

  /**
   * Makes room for `size` bytes, to be written by the caller to `roomBytes` from `roomOffset` on, and then
   * given to a version with `take`.
   */
  reserve(size: number): void {
    const { slabBytes } = this.#options;
    if (size > slabBytes / 4) {
      this.#room = this.#add(size);
      return;
    }
    if (this.#open === undefined || this.#open.used + size > slabBytes) {
      const full = this.#open;
      this.#open = this.#add(slabBytes);
      if (full !== undefined) this.#checkSparse(full);
    }
    this.#room = this.#open;
  }

  get roomBytes(): Uint8Array {
    return this.#room!.bytes; // After `reserve`.
  }

  get roomOffset(): number {
    return this.#room!.used; // After `reserve`.
  }

  /** Gives the next `size` bytes of the reserved room to a version; `undrained` as the version has it. */
  take(version: number, size: number, undrained: boolean): void {
    const slab = this.#room!; // After `reserve`.
    this.#versions.place(version, slab.id, slab.used, size);
    slab.used += size;
    slab.live += size;
    if (undrained) slab.undrained++;
    slab.versions.push(version);
  }

  /** Copies a stretch of bytes that holds several versions of rows, to be told apart with `takeWithin`. */
  fill(source: Uint8Array): void {
    this.reserve(source.length);
    this.roomBytes.set(source, this.roomOffset);
    this.#room!.used += source.length; // After `reserve`.
  }

  /** Gives a drained version its part of what `fill` just copied: `size` bytes, `offsetFromEnd` before the end. */
  takeWithin(version: number, offsetFromEnd: number, size: number): void {
    const slab = this.#room!; // After `fill`.
    this.#versions.place(version, slab.id, slab.used - offsetFromEnd, size);
    if (!this.#versions.isTombstone(version)) slab.live += size;
    slab.versions.push(version);
  }

  /** The version is in a row now; memory need not keep it unless it is the newest of its key. */
  drained(version: number): void {
    const slab = this.#slabs[this.#versions.slab(version) - this.#firstId];
    invariant(slab !== undefined, 'an undrained version is in memory');
    slab.undrained--;
    if (this.#versions.isSuperseded(version) || this.#versions.isTombstone(version)) {
      slab.live -= this.#versions.size(version);
    }
    this.#checkSparse(slab);
  }

  /** A version that is in a row has got a newer one: memory need not keep it. */
  release(version: number): void {
    const slab = this.#slabs[this.#versions.slab(version) - this.#firstId];
    if (slab === undefined) return;
    slab.live -= this.#versions.size(version);
    this.#checkSparse(slab);
  }

  /** Moves what is left in sparse slabs, and drops the oldest slabs while there are more than the budget. */
  tidy(): void {
    let copied = 0;
    while (this.#sparse.length > 0 && copied < evacuateBytesMax) {
      const slab = this.#sparse.pop()!; // The list is not empty.
      copied += slab.live;
      this.#evacuate(slab);
    }
    if (this.#bytes > this.#options.budgetBytes) this.#evict();
  }

  /** @throws InvariantError when the books do not agree with the versions. */
  checkInvariants(): void {
    let bytes = 0;
    for (const slab of this.#slabs) {
      if (slab === undefined) continue;
      bytes += slab.bytes.length;
      this.#checkSlab(slab);
    }
    invariant(bytes === this.#bytes, 'the slabs take as many bytes as was counted');
  }

  #checkSlab(slab: Slab): void {
    let live = 0;
    let undrained = 0;
    for (const version of new Set(slab.versions)) {
      if (this.#versions.slab(version) !== slab.id) continue;
      if (this.#versions.isUndrained(version)) undrained++;
      if (this.#isNeeded(version)) live += this.#versions.size(version);
    }
    invariant(slab.live === live, 'the live bytes of a slab are those of the versions that need it');
    invariant(slab.undrained === undrained, 'the undrained versions of a slab are counted');
    invariant(slab.used <= slab.bytes.length, 'a slab holds what was written to it');
  }

  #isNeeded(version: number): boolean {
    if (this.#versions.isUndrained(version)) return true;
    return !this.#versions.isSuperseded(version) && !this.#versions.isTombstone(version);
  }

  #add(size: number): Slab {
    // Uninitialised, since a view only ever covers what was written.
    const memory = Buffer.allocUnsafeSlow(size);
    const slab: Slab = {
      id: this.nextId,
      bytes: new Uint8Array(memory.buffer, memory.byteOffset, size),
      used: 0,
      live: 0,
      undrained: 0,
      versions: [],
      sparse: false,
    };
    invariant(slab.id < 0xffff_ffff, 'the numbers of slabs last for the life of a store');
    this.#slabs.push(slab);
    this.#bytes += size;
    return slab;
  }

  #checkSparse(slab: Slab): void {
    if (slab === this.#open || slab.sparse || slab.undrained > 0 || slab.live * 2 > slab.bytes.length) return;
    slab.sparse = true;
    this.#sparse.push(slab);
  }

  #evacuate(slab: Slab): void {
    if (this.#slabs[slab.id - this.#firstId] !== slab) return; // Evicted meanwhile.
    if (slab.live > 0) {
      for (const version of slab.versions) {
        if (this.#versions.slab(version) === slab.id && this.#isNeeded(version)) this.#move(version, slab);
      }
    }
    this.#drop(slab);
  }

  #move(version: number, from: Slab): void {
    const offset = this.#versions.offset(version);
    const size = this.#versions.size(version);
    this.reserve(size);
    this.roomBytes.set(from.bytes.subarray(offset, offset + size), this.roomOffset);
    this.take(version, size, false);
    from.live -= size;
  }

  /** The slab with the lowest number was written longest ago. */
  #evict(): void {
    for (let i = 0; i < this.#slabs.length && this.#bytes > this.#options.budgetBytes; i++) {
      const slab = this.#slabs[i];
      if (slab !== undefined && slab !== this.#open && slab.undrained === 0) this.#drop(slab);
    }
  }

  #drop(slab: Slab): void {
    this.#slabs[slab.id - this.#firstId] = undefined;
    this.#bytes -= slab.bytes.length;
    if (this.#slabs.length < 1024 || this.#slabs[0] !== undefined) return;
    let gone = 0;
    while (gone < this.#slabs.length && this.#slabs[gone] === undefined) gone++;
    if (gone * 2 < this.#slabs.length) return;
    this.#slabs.splice(0, gone);
    this.#firstId += gone;
  }
}
