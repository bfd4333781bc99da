import { copyBytes } from '@quorate/std';
import type { BucketRows } from './bucket-value.ts';
import { elementCountMax, elementSize, leafRowSize, pageHeaderSize, type BranchEntry } from './page.ts';
import type { BoltRow } from './types.ts';

/** Takes pages as they become full, gives them places in the file, and says at which page each begins. */
export interface PageSink {
  leaf(page: {
    readonly rows: readonly BoltRow[];
    readonly rowFlags: number;
    readonly sizeBytes: number;
  }): number;
  branch(page: { readonly entries: readonly BranchEntry[]; readonly sizeBytes: number }): number;
}

/** A branch page has two children at least; a node with fewer would be one that bbolt merges away. */
const branchEntriesMin = 2;

/**
 * Branch pages of one level, being filled from left to right. The page that is full is given away only when two more
 * entries have come, since these can then begin the next page, and no page ends up with a single child.
 *
 * Invariant: entries[0, fitCount) fit in one page (or are the first two); at most one entry is behind them.
 */
class BranchLevel {
  readonly #capacity: number;
  #entries: BranchEntry[] = [];
  #fitCount = 0;
  #fitSize = pageHeaderSize;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Adds an entry; returns those of a page that is finished by it. */
  push(entry: BranchEntry): BranchEntry[] | undefined {
    this.#entries.push(entry);
    if (this.#entries.length === this.#fitCount + 1) {
      const size = this.#fitSize + branchEntrySize(entry);
      const fits = size <= this.#capacity && this.#fitCount < elementCountMax;
      if (!fits && this.#fitCount >= branchEntriesMin) return undefined;
      this.#fitCount++;
      this.#fitSize = size;
      return undefined;
    }
    const full = this.#entries.splice(0, this.#fitCount);
    this.#fitCount = this.#entries.length;
    this.#fitSize = branchPageSize(this.#entries);
    return full;
  }

  /** What is left, as one page or two. */
  rest(): BranchEntry[][] {
    const count = this.#entries.length;
    if (count === this.#fitCount || count < 2 * branchEntriesMin) return [this.#entries];
    return [this.#entries.slice(0, -branchEntriesMin), this.#entries.slice(-branchEntriesMin)];
  }
}

/**
 * Makes a tree of rows that come in ascending order, from left to right and from the leaves up: each page is given
 * away as soon as it is full, children before parents. It keeps one page of each level, with copies of first keys.
 */
export class TreeBuilder {
  readonly #sink: PageSink;
  readonly #capacity: number;
  readonly #rowFlags: number;
  readonly #levels: BranchLevel[] = [];
  #rows: BoltRow[] = [];
  #leafSize = pageHeaderSize;

  /** `capacity` is how many bytes of a page are to be used. */
  constructor(sink: PageSink, options: { readonly capacity: number; readonly rowFlags: number }) {
    this.#sink = sink;
    this.#capacity = options.capacity;
    this.#rowFlags = options.rowFlags;
  }

  add(row: BoltRow): void {
    const size = leafRowSize(row);
    const fits = this.#leafSize + size <= this.#capacity && this.#rows.length < elementCountMax;
    if (!fits && this.#rows.length > 0) this.#push(0, this.#cutLeaf());
    this.#rows.push(row);
    this.#leafSize += size;
  }

  /** Ends the tree: its root page, or its rows when they are few enough to need no page. */
  finish(options: { readonly inlineSizeMax: number }): BucketRows {
    if (this.#levels.length === 0 && this.#leafSize <= options.inlineSizeMax)
      return { kind: 'inline', rows: this.#rows };
    let last = [this.#cutLeaf()];
    for (let depth = 0; depth < this.#levels.length || last.length > 1; depth++) {
      for (const entry of last) this.#push(depth, entry);
      last = this.#levels[depth]!.rest().map((entries) => this.#cutBranch(entries));
    }
    return { kind: 'tree', rootPage: last[0]!.child };
  }

  #push(depth: number, entry: BranchEntry): void {
    const level = (this.#levels[depth] ??= new BranchLevel(this.#capacity));
    const full = level.push(entry);
    if (full !== undefined) this.#push(depth + 1, this.#cutBranch(full));
  }

  #cutLeaf(): BranchEntry {
    const rows = this.#rows;
    const child = this.#sink.leaf({ rows, rowFlags: this.#rowFlags, sizeBytes: this.#leafSize });
    this.#rows = [];
    this.#leafSize = pageHeaderSize;
    const first = rows[0];
    // Copied, since a view would keep alive all of the slice that the row came in.
    return { key: first === undefined ? new Uint8Array(0) : copyBytes(first[0]), child };
  }

  #cutBranch(entries: BranchEntry[]): BranchEntry {
    const child = this.#sink.branch({ entries, sizeBytes: branchPageSize(entries) });
    return { key: entries[0]!.key, child };
  }
}

function branchEntrySize(entry: BranchEntry): number {
  return elementSize + entry.key.length;
}

function branchPageSize(entries: readonly BranchEntry[]): number {
  let size = pageHeaderSize;
  for (const entry of entries) size += branchEntrySize(entry);
  return size;
}
