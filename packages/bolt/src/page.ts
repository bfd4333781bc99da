/**
 * Pages other than meta pages, little-endian:
 *
 * ```
 * byte 0        8      10      12          16                  16 + 16 n
 *      +--------+-------+-------+-----------+-------------------+--------------------------------+
 *      | id u64 | flags | count | overflow  | n elements        | key value key value ...        |
 *      +--------+-------+-------+-----------+-------------------+--------------------------------+
 *                 u16     u16=n   u32: more     16 bytes each      branch pages: keys alone
 *                                 pages behind
 *
 * element of a leaf:    | flags u32 | pos u32 | key size u32 | value size u32 |
 * element of a branch:  | pos u32 | key size u32 | child page id u64 |
 * ```
 *
 * `pos` counts from the start of its own element. The data of an element begins where that of the one before it ends:
 * bbolt has always written it so, and as nothing but a meta page has a checksum, the decoder insists on it.
 */
import { BoltError } from './errors.ts';
import type { BoltRow } from './types.ts';

export const pageHeaderSize = 16;
export const elementSize = 16;

export const pageFlag = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;

/** Flags of a leaf element: a row, or a bucket whose value says where its rows are. */
export const elementFlag = { row: 0, bucket: 1 } as const;

export const keySizeMax = 32_768;
export const valueSizeMax = 2 ** 31 - 2;
/** bbolt refuses to write a page with 0xFFFF elements. */
export const elementCountMax = 0xfffe;

const flagsOffset = 8;
const countOffset = flagsOffset + 2;
const overflowOffset = countOffset + 2;

const leafPosOffset = 4;
const leafKeySizeOffset = leafPosOffset + 4;
const leafValueSizeOffset = leafKeySizeOffset + 4;

const branchKeySizeOffset = 4;
const branchChildOffset = branchKeySizeOffset + 4;

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  readonly overflow: number;
}

/** A child of a branch page: the first key in it or below it, and its page id. */
export interface BranchEntry {
  readonly key: Uint8Array;
  readonly child: number;
}

/** A child's place in a decoded branch page. */
export interface BranchElements {
  readonly keys: readonly Uint8Array[];
  readonly children: readonly number[];
}

/** Says what is wrong with a page; throws. */
export type Complain = (reason: string) => never;

/** An unsigned 64-bit number that is exact below 2^53, and at least 2^53 above: good for comparing with counts. */
export function readUint64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

export function writeUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function readPageHeader(view: DataView, start = 0): PageHeader {
  return {
    id: readUint64(view, start),
    flags: view.getUint16(start + flagsOffset, true),
    count: view.getUint16(start + countOffset, true),
    overflow: view.getUint32(start + overflowOffset, true),
  };
}

export function writePageHeader(view: DataView, start: number, header: PageHeader): void {
  writeUint64(view, start, header.id);
  view.setUint16(start + flagsOffset, header.flags, true);
  view.setUint16(start + countOffset, header.count, true);
  view.setUint32(start + overflowOffset, header.overflow, true);
}

/** Where the data of a page begins, which is how many bytes header and elements take. */
export function headSize(count: number): number {
  return pageHeaderSize + elementSize * count;
}

/** Bytes that a row takes on a leaf page. */
export function leafRowSize([key, value]: BoltRow): number {
  return elementSize + key.length + value.length;
}

/** Writes header and elements of a leaf page; its data is for the caller to write behind them. */
export function writeLeafHead(
  view: DataView,
  start: number,
  page: {
    readonly id: number;
    readonly overflow: number;
    readonly rowFlags: number;
    readonly rows: readonly BoltRow[];
  },
): void {
  const { id, overflow, rowFlags, rows } = page;
  writePageHeader(view, start, { id, flags: pageFlag.leaf, count: rows.length, overflow });
  let element = start + pageHeaderSize;
  let data = start + headSize(rows.length);
  for (const [key, value] of rows) {
    view.setUint32(element, rowFlags, true);
    view.setUint32(element + leafPosOffset, data - element, true);
    view.setUint32(element + leafKeySizeOffset, key.length, true);
    view.setUint32(element + leafValueSizeOffset, value.length, true);
    element += elementSize;
    data += key.length + value.length;
  }
}

/** Writes header and elements of a branch page; its data is for the caller to write behind them. */
export function writeBranchHead(
  view: DataView,
  start: number,
  page: { readonly id: number; readonly overflow: number; readonly entries: readonly BranchEntry[] },
): void {
  const { id, overflow, entries } = page;
  writePageHeader(view, start, { id, flags: pageFlag.branch, count: entries.length, overflow });
  let element = start + pageHeaderSize;
  let data = start + headSize(entries.length);
  for (const { key, child } of entries) {
    view.setUint32(element, data - element, true);
    view.setUint32(element + branchKeySizeOffset, key.length, true);
    writeUint64(view, element + branchChildOffset, child);
    element += elementSize;
    data += key.length;
  }
}

/**
 * The elements of a leaf page, checked: each lies where it must, and none reaches beyond `sizeMax` bytes from the
 * start of the page. Whatever rows the page holds, they are thus no more bytes than the page has.
 */
export class LeafElements {
  readonly count: number;
  /** Bytes from the start of the page to the end of its data. */
  readonly endOffset: number;
  readonly #view: DataView;

  /** `head` begins with the header of the page and holds all elements. */
  constructor(
    head: DataView,
    count: number,
    limits: { readonly sizeMax: number; readonly rowFlags: number },
    complain: Complain,
  ) {
    let end = headSize(count);
    for (let i = 0; i < count; i++) {
      const element = pageHeaderSize + elementSize * i;
      const flags = head.getUint32(element, true);
      const keySize = head.getUint32(element + leafKeySizeOffset, true);
      const valueSize = head.getUint32(element + leafValueSizeOffset, true);
      if (flags !== limits.rowFlags) refuseFlags(i, flags, complain);
      if (element + head.getUint32(element + leafPosOffset, true) !== end)
        complain(`the data of element ${i} is not behind that of the one before`);
      if (keySize === 0 || keySize > keySizeMax) complain(`element ${i} has a key of ${keySize} bytes`);
      if (valueSize > valueSizeMax) complain(`element ${i} has a value of ${valueSize} bytes`);
      end += keySize + valueSize;
      if (end > limits.sizeMax) complain(`element ${i} reaches beyond the end of the page`);
    }
    this.#view = head;
    this.count = count;
    this.endOffset = end;
  }

  /** Where, from the start of the page, the data of an element begins. */
  startOf(index: number): number {
    if (index === this.count) return this.endOffset;
    const element = pageHeaderSize + elementSize * index;
    return element + this.#view.getUint32(element + leafPosOffset, true);
  }

  /** The end of as many elements from `first` on as have data of `sizeMax` bytes; of one, if that one has more. */
  endOfPart(first: number, sizeMax: number): number {
    const start = this.startOf(first);
    if (this.endOffset - start <= sizeMax) return this.count;
    let end = first + 1;
    while (end < this.count && this.startOf(end + 1) - start <= sizeMax) end++;
    return end;
  }

  /** Appends the rows `first` to `endExclusive` to `rows`; `data` begins with the data of `first`. */
  rows(data: Uint8Array, first: number, endExclusive: number, rows: BoltRow[]): void {
    let at = 0;
    for (let i = first; i < endExclusive; i++) {
      const element = pageHeaderSize + elementSize * i;
      const keyEnd = at + this.#view.getUint32(element + leafKeySizeOffset, true);
      const valueEnd = keyEnd + this.#view.getUint32(element + leafValueSizeOffset, true);
      rows.push([data.subarray(at, keyEnd), data.subarray(keyEnd, valueEnd)]);
      at = valueEnd;
    }
  }
}

function refuseFlags(index: number, flags: number, complain: Complain): never {
  if (flags === elementFlag.bucket)
    throw new BoltError('BOLT_UNSUPPORTED', 'the database has a bucket within a bucket');
  return complain(`element ${index} has flags 0x${flags.toString(16)}`);
}

/** How many bytes a branch page takes, its keys included, by its elements; `head` holds all of those. */
export function branchSize(head: DataView, count: number, sizeMax: number, complain: Complain): number {
  let end = headSize(count);
  for (let i = 0; i < count; i++) {
    const element = pageHeaderSize + elementSize * i;
    const keySize = head.getUint32(element + branchKeySizeOffset, true);
    if (element + head.getUint32(element, true) !== end)
      complain(`the key of element ${i} is not behind that of the one before`);
    if (keySize === 0 || keySize > keySizeMax) complain(`element ${i} has a key of ${keySize} bytes`);
    end += keySize;
    if (end > sizeMax) complain(`element ${i} reaches beyond the end of the page`);
  }
  return end;
}

/** Keys and children of a branch page that `branchSize` has found good; `bytes` is the page. */
export function readBranch(bytes: Uint8Array, count: number): BranchElements {
  const view = viewOf(bytes);
  const keys: Uint8Array[] = [];
  const children: number[] = [];
  let at = headSize(count);
  for (let i = 0; i < count; i++) {
    const element = pageHeaderSize + elementSize * i;
    const end = at + view.getUint32(element + branchKeySizeOffset, true);
    keys.push(bytes.subarray(at, end));
    children.push(readUint64(view, element + branchChildOffset));
    at = end;
  }
  return { keys, children };
}
