import { compareBytes, fromUtf8 } from '@quorate/std';
import { bucketName, decodeBucket, type BucketRows } from './bucket-value.ts';
import { checkFile, type BoltCheck } from './check.ts';
import { BoltDamagedError } from './errors.ts';
import { readNewestMeta, type Meta } from './meta.ts';
import { elementFlag } from './page.ts';
import { windowSizeMax, type PageSpace } from './page-reader.ts';
import { complainOf, walkBuckets, walkTree } from './tree-walk.ts';
import type { BoltRow, BoltSource, YieldToLoop } from './types.ts';
import { WorkMeter } from './work-meter.ts';

/** Rows of a slice at most, unless one page has more. */
const sliceRowsMax = 512;

/** How a file is read. */
export interface BoltFileOptions {
  /** How many bytes of the source are the database; all of them, if not given. */
  readonly sizeBytes?: number;
  readonly yieldToLoop?: YieldToLoop;
}

/**
 * A bolt file, for reading. It must not change meanwhile: whoever reads a database in use takes a snapshot of it first.
 *
 * All that is read is checked. Whatever bytes the file has, reading ends in rows or in a `BoltError`, after time in
 * proportion to its size, and with memory for a window of 256 KiB and a branch page for each level of a tree, and the
 * largest row.
 */
export class BoltFile {
  readonly #space: PageSpace;
  readonly #meta: Meta;
  readonly #yieldToLoop: YieldToLoop | undefined;

  private constructor(space: PageSpace, meta: Meta, yieldToLoop: YieldToLoop | undefined) {
    this.#space = space;
    this.#meta = meta;
    this.#yieldToLoop = yieldToLoop;
  }

  /**
   * Takes the newest valid meta page. Bytes behind the last page (a file that was grown ahead, the checksum behind a
   * snapshot) are passed over; see `sizeBytes`. The source stays the caller's, open for as long as he reads.
   *
   * @throws BoltError BOLT_NOT_A_DATABASE, BOLT_DAMAGED when the file is shorter than its pages
   */
  static async open(source: BoltSource, options: BoltFileOptions = {}): Promise<BoltFile> {
    const sizeBytes = Math.min(options.sizeBytes ?? Infinity, await source.size());
    const meta = await readNewestMeta(source);
    const { pageSizeBytes, pageCount } = meta;
    if (pageCount * pageSizeBytes > sizeBytes)
      throw new BoltDamagedError(
        Number(meta.txid % 2n),
        `it counts ${pageCount} pages of ${pageSizeBytes} bytes, but the file has ${sizeBytes} bytes`,
      );
    return new BoltFile({ source, pageSizeBytes, pageCount }, meta, options.yieldToLoop);
  }

  /** Bytes that the pages of the database take; the file may be longer. */
  get sizeBytes(): number {
    return this.#space.pageCount * this.#space.pageSizeBytes;
  }

  get pageSizeBytes(): number {
    return this.#space.pageSizeBytes;
  }

  /** Names of all buckets, in the order of their bytes. @throws BoltError */
  async bucketNames(): Promise<string[]> {
    const names: string[] = [];
    for await (const { rows } of walkBuckets(this.#space, this.#meta))
      for (const [name] of rows) names.push(bucketName(name));
    return names;
  }

  /**
   * The rows of a bucket in key order, in slices of about 256 KiB or 512 rows; none when there is no such bucket. The
   * bytes are the caller's, but rows of a slice may lie in the same memory: copy what is kept of many.
   *
   * @throws BoltError
   */
  async *rows(bucket: string): AsyncGenerator<readonly BoltRow[]> {
    const found = await this.#find(fromUtf8(bucket));
    if (found === undefined) return;
    const meter = new WorkMeter(this.#yieldToLoop);
    let slice: BoltRow[] = [];
    let sizeBytes = 0;
    for await (const rows of this.#rowsOf(found)) {
      for (const row of rows) {
        slice.push(row);
        sizeBytes += row[0].length + row[1].length;
      }
      if (slice.length < sliceRowsMax && sizeBytes < windowSizeMax) continue;
      meter.spend(slice.length, sizeBytes);
      yield slice;
      if (meter.isDue) await meter.pause();
      slice = [];
      sizeBytes = 0;
    }
    if (slice.length > 0) yield slice;
  }

  /**
   * Walks all pages: their ids, flags and bounds, the order of keys, that no page is reached twice, and that the list
   * of free pages, where there is one, holds just the pages that are not reached.
   *
   * @throws BoltError, most often a BoltDamagedError that names page and reason
   */
  async check(): Promise<BoltCheck> {
    return checkFile(this.#space, this.#meta, new WorkMeter(this.#yieldToLoop));
  }

  async *#rowsOf(bucket: BucketRows): AsyncGenerator<readonly BoltRow[]> {
    if (bucket.kind === 'inline') {
      yield bucket.rows;
      return;
    }
    const tree = { rootPage: bucket.rootPage, rowFlags: elementFlag.row };
    for await (const { rows } of walkTree(this.#space, tree)) yield rows;
  }

  async #find(name: Uint8Array): Promise<BucketRows | undefined> {
    for await (const { page, rows } of walkBuckets(this.#space, this.#meta)) {
      for (const [key, value] of rows) {
        const order = compareBytes(key, name);
        if (order > 0) return undefined;
        if (order === 0) return decodeBucket(value, complainOf(page));
      }
    }
    return undefined;
  }
}
