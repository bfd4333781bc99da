import { invariant } from '@quorate/std';
import { BoltDamagedError } from './errors.ts';
import { pageHeaderSize, readPageHeader, viewOf, type PageHeader } from './page.ts';
import type { BoltSource } from './types.ts';

/** Most that is read ahead; also about the size of a slice of rows. */
export const windowSizeMax = 256 * 1024;

/** Pages between two that are wanted are read as well when they are no more than this: cheaper than a second read. */
const gapSizeMax = 32 * 1024;

/** The pages of a file, as its newest meta page describes them. */
export interface PageSpace {
  readonly source: BoltSource;
  readonly pageSizeBytes: number;
  /** First page id that was never given out; the file is known to have all below it. */
  readonly pageCount: number;
}

/**
 * Reads pages through a window of the file. A window is never changed once it is read, so views of it may be handed
 * out; memory is bounded by the window, or by what one read asks for.
 */
export class PageReader {
  readonly space: PageSpace;
  #window: Uint8Array = new Uint8Array(0);
  #windowOffset = 0;

  constructor(space: PageSpace) {
    this.space = space;
  }

  /**
   * The header of page `ids[index]`, checked: it is the page it says it is, and the file has all of it. The ids behind
   * `index` are those wanted next: what lies close is read along.
   *
   * @throws BoltDamagedError
   */
  async header(ids: readonly number[], index: number): Promise<PageHeader> {
    const id = ids[index];
    invariant(id !== undefined, 'the page asked for must be one of the list');
    const { pageSizeBytes, pageCount } = this.space;
    if (id < 2 || id >= pageCount)
      throw new BoltDamagedError(id, `there are only pages 2 to ${pageCount - 1}`);
    const offset = id * pageSizeBytes;
    if (!this.#covers(offset, pageHeaderSize)) {
      this.#window = await this.#readAll(offset, this.#spanFrom(ids, index), id);
      this.#windowOffset = offset;
    }
    const header = readPageHeader(viewOf(this.#window), offset - this.#windowOffset);
    if (header.id !== id) throw new BoltDamagedError(id, `it says that it is page ${header.id}`);
    if (id + header.overflow >= pageCount)
      throw new BoltDamagedError(id, `its ${header.overflow} overflow pages are beyond the last page`);
    return header;
  }

  /** Bytes of a page, from `start` to `endExclusive` within it, overflow pages included. */
  async bytes(page: PageHeader, start: number, endExclusive: number): Promise<Uint8Array> {
    const offset = page.id * this.space.pageSizeBytes + start;
    const size = endExclusive - start;
    if (!this.#covers(offset, size)) return this.#readAll(offset, size, page.id);
    return this.#window.subarray(offset - this.#windowOffset, offset - this.#windowOffset + size);
  }

  #covers(offset: number, size: number): boolean {
    return offset >= this.#windowOffset && offset + size <= this.#windowOffset + this.#window.length;
  }

  /** How many bytes to read from page `ids[index]` on, so that the pages wanted next come along where they lie close. */
  #spanFrom(ids: readonly number[], index: number): number {
    const { pageSizeBytes } = this.space;
    const first = ids[index]!;
    let last = first;
    for (let i = index + 1; i < ids.length; i++) {
      const id = ids[i]!;
      if (id <= last || (id - last - 1) * pageSizeBytes > gapSizeMax) break;
      if ((id + 1 - first) * pageSizeBytes > windowSizeMax || id >= this.space.pageCount) break;
      last = id;
    }
    return (last + 1 - first) * pageSizeBytes;
  }

  async #readAll(offset: number, size: number, page: number): Promise<Uint8Array> {
    const bytes = await this.space.source.read(offset, size);
    if (bytes.length < size) throw new BoltDamagedError(page, 'the file ends within it');
    return bytes;
  }
}
