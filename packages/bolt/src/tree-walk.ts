import { BoltDamagedError } from './errors.ts';
import { checkKeyOrder, checkKeyRange, checkRowOrder, type KeyRange } from './key-order.ts';
import {
  branchSize,
  elementFlag,
  elementSize,
  headSize,
  keySizeMax,
  LeafElements,
  pageFlag,
  readBranch,
  viewOf,
  type BranchElements,
  type Complain,
  type PageHeader,
} from './page.ts';
import { PageReader, windowSizeMax, type PageSpace } from './page-reader.ts';
import type { BoltRow } from './types.ts';

/** Bounds the memory of a walk. With two children or more on each branch page, no tree of 2^53 pages is deeper. */
const depthMax = 64;

/** bbolt keeps at most four elements on a branch page that is larger than a page. */
const branchOverflowMax = 4 * (elementSize + keySizeMax);

/** A tree of pages. */
export interface Tree {
  readonly rootPage: number;
  /** Flags that all its leaf elements must have. */
  readonly rowFlags: number;
  /** Called for each page when its elements were found good, so that its overflow is real. */
  readonly onPage?: (page: PageHeader) => void;
}

/** Rows of a leaf page, and which page it is. */
export interface LeafRows {
  readonly page: number;
  readonly rows: readonly BoltRow[];
}

/** A branch page on the way down, and which of its children comes next. */
interface Frame {
  readonly branch: BranchElements;
  readonly range: KeyRange;
  next: number;
}

/**
 * All rows of a tree in key order, leaf page by leaf page; a large page comes in parts. The rows are views of memory
 * that nobody writes to.
 *
 * Ends on any file: a walk goes through no more pages than there are, overflow pages counted, whatever cycles or pages
 * within pages a file has. So neither can it find more bytes than the file has.
 *
 * @throws BoltDamagedError
 */
export async function* walkTree(space: PageSpace, tree: Tree): AsyncGenerator<LeafRows> {
  const frames: Frame[] = [];
  // Each level reads through a window of its own, or a page of another level would push it away.
  const readers: PageReader[] = [];
  let pagesLeft = space.pageCount;
  let ids: readonly number[] = [tree.rootPage];
  let index = 0;
  let range: KeyRange = { min: undefined, maxExclusive: undefined };
  for (;;) {
    const reader = (readers[frames.length] ??= new PageReader(space));
    const page = await reader.header(ids, index);
    pagesLeft -= 1 + page.overflow;
    if (pagesLeft < 0) throw new BoltDamagedError(page.id, 'its tree has more pages than the file');
    if (page.flags === pageFlag.leaf) {
      yield* leafRows(reader, page, tree, range);
    } else if (page.flags === pageFlag.branch) {
      if (frames.length === depthMax) throw new BoltDamagedError(page.id, 'it lies too deep in its tree');
      const branch = await readBranchPage(reader, page, range);
      tree.onPage?.(page);
      frames.push({ branch, range, next: 0 });
    } else {
      throw new BoltDamagedError(page.id, `flags 0x${page.flags.toString(16)} where a tree goes on`);
    }
    const frame = lastUnfinished(frames);
    if (frame === undefined) return;
    const { keys, children } = frame.branch;
    ids = children;
    index = frame.next++;
    range = { min: keys[index], maxExclusive: keys[index + 1] ?? frame.range.maxExclusive };
  }
}

/** The tree that the meta page names: its rows are the buckets. */
export function walkBuckets(
  space: PageSpace,
  meta: { readonly rootPage: number },
  onPage?: (page: PageHeader) => void,
): AsyncGenerator<LeafRows> {
  return walkTree(space, {
    rootPage: meta.rootPage,
    rowFlags: elementFlag.bucket,
    ...(onPage !== undefined && { onPage }),
  });
}

/** Complaints about a page become errors that name it. */
export function complainOf(page: number): Complain {
  return (reason) => {
    throw new BoltDamagedError(page, reason);
  };
}

/** Drops the frames whose children are all done; returns the last one that is left. */
function lastUnfinished(frames: Frame[]): Frame | undefined {
  for (;;) {
    const frame = frames.at(-1);
    if (frame === undefined || frame.next < frame.branch.children.length) return frame;
    frames.pop();
  }
}

async function readBranchPage(
  reader: PageReader,
  page: PageHeader,
  range: KeyRange,
): Promise<BranchElements> {
  const complain = complainOf(page.id);
  const { pageSizeBytes } = reader.space;
  const sizeMax = Math.min(runSize(reader, page), pageSizeBytes + branchOverflowMax);
  if (page.count === 0) complain('a branch without children');
  if (headSize(page.count) > sizeMax) complain(`no room for ${page.count} elements`);
  const head = await reader.bytes(page, 0, headSize(page.count));
  const size = branchSize(viewOf(head), page.count, sizeMax, complain);
  checkOverflow(reader, page, size);
  const branch = readBranch(await reader.bytes(page, 0, size), page.count);
  checkKeyOrder(branch.keys, complain);
  checkKeyRange({ first: branch.keys[0], last: branch.keys.at(-1) }, range, complain);
  return branch;
}

/** The rows of a leaf page. What is read at once is bounded by the window, or by one row. */
async function* leafRows(
  reader: PageReader,
  page: PageHeader,
  tree: Tree,
  range: KeyRange,
): AsyncGenerator<LeafRows> {
  const complain = complainOf(page.id);
  const sizeMax = runSize(reader, page);
  const { count } = page;
  if (headSize(count) > sizeMax) complain(`no room for ${count} elements`);
  const head = await reader.bytes(page, 0, headSize(count));
  const elements = new LeafElements(viewOf(head), count, { sizeMax, rowFlags: tree.rowFlags }, complain);
  checkOverflow(reader, page, elements.endOffset);
  tree.onPage?.(page);
  let previous: Uint8Array | undefined;
  for (let first = 0; first < count;) {
    const end = elements.endOfPart(first, windowSizeMax);
    const [start, endOffset] = [elements.startOf(first), elements.startOf(end)];
    const data = await reader.bytes(page, start, endOffset);
    const rows: BoltRow[] = [];
    elements.rows(data, first, end, rows);
    checkRowOrder(rows, previous, complain);
    const last = rows.at(-1)?.[0];
    checkKeyRange({ first: first === 0 ? rows[0]?.[0] : undefined, last }, range, complain);
    yield { page: page.id, rows };
    previous = last;
    first = end;
  }
}

/** bbolt gives a page no overflow page that its data does not reach at least the beginning of. */
function checkOverflow(reader: PageReader, page: PageHeader, usedSize: number): void {
  if (page.overflow * reader.space.pageSizeBytes > usedSize)
    throw new BoltDamagedError(page.id, `it uses ${usedSize} bytes, but has ${page.overflow} overflow pages`);
}

function runSize(reader: PageReader, page: PageHeader): number {
  return (page.overflow + 1) * reader.space.pageSizeBytes;
}
