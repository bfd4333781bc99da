import { compareBytes } from '@quorate/std';
import { BoltDamagedError } from './errors.ts';
import {
  branchSize,
  elementFlag,
  headSize,
  keySizeMax,
  elementSize,
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

/** Branch pages have two children or more, so no tree of 2^53 pages is deeper. */
const depthMax = 64;

/** bbolt keeps at most four elements on a branch page that is larger than a page. */
const branchOverflowMax = 4 * (elementSize + keySizeMax);

/** Keys that may stand in a part of a tree; an absent bound is open. */
interface KeyRange {
  readonly min: Uint8Array | undefined;
  readonly maxExclusive: Uint8Array | undefined;
}

/** A branch page on the way down, and which of its children comes next. */
interface Frame {
  readonly branch: BranchElements;
  readonly range: KeyRange;
  next: number;
}

/** A tree of pages. */
export interface Tree {
  readonly rootPage: number;
  /** Flags that all its leaf elements must have. */
  readonly rowFlags: number;
  /** Called for each page before its elements are looked at. */
  readonly onPage?: (page: PageHeader) => void;
}

/** Rows of a leaf page, and which page it is. */
export interface LeafRows {
  readonly page: number;
  readonly rows: readonly BoltRow[];
}

/**
 * All rows of a tree in key order, leaf page by leaf page; a large page comes in parts. The rows are views of memory
 * that nobody writes to.
 *
 * Terminates on any file. Each key must lie in the range that the branch pages above it leave for it, and the ranges
 * of two children of a page share no key. So a page with keys is found good only once, unless it is its own only
 * ancestor, which the bound on the depth stops; and pages without keys are leaves, as many as branch pages name.
 *
 * @throws BoltDamagedError
 */
export async function* walkTree(space: PageSpace, tree: Tree): AsyncGenerator<LeafRows> {
  const reader = new PageReader(space);
  const frames: Frame[] = [];
  let ids: readonly number[] = [tree.rootPage];
  let index = 0;
  let range: KeyRange = { min: undefined, maxExclusive: undefined };
  for (;;) {
    const page = await reader.header(ids, index);
    tree.onPage?.(page);
    if (page.flags === pageFlag.leaf) {
      yield* leafRows(reader, page, tree.rowFlags, range);
    } else if (page.flags === pageFlag.branch) {
      if (frames.length === depthMax) throw new BoltDamagedError(page.id, 'it lies too deep in its tree');
      frames.push({ branch: await readBranchPage(reader, page, range), range, next: 0 });
    } else {
      throw new BoltDamagedError(page.id, `flags 0x${page.flags.toString(16)} where a tree goes on`);
    }
    const frame = unfinished(frames);
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

/** Drops the frames whose children are all done; returns the last one that is left. */
function unfinished(frames: Frame[]): Frame | undefined {
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
  checkAscending(branch.keys, complain);
  checkRange(branch.keys[0], branch.keys.at(-1), range, complain);
  return branch;
}

/** The rows of a leaf page. What is read at once is bounded by the window, or by one row. */
async function* leafRows(
  reader: PageReader,
  page: PageHeader,
  rowFlags: number,
  range: KeyRange,
): AsyncGenerator<LeafRows> {
  const complain = complainOf(page.id);
  const sizeMax = runSize(reader, page);
  const { count } = page;
  if (headSize(count) > sizeMax) complain(`no room for ${count} elements`);
  const head = reader.buffered(page, 0, headSize(count)) ?? (await reader.bytes(page, 0, headSize(count)));
  const elements = new LeafElements(viewOf(head), count, { sizeMax, rowFlags }, complain);
  checkOverflow(reader, page, elements.endOffset);
  let previous: Uint8Array | undefined;
  for (let first = 0; first < count;) {
    const start = elements.startOf(first);
    let end = first + 1;
    while (end < count && elements.startOf(end + 1) - start <= windowSizeMax) end++;
    const endOffset = elements.startOf(end);
    const data = reader.buffered(page, start, endOffset) ?? (await reader.bytes(page, start, endOffset));
    const rows: BoltRow[] = [];
    elements.rows(data, first, end, rows);
    checkRows(rows, previous, range, complain);
    previous = rows.at(-1)?.[0];
    yield { page: page.id, rows };
    first = end;
  }
}

/** Rows must ascend, from behind `previous`, within the range. */
function checkRows(
  rows: readonly BoltRow[],
  previous: Uint8Array | undefined,
  range: KeyRange,
  complain: Complain,
): void {
  checkRange(previous === undefined ? rows[0]?.[0] : undefined, rows.at(-1)?.[0], range, complain);
  checkRowsAscend(rows, previous, complain);
}

/** Complains of a row that is not behind the one before it, the first one behind `previous`. */
export function checkRowsAscend(
  rows: readonly BoltRow[],
  previous: Uint8Array | undefined,
  complain: Complain,
): void {
  let last = previous;
  for (const [key] of rows) {
    if (last !== undefined && compareBytes(last, key) >= 0) complain('its keys do not ascend');
    last = key;
  }
}

function checkAscending(keys: readonly Uint8Array[], complain: Complain): void {
  for (let i = 1; i < keys.length; i++)
    if (compareBytes(keys[i - 1]!, keys[i]!) >= 0) complain('its keys do not ascend');
}

/** As bbolt's own check: a branch's key may be below the first key of its child, if rows there were deleted. */
function checkRange(
  first: Uint8Array | undefined,
  last: Uint8Array | undefined,
  range: KeyRange,
  complain: Complain,
): void {
  if (first !== undefined && range.min !== undefined && compareBytes(first, range.min) < 0)
    complain('its first key is below the one that the branch above has for it');
  if (last !== undefined && range.maxExclusive !== undefined && compareBytes(last, range.maxExclusive) >= 0)
    complain('its last key is not below the one that the branch above has for the next page');
}

/** bbolt gives a page no overflow page that its data does not reach at least the beginning of. */
function checkOverflow(reader: PageReader, page: PageHeader, usedSize: number): void {
  if (page.overflow * reader.space.pageSizeBytes > usedSize)
    throw new BoltDamagedError(page.id, `it uses ${usedSize} bytes, but has ${page.overflow} overflow pages`);
}

function runSize(reader: PageReader, page: PageHeader): number {
  return (page.overflow + 1) * reader.space.pageSizeBytes;
}

/** Complaints about a page become errors that name it. */
export function complainOf(page: number): Complain {
  return (reason) => {
    throw new BoltDamagedError(page, reason);
  };
}
