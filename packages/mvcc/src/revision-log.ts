import { copyBytes, invariant, type BackendReader, type BucketChanges } from '@quorate/std';
import { RowBuilder, RowReader } from './row.ts';
import { Rows } from './rows.ts';
import { Slabs } from './slabs.ts';
import type { VersionTable } from './version-table.ts';

/** Sizes that the store's behaviour does not depend on, only its speed. */
export interface MvccTuning {
  /** Bytes of a memory slab. */
  readonly slabBytes: number;
  /** Most revisions in a row. */
  readonly rowRevisionsMax: number;
  /** Most bytes of KeyValues in a row; a larger KeyValue has a row of its own. */
  readonly rowBytesMax: number;
  /** Keys that one slice of a compaction or hash visits. */
  readonly sliceKeys: number;
  /** Bytes of rows that one slice of a compaction or hash reads. */
  readonly sliceBytes: number;
  /** Leaves that one call of `packIdleKeys` visits, and how many of them it packs at most. */
  readonly packVisits: number;
  readonly packsMax: number;
  /** So many keys there must be before any are packed. */
  readonly packedFrom: number;
}

/** What it costs to get a row at all, in bytes that could be read meanwhile. */
export const rowCostBytes = 16 * 1024;

/** See `bench/` for what else was measured. */
export const defaultTuning: MvccTuning = {
  slabBytes: 1024 * 1024,
  rowRevisionsMax: 64,
  rowBytesMax: 16 * 1024,
  sliceKeys: 4096,
  sliceBytes: 512 * 1024,
  packVisits: 512,
  packsMax: 128,
  packedFrom: 20_000,
};

/**
 * The encoded KeyValues of all revisions, in the order of the revisions: first in memory only (undrained),
 * then in rows of the backend, and the newest of each key in memory besides, within a budget.
 */
export class RevisionLog {
  readonly rows: Rows;
  readonly slabs: Slabs;
  readonly versions: VersionTable;
  readonly tuning: MvccTuning;
  /** Versions that are in no row yet, in the order of their revisions. */
  undrained: number[] = [];
  #token = 0;
  readonly #builder = new RowBuilder();

  constructor(backend: BackendReader, versions: VersionTable, valueBudgetBytes: number, tuning: MvccTuning) {
    this.rows = new Rows(backend);
    this.slabs = new Slabs(versions, { budgetBytes: valueBudgetBytes, slabBytes: tuning.slabBytes });
    this.versions = versions;
    this.tuning = tuning;
  }

  /** The token that the next `drain` will return. */
  get nextToken(): number {
    return this.#token + 1;
  }

  /** A view of the encoded KeyValue of a version. @throws DamagedRowError */
  bytesOf(version: number): Uint8Array {
    const { versions } = this;
    const slab = this.slabs.bytesOf(versions.slab(version));
    if (slab === undefined) return this.#coldBytes(version);
    // The constructor rather than `subarray`, which looks up the species: half the time.
    return new Uint8Array(slab.buffer, slab.byteOffset + versions.offset(version), versions.size(version));
  }

  #coldBytes(version: number): Uint8Array {
    const { versions, slabs } = this;
    const found = this.rows.find(versions.main(version), versions.sub(version));
    invariant(found.length === versions.size(version), 'a row and the index agree on the size of a revision');
    // A view of the row would keep all of it in memory: of a list that is read from many rows, a hundred times its size.
    if (versions.isSuperseded(version) || versions.isTombstone(version)) return copyBytes(found);
    const kept = this.keep(version, found);
    slabs.tidy();
    return kept;
  }

  /**
   * Moves the newest version of a key, which is in a row only, into memory, where it is a view of; `tidy` of the slabs is
   * the caller's.
   */
  keep(version: number, inRow: Uint8Array): Uint8Array {
    const { versions, slabs } = this;
    invariant(inRow.length === versions.size(version), 'a row and the index agree on the size of a revision');
    slabs.reserve(inRow.length);
    const { roomBytes, roomOffset } = slabs;
    roomBytes.set(inRow, roomOffset);
    slabs.take(version, inRow.length, false);
    return roomBytes.subarray(roomOffset, roomOffset + inRow.length);
  }

  /** Writes the undrained revisions to `changes` as rows; returns the token of the batch. */
  drain(changes: BucketChanges): number {
    const token = ++this.#token;
    const { versions, slabs, undrained } = this;
    const builder = this.#builder;
    builder.count = 0;
    for (const version of undrained) {
      const size = versions.size(version);
      const main = versions.main(version);
      const sub = versions.sub(version);
      if (builder.count > 0 && !this.fits(builder, 1, size)) {
        this.rows.append(builder, token, changes);
        builder.count = 0;
      }
      if (builder.count === 0) builder.start(main, sub);
      const slab = slabs.bytesOf(versions.slab(version));
      invariant(slab !== undefined, 'an undrained version is in memory');
      builder.add(main, sub, versions.isTombstone(version), slab, versions.offset(version), size);
      versions.markDrained(version);
      slabs.drained(version);
    }
    if (builder.count > 0) this.rows.append(builder, token, changes);
    if (undrained.length > 0) this.undrained = [];
    slabs.tidy();
    return token;
  }

  /** Whether a row has room for more. */
  fits(row: RowBuilder, count: number, bytes: number): boolean {
    const { rowRevisionsMax, rowBytesMax } = this.tuning;
    return row.count + count <= rowRevisionsMax && row.valueBytes + bytes <= rowBytesMax;
  }

  /** The revisions from (main, 0) on. */
  scan(main: number, sub = 0): RevisionScan {
    return new RevisionScan(this, main, sub);
  }
}

/** Walks revisions in order; `next` fills the fields. Void once the log changes. */
export class RevisionScan {
  main = 0;
  sub = 0;
  tombstone = false;
  /** What was read so far cost about as much as reading so many bytes. */
  cost = 0;
  /** The KeyValue is `bytes[offset, offset + size)`. */
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  size = 0;
  readonly #log: RevisionLog;
  readonly #fromMain: number;
  readonly #fromSub: number;
  #place: number;
  #undrainedIndex = 0;
  readonly #reader = new RowReader();

  constructor(log: RevisionLog, fromMain: number, fromSub: number) {
    this.#log = log;
    this.#fromMain = fromMain;
    this.#fromSub = fromSub;
    this.#place = Math.max(0, log.rows.directory.placeOf(fromMain, fromSub));
  }

  next(): boolean {
    for (;;) {
      if (!this.#nextInRows() && !this.#nextUndrained()) return false;
      if (this.main > this.#fromMain || (this.main === this.#fromMain && this.sub >= this.#fromSub))
        return true;
    }
  }

  /** A copy of the KeyValue's place as an array: a view. */
  view(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.size);
  }

  #nextInRows(): boolean {
    const reader = this.#reader;
    const { directory } = this.#log.rows;
    while (!reader.next()) {
      while (this.#place < directory.count && directory.isGone(this.#place)) this.#place++;
      if (this.#place >= directory.count) return false;
      const bytes = this.#log.rows.load(this.#place);
      reader.open(directory.main(this.#place), bytes);
      this.cost += bytes.length + rowCostBytes;
      this.#place++;
    }
    this.main = reader.main;
    this.sub = reader.sub;
    this.tombstone = reader.tombstone;
    this.bytes = reader.bytes;
    this.offset = reader.offset;
    this.size = reader.size;
    return true;
  }

  #nextUndrained(): boolean {
    const { undrained, versions, slabs } = this.#log;
    const version = undrained[this.#undrainedIndex++];
    if (version === undefined) return false;
    const slab = slabs.bytesOf(versions.slab(version));
    invariant(slab !== undefined, 'an undrained version is in memory');
    this.cost += versions.size(version);
    this.main = versions.main(version);
    this.sub = versions.sub(version);
    this.tombstone = versions.isTombstone(version);
    this.bytes = slab;
    this.offset = versions.offset(version);
    this.size = versions.size(version);
    return true;
  }
}
