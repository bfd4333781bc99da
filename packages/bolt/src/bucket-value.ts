/**
 * The value of a bucket, in the root tree under its name:
 *
 * ```
 * | root page u64 | sequence u64 |                       a tree of its own
 * | 0             | sequence u64 | a leaf page, id 0 |   inline: the page holds all rows of the bucket
 * ```
 */
import { toHex } from '@quorate/std';
import { BoltError } from './errors.ts';
import { checkRowOrder } from './key-order.ts';
import {
  headSize,
  LeafElements,
  pageFlag,
  pageHeaderSize,
  elementFlag,
  readPageHeader,
  readUint64,
  viewOf,
  writeLeafHead,
  writeUint64,
  type Complain,
} from './page.ts';
import type { BoltRow } from './types.ts';

const headerSize = 16;

/** Where the rows of a bucket are: on the pages of a tree, or all here. */
export type BucketRows =
  | { readonly kind: 'tree'; readonly rootPage: number }
  | { readonly kind: 'inline'; readonly rows: readonly BoltRow[] };

/** The value of a bucket. */
export function encodeBucket(bucket: BucketRows): Uint8Array {
  if (bucket.kind === 'tree') {
    const value = new Uint8Array(headerSize);
    writeUint64(viewOf(value), 0, bucket.rootPage);
    return value;
  }
  const { rows } = bucket;
  let size = headerSize + headSize(rows.length);
  for (const [key, value] of rows) size += key.length + value.length;
  const bytes = new Uint8Array(size);
  writeLeafHead(viewOf(bytes), headerSize, { id: 0, overflow: 0, rowFlags: elementFlag.row, rows });
  let at = headerSize + headSize(rows.length);
  for (const [key, value] of rows) {
    bytes.set(key, at);
    bytes.set(value, at + key.length);
    at += key.length + value.length;
  }
  return bytes;
}

/** What the value of a bucket says. */
export function decodeBucket(value: Uint8Array, complain: Complain): BucketRows {
  if (value.length < headerSize) complain(`a bucket has a value of ${value.length} bytes`);
  const rootPage = readUint64(viewOf(value), 0);
  const rest = value.subarray(headerSize);
  if (rootPage !== 0) {
    if (rest.length > 0) complain('a bucket with a tree has a page beside it');
    return { kind: 'tree', rootPage };
  }
  if (rest.length < pageHeaderSize) complain('an inline bucket has no page');
  const view = viewOf(rest);
  const { id, flags, count, overflow } = readPageHeader(view);
  if (id !== 0 || flags !== pageFlag.leaf || overflow !== 0)
    complain('an inline bucket is not a leaf page of its own');
  if (headSize(count) > rest.length) complain(`an inline bucket has no room for ${count} elements`);
  const limits = { sizeMax: rest.length, rowFlags: elementFlag.row };
  const elements = new LeafElements(view, count, limits, complain);
  const rows: BoltRow[] = [];
  elements.rows(rest.subarray(headSize(count), elements.endOffset), 0, count, rows);
  checkRowOrder(rows, undefined, complain);
  return { kind: 'inline', rows };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The name of a bucket as text. @throws BoltError BOLT_UNSUPPORTED for bytes that are no text */
export function bucketName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new BoltError('BOLT_UNSUPPORTED', `the name of a bucket, ${toHex(bytes)}, is not UTF-8`);
  }
}
