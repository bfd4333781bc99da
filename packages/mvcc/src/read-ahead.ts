import { isRevisionMark, keyOf } from './key-value-bytes.ts';
import type { KeyIndex } from './key-index.ts';
import type { RevisionLog } from './revision-log.ts';
import { RowReader } from './row.ts';
import type { Key } from './types.ts';

/** What it costs to find out about one more value of a row, in keys that could be read meanwhile. */
const takeWork = 8;
/** After so many rows it is found out anew how far to read ahead. */
const rowsPerHorizon = 64;
/** When so many rows held nothing that the range will ask for, it is not looked for in the next ones. */
const fruitlessRowsMax = 8;

/**
 * What a range takes from a row that it has to get for one value: whatever else is in it that the range will come to, into
 * memory. Keys that were written in another order than they are read in lie in any rows, and each row is then got once rather
 * than once for each of its values.
 *
 * How far ahead is bounded: by the end of the range, by how many values it still wants, and by memory, of which what was read
 * ahead may take half, lest it is dropped before it is asked for. Only speed depends on it.
 */
export class ReadAhead {
  readonly #index: KeyIndex;
  readonly #log: RevisionLog;
  readonly #endExclusive: Key;
  /** Values of keys below it are taken. */
  #horizon: Key = '';
  /** Rows seen since the horizon was found, and how many values they gave. */
  #rows = 0;
  #taken = 0;
  readonly #reader = new RowReader();

  constructor(index: KeyIndex, log: RevisionLog, endExclusive: Key) {
    this.#index = index;
    this.#log = log;
    this.#endExclusive = endExclusive;
  }

  /** Takes from the row that was got last, for the value of `key`, what the range will come to among the next `wanted` keys. */
  take(key: Key, wanted: number): void {
    if (this.#rows % rowsPerHorizon === 0) {
      this.#horizon = this.#findHorizon(key, wanted);
      this.#rows = this.#taken = 0;
    }
    this.#rows++;
    if (this.#rows > fruitlessRowsMax && this.#taken === 0) return;
    if (key < this.#horizon) this.#takeBetween(key, this.#horizon);
  }

  #takeBetween(key: Key, horizon: Key): void {
    const { rows, slabs, versions } = this.#log;
    const reader = this.#reader;
    reader.open(rows.got.main, rows.got.bytes);
    while (reader.next()) {
      if (reader.tombstone || isRevisionMark(reader.size)) continue;
      const other = keyOf(reader.bytes, reader.offset);
      if (!(other > key && other < horizon)) continue;
      rows.work += takeWork;
      const version = this.#newestOf(other);
      const isInRow = versions.main(version) === reader.main && versions.sub(version) === reader.sub;
      if (version === 0 || !isInRow || slabs.bytesOf(versions.slab(version)) !== undefined) continue;
      this.#log.keep(version, reader.bytes.subarray(reader.offset, reader.offset + reader.size));
      this.#taken++;
    }
    slabs.tidy();
  }

  /** The newest version of a key, 0 when it is absent or deleted. */
  #newestOf(key: Key): number {
    const { tree } = this.#index;
    tree.seek(key);
    return Math.max(0, tree.head);
  }

  /** The first key that is too far ahead of `key`. */
  #findHorizon(key: Key, wanted: number): Key {
    const { rows, slabs } = this.#log;
    const { bytes } = rows.got;
    this.#reader.open(rows.got.main, bytes);
    const valueBytes = bytes.length / Math.max(1, this.#reader.left);
    const ahead = Math.min(wanted, Math.floor(slabs.budgetBytes / 2 / valueBytes));
    if (ahead < 1) return '';
    const { tree } = this.#index;
    const behind = tree.liveKeyAt(tree.liveRank(key) + 1 + ahead);
    return behind !== undefined && behind < this.#endExclusive ? behind : this.#endExclusive;
  }
}
