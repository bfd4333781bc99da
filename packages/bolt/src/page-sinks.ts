import { ChunkQueue } from './chunk-queue.ts';
import { BoltError } from './errors.ts';
import { headSize, viewOf, writeBranchHead, writeLeafHead, type BranchEntry } from './page.ts';
import type { PageSink } from './tree-builder.ts';
import type { BoltRow } from './types.ts';

/** The two meta pages come before all others. */
const firstPage = 2;

/** Gives pages their places, one behind the other, and writes nothing. */
export class PageCounter implements PageSink {
  readonly #pageSizeBytes: number;
  #pageCount = firstPage;

  constructor(pageSizeBytes: number) {
    this.#pageSizeBytes = pageSizeBytes;
  }

  /** Pages so far, those before the first included. */
  get pageCount(): number {
    return this.#pageCount;
  }

  leaf(page: { readonly sizeBytes: number }): number {
    return this.#place(page.sizeBytes);
  }

  branch(page: { readonly sizeBytes: number }): number {
    return this.#place(page.sizeBytes);
  }

  #place(sizeBytes: number): number {
    const id = this.#pageCount;
    this.#pageCount += Math.ceil(sizeBytes / this.#pageSizeBytes);
    return id;
  }
}

/** Writes pages, at the places that a `PageCounter` gives them. */
export class PageEncoder implements PageSink {
  readonly #pageSizeBytes: number;
  readonly #pageCountMax: number;
  readonly #counter: PageCounter;
  readonly #chunks: ChunkQueue;

  /** @throws BoltError BOLT_CHANGED, later, when there are more pages than planned */
  constructor(
    chunks: ChunkQueue,
    options: { readonly pageSizeBytes: number; readonly pageCountMax: number },
  ) {
    this.#chunks = chunks;
    this.#pageSizeBytes = options.pageSizeBytes;
    this.#pageCountMax = options.pageCountMax;
    this.#counter = new PageCounter(options.pageSizeBytes);
  }

  get pageCount(): number {
    return this.#counter.pageCount;
  }

  leaf(page: {
    readonly rows: readonly BoltRow[];
    readonly rowFlags: number;
    readonly sizeBytes: number;
  }): number {
    const { rows, rowFlags, sizeBytes } = page;
    const id = this.#counter.leaf(page);
    const head = { id, overflow: this.#overflowOf(id), rowFlags, rows };
    if (head.overflow > 0) {
      const bytes = new Uint8Array(headSize(rows.length));
      writeLeafHead(viewOf(bytes), 0, head);
      this.#append(bytes, rows.flat(), sizeBytes);
      return id;
    }
    const { bytes, view, start } = this.#chunks.page(this.#pageSizeBytes);
    writeLeafHead(view, start, head);
    let at = start + headSize(rows.length);
    for (const [key, value] of rows) {
      bytes.set(key, at);
      bytes.set(value, at + key.length);
      at += key.length + value.length;
    }
    return id;
  }

  branch(page: { readonly entries: readonly BranchEntry[]; readonly sizeBytes: number }): number {
    const { entries, sizeBytes } = page;
    const id = this.#counter.branch(page);
    const head = { id, overflow: this.#overflowOf(id), entries };
    const bytes = new Uint8Array(headSize(entries.length));
    writeBranchHead(viewOf(bytes), 0, head);
    this.#append(
      bytes,
      entries.map((entry) => entry.key),
      sizeBytes,
    );
    return id;
  }

  /** Of the page that was placed last. */
  #overflowOf(id: number): number {
    if (this.pageCount > this.#pageCountMax)
      throw new BoltError('BOLT_CHANGED', 'there are more rows than when they were read first');
    return this.pageCount - id - 1;
  }

  #append(head: Uint8Array, data: readonly Uint8Array[], sizeBytes: number): void {
    const pages = Math.ceil(sizeBytes / this.#pageSizeBytes);
    this.#chunks.append([head, ...data, new Uint8Array(pages * this.#pageSizeBytes - sizeBytes)]);
  }
}
