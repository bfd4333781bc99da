import {
  compareBytes,
  copyBytes,
  type BackendReader,
  type BackendRow,
  type BackendSnapshot,
  type Bucket,
  type BucketChange,
  type ScanRange,
} from '@quorate/std';
import {
  BackendError,
  doesSupport,
  wrapped,
  type BytesIterator,
  type BytesIteratorOptions,
  type BytesLevel,
  type BytesOperation,
  type BytesRange,
} from './bytes-level.ts';
import { bucketEnd, prefixed, prefixSize, slotRange, type SlotNumber } from './level-keys.ts';

/** A slice of a scan ends at so many rows, or (where the database knows how) at so many bytes. */
const sliceRows = 256;
const sliceBytes = 1024 * 1024;

/** One set of buckets of a database. */
export class LevelSlot implements BackendReader {
  readonly number: SlotNumber;
  readonly #db: BytesLevel;
  readonly #toRow: RowMaker;

  constructor(db: BytesLevel, number: SlotNumber) {
    this.#db = db;
    this.number = number;
    this.#toRow = doesSupport(db, 'permanence') ? viewOfRow : copyOfRow;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    try {
      const value = this.#db.getSync(prefixed(this.number, bucket, key));
      return value !== undefined && this.#toRow === copyOfRow ? copyBytes(value) : value;
    } catch (error) {
      throw new BackendError('read', error);
    }
  }

  /** The view is taken at the call; the iterator behind it is released when the scan ends or is left. */
  scan(bucket: Bucket, range: ScanRange = {}): AsyncIterable<readonly BackendRow[]> {
    return this.#slices(this.#iterator(bytesRange(this.number, bucket, range)));
  }

  /** A view of all buckets, taken at the call. */
  snapshot(): BackendSnapshot {
    return new LevelSnapshot(this.number, this.#iterator(slotRange(this.number)), this.#toRow);
  }

  /** What a batch must do for these changes. */
  operations(changes: readonly BucketChange[]): BytesOperation[] {
    // What changes hold is lent, and a database in memory would hold it, too.
    const isKept = this.#toRow === copyOfRow;
    return changes.map(({ bucket, key, value }): BytesOperation =>
      value === undefined
        ? { type: 'del', key: prefixed(this.number, bucket, key) }
        : { type: 'put', key: prefixed(this.number, bucket, key), value: isKept ? copyBytes(value) : value },
    );
  }

  /**
   * Removes all rows; nobody may write to the slot meanwhile. RocksLevel notes one range and lets compaction do
   * the rest, the others delete row by row, ClassicLevel on a thread of its own.
   */
  async clear(): Promise<void> {
    if (!(await this.#isEmpty())) await this.#db.clear(slotRange(this.number));
  }

  async #isEmpty(): Promise<boolean> {
    const iterator = this.#iterator(slotRange(this.number));
    try {
      return (await iterator.nextv(1)).length === 0;
    } finally {
      await iterator.close();
    }
  }

  #iterator(range: BytesRange): BytesIterator {
    const options: BytesIteratorOptions = { ...range, highWaterMarkBytes: sliceBytes, fillCache: false };
    try {
      return this.#db.iterator(options);
    } catch (error) {
      throw new BackendError('scan', error);
    }
  }

  async *#slices(iterator: BytesIterator): AsyncGenerator<readonly BackendRow[], void> {
    try {
      for (;;) {
        const rows = await wrapped('scan', iterator.nextv(sliceRows));
        if (rows.length === 0) return;
        yield rows.map(this.#toRow);
      }
    } finally {
      await iterator.close();
    }
  }
}

/**
 * One iterator over a whole slot, which the scans take turns with; each of them has it sought to its place.
 * Explicit snapshots of abstract-level would do too, but the engine of RocksLevel has none.
 */
class LevelSnapshot implements BackendSnapshot {
  readonly #slot: SlotNumber;
  readonly #iterator: BytesIterator;
  readonly #toRow: RowMaker;
  /** The scan at whose place the iterator is. */
  #atPlaceOf: symbol | undefined;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(slot: SlotNumber, iterator: BytesIterator, toRow: RowMaker) {
    this.#slot = slot;
    this.#iterator = iterator;
    this.#toRow = toRow;
  }

  async *scan(bucket: Bucket, range: ScanRange = {}): AsyncGenerator<readonly BackendRow[], void> {
    const scan = Symbol(bucket);
    const { gte, lt } = bytesRange(this.#slot, bucket, range);
    for (let from = gte; compareBytes(from, lt) < 0;) {
      const rows = await wrapped('read a snapshot', this.#read(scan, from));
      const last = rows.at(-1);
      if (last === undefined) return;
      from = successor(last[0]);
      const within = compareBytes(last[0], lt) < 0 ? rows : rows.filter(([key]) => compareBytes(key, lt) < 0);
      if (within.length > 0) yield within.map(this.#toRow);
    }
  }

  async #read(scan: symbol, from: Uint8Array): Promise<[Uint8Array, Uint8Array][]> {
    const turn = this.#lastTurn.then(() => {
      if (this.#atPlaceOf !== scan) this.#iterator.seek(from);
      this.#atPlaceOf = scan;
      return this.#iterator.nextv(sliceRows);
    });
    this.#lastTurn = turn.catch(() => undefined); // Whoever reads has the error.
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await wrapped('close', this.#iterator.close());
  }
}

type RowMaker = (row: readonly [Uint8Array, Uint8Array]) => BackendRow;

/** For a database whose rows come from disk: what it returns belongs to the caller. */
function viewOfRow([key, value]: readonly [Uint8Array, Uint8Array]): BackendRow {
  return [key.subarray(prefixSize), value];
}

/** For a database in memory, which returns what it holds. */
function copyOfRow([key, value]: readonly [Uint8Array, Uint8Array]): BackendRow {
  return [copyBytes(key.subarray(prefixSize)), copyBytes(value)];
}

function bytesRange(slot: SlotNumber, bucket: Bucket, { start, endExclusive }: ScanRange): BytesRange {
  const lt = endExclusive === undefined ? bucketEnd(slot, bucket) : prefixed(slot, bucket, endExclusive);
  return { gte: prefixed(slot, bucket, start), lt };
}

/** The first key behind this one. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
