import { copyBytes, invariant } from '@quorate/std';
import type { Backend, BackendRow, Bucket, BucketChange, ScanRange } from '@quorate/std';

/**
 * The rows of all buckets share one ordered key space, so that one batch is atomic over buckets:
 *
 *     +---------+-----+----------------------+
 *     | letter  | '/' | key of the bucket    |
 *     +---------+-----+----------------------+
 *
 * The letters are a format on disk: never change one, never use one twice. What comes with every batch
 * (`meta`, `lease`) sorts after `key`, whose rows are appended: a table file of the newest rows then overlaps
 * only the end of those that are there, and compaction moves files instead of rewriting them.
 */
const bucketLetters = {
  alarm: 'a',
  auth: 'h',
  authRoles: 'r',
  authUsers: 'u',
  cluster: 'c',
  key: 'k',
  lease: 'l',
  members: 'm',
  members_removed: 'x',
  meta: 't',
} as const satisfies Record<Bucket, string>;

const separator = 0x2f; // '/'
const prefixSize = 2;

/** A slice of a scan ends at so many rows, or (where the database knows how) at so many bytes. */
const sliceRows = 256;
const sliceBytes = 1024 * 1024;

/** What a backend needs of a database: an abstract-level 3 one whose keys and values are bytes has it. */
export interface BytesLevel {
  readonly supports: object;
  keyEncoding(): { readonly name: string };
  valueEncoding(): { readonly name: string };
  open(): Promise<void>;
  close(): Promise<void>;
  getSync(key: Uint8Array): Uint8Array | undefined;
  iterator(options: BytesIteratorOptions): BytesIterator;
  batch(operations: BytesOperation[], options: { readonly sync: boolean }): Promise<void>;
  /** Of RocksLevel. */
  sizeBytes?(): number;
  /** Of ClassicLevel. */
  approximateSize?(start: Uint8Array, endExclusive: Uint8Array): Promise<number>;
}

interface BytesIteratorOptions {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly highWaterMarkBytes: number;
  readonly fillCache: boolean;
}

interface BytesIterator {
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
}

type BytesOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** The store below failed; the member must stop, since nothing is known about what is on disk. */
export class BackendError extends Error {
  override readonly name = 'BackendError';
  readonly code = 'BACKEND_FAILED';

  constructor(action: string, cause: unknown) {
    super(`backend could not ${action}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/**
 * The buckets of a member over any abstract-level 3 database that reads synchronously and gives iterators a
 * consistent view: RocksLevel, ClassicLevel, MemoryLevel. It owns the database from `open` on.
 */
export class LevelBackend implements Backend {
  readonly #db: BytesLevel;
  readonly #size: SizeMeter;
  /** Whether what the database returns may still be its own memory. */
  readonly #isInMemory: boolean;
  /**
   * The last write. One follows the other, since databases write on a thread pool that may reorder; and none
   * follows one that failed, since what survives must be a prefix of what was written.
   */
  #lastWrite: Promise<void> = Promise.resolve();

  private constructor(db: BytesLevel, size: SizeMeter) {
    this.#db = db;
    this.#size = size;
    this.#isInMemory = !doesSupport(db, 'permanence');
  }

  /**
   * Opens the database if it is not open yet. Its keys and values must be bytes (`keyEncoding: 'view'` or
   * `'buffer'`).
   *
   * @throws BackendError with the database's own error as its cause, `LEVEL_LOCKED` somewhere in it when
   * another process has the location open
   */
  static async open(db: BytesLevel): Promise<LevelBackend> {
    invariant(doesSupport(db, 'getSync'), 'a backend needs a database with synchronous reads');
    invariant(doesSupport(db, 'implicitSnapshots'), 'a backend needs iterators with a consistent view');
    invariant(isBytes(db.keyEncoding().name), 'the keys of a backend are bytes');
    invariant(isBytes(db.valueEncoding().name), 'the values of a backend are bytes');
    try {
      await db.open();
      return new LevelBackend(db, await SizeMeter.open(db));
    } catch (error) {
      throw new BackendError('open', error);
    }
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    try {
      const value = this.#db.getSync(prefixed(bucket, key));
      return value !== undefined && this.#isInMemory ? copyBytes(value) : value;
    } catch (error) {
      throw new BackendError('read', error);
    }
  }

  /** The view is taken at the call; the iterator behind it is released when the scan ends or is left. */
  scan(bucket: Bucket, range: ScanRange = {}): AsyncIterable<readonly BackendRow[]> {
    const options = {
      gte: prefixed(bucket, range.start),
      lt: range.endExclusive === undefined ? bucketEnd(bucket) : prefixed(bucket, range.endExclusive),
      highWaterMarkBytes: sliceBytes,
      fillCache: false,
    };
    try {
      return this.#slices(this.#db.iterator(options));
    } catch (error) {
      throw new BackendError('scan', error);
    }
  }

  async *#slices(iterator: BytesIterator): AsyncGenerator<readonly BackendRow[], void> {
    try {
      for (;;) {
        const rows = await wrapped('scan', iterator.nextv(sliceRows));
        if (rows.length === 0) return;
        yield rows.map(([key, value]): BackendRow => [
          this.#isInMemory ? copyBytes(key.subarray(prefixSize)) : key.subarray(prefixSize),
          this.#isInMemory ? copyBytes(value) : value,
        ]);
      }
    } finally {
      await iterator.close();
    }
  }

  async write(changes: readonly BucketChange[], options: { readonly sync: boolean }): Promise<void> {
    const write = this.#lastWrite.then(() => this.#writeNow(changes, options.sync));
    this.#lastWrite = write;
    await wrapped('write', write);
  }

  async #writeNow(changes: readonly BucketChange[], isSync: boolean): Promise<void> {
    const operations = changes.map(({ bucket, key, value }): BytesOperation =>
      value === undefined
        ? { type: 'del', key: prefixed(bucket, key) }
        : { type: 'put', key: prefixed(bucket, key), value },
    );
    await this.#db.batch(operations, { sync: isSync });
    await this.#size.add(changes);
  }

  sizeBytes(): number {
    return this.#size.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lastWrite.catch(() => undefined); // Whoever wrote has the error.
    await wrapped('close', this.#db.close());
  }
}

/**
 * How much a database takes. RocksLevel says it at any time, ClassicLevel when asked and after a while, and
 * for others the bytes written are counted.
 */
class SizeMeter {
  readonly #db: BytesLevel;
  #measured = 0;
  #writtenSince = 0;

  private constructor(db: BytesLevel) {
    this.#db = db;
  }

  static async open(db: BytesLevel): Promise<SizeMeter> {
    const meter = new SizeMeter(db);
    await meter.#measure();
    return meter;
  }

  sizeBytes(): number {
    return this.#db.sizeBytes?.() ?? this.#measured + this.#writtenSince;
  }

  async add(changes: readonly BucketChange[]): Promise<void> {
    for (const { key, value } of changes)
      this.#writtenSince += prefixSize + key.length + (value?.length ?? 0);
    if (this.#writtenSince > measureEveryBytes) await this.#measure();
  }

  async #measure(): Promise<void> {
    if (this.#db.sizeBytes !== undefined || this.#db.approximateSize === undefined) return;
    this.#measured = await this.#db.approximateSize(new Uint8Array(0), new Uint8Array([0xff]));
    this.#writtenSince = 0;
  }
}

const measureEveryBytes = 16 * 1024 * 1024;

/** The key of a row; without `key` the first that a row of the bucket could have. */
function prefixed(bucket: Bucket, key?: Uint8Array): Uint8Array {
  const whole = new Uint8Array(prefixSize + (key?.length ?? 0));
  whole[0] = bucketLetters[bucket].charCodeAt(0);
  whole[1] = separator;
  if (key !== undefined) whole.set(key, prefixSize);
  return whole;
}

function bucketEnd(bucket: Bucket): Uint8Array {
  return new Uint8Array([bucketLetters[bucket].charCodeAt(0), separator + 1]);
}

/** Whether the manifest of an abstract-level database says yes; its types do not know every feature. */
function doesSupport(db: BytesLevel, feature: string): boolean {
  const manifest: Readonly<Record<string, unknown>> = { ...db.supports };
  return manifest[feature] === true;
}

function isBytes(encodingName: string): boolean {
  return /^(view|buffer)\b/.test(encodingName);
}

async function wrapped<T>(action: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new BackendError(action, error);
  }
}
