/** Files that no writer makes: page by page, to be damaged at will. */
import { encodeBucket } from '../src/bucket-value.ts';
import { encodeMeta, type Meta } from '../src/meta.ts';
import {
  elementFlag,
  headSize,
  pageFlag,
  viewOf,
  writeBranchHead,
  writeLeafHead,
  writePageHeader,
  writeUint64,
  type BranchEntry,
} from '../src/page.ts';
import { concatBytes, fromUtf8 } from '@quorate/std';
import type { BoltRow } from '../src/index.ts';

export const pageSize = 1024;

/** Pages by id, each as many bytes as it likes; what is absent is zeros. */
export type Pages = Readonly<Record<number, Uint8Array>>;

/** A file of pages, with two valid meta pages unless `metas` says otherwise. */
export function fileOf(pages: Pages, meta: Partial<Meta> = {}): Uint8Array {
  const ends = Object.entries(pages).map(([id, bytes]) => Number(id) + Math.ceil(bytes.length / pageSize));
  const pageCount = meta.pageCount ?? Math.max(...ends);
  const file = new Uint8Array(Math.max(pageCount, ...ends) * pageSize);
  const whole = { pageSizeBytes: pageSize, rootPage: 2, freelistPage: undefined, ...meta, pageCount };
  for (const txid of [0n, 1n]) file.set(encodeMeta({ ...whole, txid }), Number(txid) * pageSize);
  for (const [id, bytes] of Object.entries(pages)) file.set(bytes, Number(id) * pageSize);
  return file;
}

export function leaf(
  id: number,
  rows: readonly BoltRow[],
  options: { readonly overflow?: number; readonly rowFlags?: number } = {},
): Uint8Array {
  const { overflow = 0, rowFlags = elementFlag.row } = options;
  const head = new Uint8Array(headSize(rows.length));
  writeLeafHead(viewOf(head), 0, { id, overflow, rowFlags, rows });
  return concatBytes([head, ...rows.flat()]);
}

export function branch(id: number, children: readonly (readonly [key: string, child: number])[]): Uint8Array {
  const entries: BranchEntry[] = children.map(([key, child]) => ({ key: fromUtf8(key), child }));
  const keys = concatBytes(entries.map((entry) => entry.key));
  const head = new Uint8Array(headSize(entries.length));
  const overflow = Math.ceil((head.length + keys.length) / pageSize) - 1;
  writeBranchHead(viewOf(head), 0, { id, overflow, entries });
  return concatBytes([head, keys]);
}

/** A leaf page of buckets whose trees begin at pages. */
export function root(id: number, buckets: Readonly<Record<string, number>>): Uint8Array {
  const rows = Object.entries(buckets).map(([name, rootPage]): BoltRow => [
    fromUtf8(name),
    encodeBucket({ kind: 'tree', rootPage }),
  ]);
  return leaf(id, rows, { rowFlags: elementFlag.bucket });
}

export function freelist(
  id: number,
  ids: readonly number[],
  options: { readonly longForm?: boolean } = {},
): Uint8Array {
  const numbers = options.longForm === true ? [ids.length, ...ids] : ids;
  const bytes = new Uint8Array(headSize(0) + 8 * numbers.length);
  const view = viewOf(bytes);
  const count = options.longForm === true ? 0xffff : ids.length;
  const overflow = Math.ceil(bytes.length / pageSize) - 1;
  writePageHeader(view, 0, { id, flags: pageFlag.freelist, count, overflow });
  for (const [i, number] of numbers.entries()) writeUint64(view, headSize(0) + 8 * i, number);
  return bytes;
}

/** A copy with bytes changed, from an offset on. */
export function patched(bytes: Uint8Array, offset: number, changes: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(changes, offset);
  return copy;
}
