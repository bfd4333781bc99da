import { decodeBucket } from './bucket-value.ts';
import { BoltDamagedError } from './errors.ts';
import { freePages } from './freelist.ts';
import type { Meta } from './meta.ts';
import { elementFlag, type PageHeader } from './page.ts';
import type { PageSpace } from './page-reader.ts';
import { PageSet } from './page-set.ts';
import { complainOf, walkBuckets, walkTree } from './tree-walk.ts';
import type { BoltRow } from './types.ts';
import type { WorkMeter } from './work-meter.ts';

/** What a file holds, all of which was found good. */
export interface BoltCheck {
  /** Pages given out so far, meta pages and free ones included. */
  readonly pageCount: number;
  readonly freePageCount: number;
  readonly bucketCount: number;
  /** Rows of all buckets. */
  readonly rowCount: number;
  /** Bytes of their keys and values. */
  readonly rowSizeBytes: number;
}

/** Walks all that can be reached from the meta page, and the list of free pages. @throws BoltError */
export async function checkFile(space: PageSpace, meta: Meta, meter: WorkMeter): Promise<BoltCheck> {
  const checker = new Checker(space, meter);
  await checker.checkBuckets(meta);
  if (meta.freelistPage !== undefined) await checker.checkFreelist(meta.freelistPage);
  return checker.result();
}

class Checker {
  readonly #space: PageSpace;
  readonly #meter: WorkMeter;
  /** Pages that have a use: those of trees, and the list of free pages itself. */
  readonly #used = new PageSet();
  #bucketCount = 0;
  #rowCount = 0;
  #rowSizeBytes = 0;

  constructor(space: PageSpace, meter: WorkMeter) {
    this.#space = space;
    this.#meter = meter;
  }

  result(): BoltCheck {
    const { pageCount } = this.#space;
    return {
      pageCount,
      freePageCount: pageCount - 2 - this.#used.size,
      bucketCount: this.#bucketCount,
      rowCount: this.#rowCount,
      rowSizeBytes: this.#rowSizeBytes,
    };
  }

  async checkBuckets(meta: Meta): Promise<void> {
    for await (const { page, rows } of walkBuckets(this.#space, meta, this.#use)) {
      for (const [, value] of rows) {
        this.#bucketCount++;
        await this.#checkBucket(value, page);
      }
    }
  }

  async #checkBucket(value: Uint8Array, page: number): Promise<void> {
    const bucket = decodeBucket(value, complainOf(page));
    if (bucket.kind === 'inline') {
      await this.#count(bucket.rows);
      return;
    }
    const tree = { rootPage: bucket.rootPage, rowFlags: elementFlag.row, onPage: this.#use };
    for await (const { rows } of walkTree(this.#space, tree)) await this.#count(rows);
  }

  async #count(rows: readonly BoltRow[]): Promise<void> {
    let sizeBytes = 0;
    for (const [key, value] of rows) sizeBytes += key.length + value.length;
    this.#rowCount += rows.length;
    this.#rowSizeBytes += sizeBytes;
    this.#meter.spend(rows.length, sizeBytes);
    if (this.#meter.isDue) await this.#meter.pause();
  }

  /** Each page must be in use or in the list, and none in both. */
  async checkFreelist(listPage: number): Promise<void> {
    const { pageCount } = this.#space;
    let next = 2;
    for await (const ids of freePages(this.#space, listPage, this.#use)) {
      for (const id of ids) {
        if (this.#used.has(id)) throw new BoltDamagedError(id, 'it is in use, and in the list of free pages');
        this.#checkUsed(next, id);
        next = id + 1;
      }
      this.#meter.spend(ids.length, 0);
      if (this.#meter.isDue) await this.#meter.pause();
    }
    this.#checkUsed(next, pageCount);
  }

  #checkUsed(first: number, endExclusive: number): void {
    for (let id = first; id < endExclusive; id++)
      if (!this.#used.has(id))
        throw new BoltDamagedError(id, 'it is neither in use nor in the list of free pages');
  }

  readonly #use = (page: PageHeader): void => {
    for (let id = page.id; id <= page.id + page.overflow; id++)
      if (!this.#used.add(id)) throw new BoltDamagedError(id, 'it is reached twice');
  };
}
