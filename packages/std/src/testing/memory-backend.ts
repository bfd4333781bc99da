import type { Backend, BackendRow, Bucket, BucketChange, ScanRange } from '../backend.ts';
import { copyBytes, fromLatin1, toLatin1 } from '../bytes.ts';

/** A `Backend` that lives as long as its object: for tests, and for simulated disks through `snapshot`. */
export class MemoryBackend implements Backend {
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
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]): BackendRow => [fromLatin1(key), copyBytes(value)]);
    return slices(rows);
  }

  async write(changes: readonly BucketChange[]): Promise<void> {
    for (const { bucket, key, value } of changes) {
      let rows = this.#buckets.get(bucket);
      if (rows === undefined) this.#buckets.set(bucket, (rows = new Map<string, Uint8Array>()));
      if (value === undefined) rows.delete(toLatin1(key));
      else rows.set(toLatin1(key), copyBytes(value));
    }
  }

  sizeBytes(): number {
    let size = 0;
    for (const rows of this.#buckets.values()) {
      for (const [key, value] of rows) size += key.length + value.length;
    }
    return size;
  }

  /** A second backend with the same content: what a crash at this moment would leave. */
  snapshot(): MemoryBackend {
    const copy = new MemoryBackend();
    for (const [bucket, rows] of this.#buckets) copy.#buckets.set(bucket, new Map(rows));
    return copy;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function* slices(rows: readonly BackendRow[]): AsyncGenerator<readonly BackendRow[], void> {
  for (let at = 0; at < rows.length; at += 256) yield rows.slice(at, at + 256);
}
