import type {
  BackendReader,
  BackendRow,
  BackendSnapshot,
  Bucket,
  BucketChange,
  ScanRange,
} from '../backend.ts';
import { copyBytes, fromLatin1, toLatin1 } from '../bytes.ts';
import { invariant } from '../invariant.ts';

const sliceRows = 256;

/** One set of buckets in memory, shared by none of its copies. */
export class MemoryBuckets implements BackendReader {
  readonly #buckets = new Map<Bucket, Map<string, Uint8Array>>();

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    const value = this.#buckets.get(bucket)?.get(toLatin1(key));
    return value && copyBytes(value);
  }

  scan(bucket: Bucket, range: ScanRange = {}): AsyncIterable<readonly BackendRow[]> {
    const start = range.start && toLatin1(range.start);
    const end = range.endExclusive && toLatin1(range.endExclusive);
    const rows = [...(this.#buckets.get(bucket) ?? [])]
      .filter(([key]) => (start === undefined || key >= start) && (end === undefined || key < end))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return slices(rows);
  }

  write(changes: readonly BucketChange[]): void {
    for (const { bucket, key, value } of changes) {
      let rows = this.#buckets.get(bucket);
      if (rows === undefined) this.#buckets.set(bucket, (rows = new Map<string, Uint8Array>()));
      if (value === undefined) rows.delete(toLatin1(key));
      else rows.set(toLatin1(key), copyBytes(value));
    }
  }

  /** The same rows in maps of their own; the values are shared, since nobody writes to them. */
  copy(): MemoryBuckets {
    const copy = new MemoryBuckets();
    for (const [bucket, rows] of this.#buckets) copy.#buckets.set(bucket, new Map(rows));
    return copy;
  }

  sizeBytes(): number {
    let size = 0;
    for (const rows of this.#buckets.values()) {
      for (const [key, value] of rows) size += key.length + value.length;
    }
    return size;
  }
}

/** A copy of buckets until it is disposed of. */
export class MemorySnapshot implements BackendSnapshot {
  #buckets: MemoryBuckets | undefined;

  constructor(buckets: MemoryBuckets) {
    this.#buckets = buckets.copy();
  }

  async *scan(bucket: Bucket, range?: ScanRange): AsyncGenerator<readonly BackendRow[], void> {
    invariant(this.#buckets !== undefined, 'a snapshot that was disposed of is not read');
    yield* this.#buckets.scan(bucket, range);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#buckets = undefined;
  }
}

async function* slices(
  rows: readonly (readonly [string, Uint8Array])[],
): AsyncGenerator<readonly BackendRow[], void> {
  for (let at = 0; at < rows.length; at += sliceRows) {
    yield rows
      .slice(at, at + sliceRows)
      .map(([key, value]): BackendRow => [fromLatin1(key), copyBytes(value)]);
  }
}
