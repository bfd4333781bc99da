import { compareBytes, copyBytes, crc32c, equalBytes, fromUtf8, invariant } from '@quorate/std';
import { encodeBucket } from './bucket-value.ts';
import { ChunkQueue } from './chunk-queue.ts';
import { BoltError } from './errors.ts';
import { encodeMeta, isPageSize, pageSizeMax, pageSizeMin } from './meta.ts';
import { elementFlag, keySizeMax, valueSizeMax, viewOf } from './page.ts';
import { PageCounter, PageEncoder } from './page-sinks.ts';
import { TreeBuilder, type PageSink } from './tree-builder.ts';
import type { BoltBucket, BoltRow, YieldToLoop } from './types.ts';
import { WorkMeter } from './work-meter.ts';

/** How a file is written; the same rows with the same page size and filling make the same bytes. */
export interface BoltWriterOptions {
  /** A power of two from 1 KiB to 16 MiB; 4096, as on most machines that etcd runs on. */
  readonly pageSizeBytes?: number;
  /** How much of a page to use, above 0 and up to 1, the default: less leaves room for rows put in between. */
  readonly fillPercent?: number;
  readonly yieldToLoop?: YieldToLoop;
}

/** What one reading of a bucket found; equal for equal rows. */
interface Fingerprint {
  readonly rowCount: number;
  /** Of all keys and sizes. */
  readonly checksum: number;
}

/** What the first reading of all rows found. */
interface Plan {
  readonly rootPage: number;
  readonly pageCount: number;
  readonly fingerprints: readonly Fingerprint[];
}

/** How a file is to look. */
interface Shape {
  readonly pageSizeBytes: number;
  readonly capacity: number;
  readonly yieldToLoop: YieldToLoop | undefined;
}

/**
 * Writes a bolt file from its first byte to its last, with memory for a few pages, whatever its size: pages follow one
 * another as they become full, children before parents. Only the meta pages in front must know where the tree ends,
 * and so the rows are read twice. The same rows always make the same bytes.
 */
export class BoltWriter {
  readonly #buckets: readonly BoltBucket[];
  readonly #shape: Shape;
  readonly #plan: Plan;

  private constructor(buckets: readonly BoltBucket[], shape: Shape, plan: Plan) {
    this.#buckets = buckets;
    this.#shape = shape;
    this.#plan = plan;
  }

  /**
   * Reads all rows once to find out where the pages will lie, and keeps nothing of them.
   *
   * @throws BoltError BOLT_UNSORTED, BOLT_EMPTY_KEY, BOLT_TOO_LARGE, BOLT_DUPLICATE_BUCKET
   * @throws RangeError for options that make no sense
   */
  static async plan(buckets: readonly BoltBucket[], options: BoltWriterOptions = {}): Promise<BoltWriter> {
    const shape = shapeOf(options);
    const sorted = sortBuckets(buckets);
    const counter = new PageCounter(shape.pageSizeBytes);
    const reading = new Reading(sorted, shape, counter);
    const meter = new WorkMeter(shape.yieldToLoop);
    for await (const _ of reading.run(meter)) if (meter.isDue) await meter.pause();
    return new BoltWriter(sorted, shape, reading.result(counter.pageCount));
  }

  /** Exact size of the file. */
  get sizeBytes(): number {
    return this.#plan.pageCount * this.#shape.pageSizeBytes;
  }

  /**
   * The file, in chunks of 128 KiB (one page, where pages are larger), which are the caller's. Reads all rows again.
   *
   * @throws BoltError BOLT_CHANGED when number, keys or sizes of the rows are not what they were; what was handed out
   *   until then is no database
   */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const { pageSizeBytes, yieldToLoop } = this.#shape;
    const { rootPage, pageCount, fingerprints } = this.#plan;
    const chunks = new ChunkQueue(pageSizeBytes);
    for (const txid of [0n, 1n]) {
      const { bytes, start } = chunks.page(pageSizeBytes);
      bytes.set(encodeMeta({ pageSizeBytes, rootPage, freelistPage: undefined, pageCount, txid }), start);
    }
    const encoder = new PageEncoder(chunks, { pageSizeBytes, pageCountMax: pageCount });
    const reading = new Reading(this.#buckets, this.#shape, encoder, fingerprints);
    const meter = new WorkMeter(yieldToLoop);
    for await (const _ of reading.run(meter, chunks)) {
      yield* chunks.take();
      if (meter.isDue) await meter.pause();
    }
    const found = reading.result(encoder.pageCount);
    if (found.pageCount !== pageCount || found.rootPage !== rootPage)
      throw new BoltError('BOLT_CHANGED', 'the rows take other pages than when they were read first');
    yield* chunks.take();
    const rest = chunks.rest();
    if (rest.length > 0) yield rest;
  }
}

/** One reading of all rows, into a tree for each bucket and the tree of buckets above them. */
class Reading {
  readonly #buckets: readonly BoltBucket[];
  readonly #shape: Shape;
  readonly #sink: PageSink;
  readonly #expected: readonly Fingerprint[] | undefined;
  readonly #fingerprints: Fingerprint[] = [];
  #rootPage = 0;

  constructor(
    buckets: readonly BoltBucket[],
    shape: Shape,
    sink: PageSink,
    expected?: readonly Fingerprint[],
  ) {
    this.#buckets = buckets;
    this.#shape = shape;
    this.#sink = sink;
    this.#expected = expected;
  }

  /** Pauses, by yielding, whenever enough work was done or there is something to take. */
  async *run(meter: WorkMeter, output?: { readonly isFull: boolean }): AsyncGenerator<void> {
    const { capacity } = this.#shape;
    const root = new TreeBuilder(this.#sink, { capacity, rowFlags: elementFlag.bucket });
    for (const [index, bucket] of this.#buckets.entries()) {
      const tree = new TreeBuilder(this.#sink, { capacity, rowFlags: elementFlag.row });
      const check = new RowCheck(bucket.name);
      for await (const rows of bucket.rows()) {
        for (const row of rows) {
          check.add(row);
          tree.add(row);
          meter.spend(1, row[1].length);
          if (meter.isDue || output?.isFull === true) yield;
        }
        check.endSlice();
      }
      this.#keepFingerprint(bucket.name, index, check.fingerprint());
      const place = tree.finish({ inlineSizeMax: this.#shape.pageSizeBytes / 4 });
      root.add([fromUtf8(bucket.name), encodeBucket(place)]);
    }
    const place = root.finish({ inlineSizeMax: 0 });
    invariant(place.kind === 'tree', 'a tree that may not be inline has a page');
    this.#rootPage = place.rootPage;
  }

  result(pageCount: number): Plan {
    return { rootPage: this.#rootPage, pageCount, fingerprints: this.#fingerprints };
  }

  #keepFingerprint(bucket: string, index: number, found: Fingerprint): void {
    const expected = this.#expected?.[index];
    if (expected !== undefined)
      if (expected.rowCount !== found.rowCount || expected.checksum !== found.checksum)
        throw new BoltError(
          'BOLT_CHANGED',
          `the rows of bucket ${bucket} are not those that were read first`,
        );
    this.#fingerprints.push(found);
  }
}

/** Checks that rows may follow one another in a bucket, and sums them up. */
class RowCheck {
  readonly #bucket: string;
  readonly #sizes = new Uint8Array(8);
  readonly #sizesView = viewOf(this.#sizes);
  #rowCount = 0;
  #checksum = 0;
  #previous: Uint8Array | undefined;

  constructor(bucket: string) {
    this.#bucket = bucket;
  }

  add([key, value]: BoltRow): void {
    if (key.length === 0) this.#refuse('BOLT_EMPTY_KEY', 'has no key');
    if (key.length > keySizeMax) this.#refuse('BOLT_TOO_LARGE', `has a key of ${key.length} bytes`);
    if (value.length > valueSizeMax) this.#refuse('BOLT_TOO_LARGE', `has a value of ${value.length} bytes`);
    if (this.#previous !== undefined && compareBytes(this.#previous, key) >= 0)
      this.#refuse('BOLT_UNSORTED', 'is not behind the one before');
    this.#previous = key;
    this.#rowCount++;
    this.#sizesView.setUint32(0, key.length);
    this.#sizesView.setUint32(4, value.length);
    this.#checksum = crc32c(key, crc32c(this.#sizes, this.#checksum));
  }

  /** Lets go of the slice that the last key came in. */
  endSlice(): void {
    if (this.#previous !== undefined) this.#previous = copyBytes(this.#previous);
  }

  fingerprint(): Fingerprint {
    return { rowCount: this.#rowCount, checksum: this.#checksum };
  }

  #refuse(code: 'BOLT_EMPTY_KEY' | 'BOLT_TOO_LARGE' | 'BOLT_UNSORTED', problem: string): never {
    throw new BoltError(code, `row ${this.#rowCount} of bucket ${this.#bucket} ${problem}`);
  }
}

function shapeOf({ pageSizeBytes = 4096, fillPercent = 1, yieldToLoop }: BoltWriterOptions): Shape {
  if (!isPageSize(pageSizeBytes))
    throw new RangeError(`a page size must be a power of two from ${pageSizeMin} to ${pageSizeMax}`);
  if (!(fillPercent > 0 && fillPercent <= 1))
    throw new RangeError('a fill percent must be above 0 and at most 1');
  return { pageSizeBytes, capacity: Math.floor(pageSizeBytes * fillPercent), yieldToLoop };
}

/** Buckets in the order of the bytes of their names. */
function sortBuckets(buckets: readonly BoltBucket[]): BoltBucket[] {
  const named = buckets.map((bucket) => ({ bucket, name: fromUtf8(bucket.name) }));
  named.sort((a, b) => compareBytes(a.name, b.name));
  for (const [i, { bucket, name }] of named.entries()) {
    if (name.length === 0) throw new BoltError('BOLT_EMPTY_KEY', 'a bucket has no name');
    if (name.length > keySizeMax)
      throw new BoltError('BOLT_TOO_LARGE', 'a bucket has a name of too many bytes');
    if (i > 0 && equalBytes(name, named[i - 1]!.name))
      throw new BoltError('BOLT_DUPLICATE_BUCKET', `there are two buckets ${bucket.name}`);
  }
  return named.map(({ bucket }) => bucket);
}
