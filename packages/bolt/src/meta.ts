/**
 * Meta pages, 0 and 1: a page header with flags 0x04, and then
 *
 * ```
 * byte 0       4         8           12      16         24         32         40          48     56         64
 *      +-------+---------+-----------+-------+----------+----------+----------+-----------+------+----------+
 *      | magic | version | page size | flags | root u64 | sequence | freelist | page      | txid | checksum |
 *      | u32   | u32 = 2 | u32       | u32=0 |          | u64      | page u64 | count u64 | u64  | u64      |
 *      +-------+---------+-----------+-------+----------+----------+----------+-----------+------+----------+
 * ```
 *
 * The checksum is FNV-1a over bytes 0 to 55. A transaction t writes page t mod 2, so the valid one with the larger
 * txid counts. `page count` is the first page id that was never given out.
 */
import { BoltError } from './errors.ts';
import { pageFlag, pageHeaderSize, readUint64, viewOf, writePageHeader, writeUint64 } from './page.ts';
import type { BoltSource } from './types.ts';

const magic = 0xed0cdaed;
const version = 2;

const versionOffset = 4;
const pageSizeOffset = versionOffset + 4;
const rootOffset = pageSizeOffset + 8;
const freelistOffset = rootOffset + 16;
const pageCountOffset = freelistOffset + 8;
const txidOffset = pageCountOffset + 8;
const checksumOffset = txidOffset + 8;
const bodySize = checksumOffset + 8;

/** Header and body of a meta page; what follows is of no meaning. */
export const metaSize = pageHeaderSize + bodySize;

export const pageSizeMin = 1024;
export const pageSizeMax = pageSizeMin << 14;

/** What a meta page says. */
export interface Meta {
  readonly pageSizeBytes: number;
  readonly rootPage: number;
  /** Undefined when no list of free pages was written: then all pages that cannot be reached are free. */
  readonly freelistPage: number | undefined;
  readonly pageCount: number;
  readonly txid: bigint;
}

/** Whether bbolt looks for databases with such pages. */
export function isPageSize(size: number): boolean {
  return size >= pageSizeMin && size <= pageSizeMax && (size & (size - 1)) === 0;
}

/** Header and body of the meta page of a transaction. */
export function encodeMeta(meta: Meta): Uint8Array {
  const bytes = new Uint8Array(metaSize);
  const id = Number(meta.txid % 2n);
  writePageHeader(viewOf(bytes), 0, { id, flags: pageFlag.meta, count: 0, overflow: 0 });
  const body = bytes.subarray(pageHeaderSize);
  const view = viewOf(body);
  view.setUint32(0, magic, true);
  view.setUint32(versionOffset, version, true);
  view.setUint32(pageSizeOffset, meta.pageSizeBytes, true);
  writeUint64(view, rootOffset, meta.rootPage);
  if (meta.freelistPage === undefined) view.setBigInt64(freelistOffset, -1n, true);
  else writeUint64(view, freelistOffset, meta.freelistPage);
  writeUint64(view, pageCountOffset, meta.pageCount);
  view.setBigUint64(txidOffset, meta.txid, true);
  view.setBigUint64(checksumOffset, fnv1a64(body.subarray(0, checksumOffset)), true);
  return bytes;
}

/** What the newest valid meta page of a file says. @throws BoltError BOLT_NOT_A_DATABASE */
export async function readNewestMeta(source: BoltSource): Promise<Meta> {
  const first = await readMeta(source, 0);
  if (first !== undefined) return newest(first, await readMeta(source, first.pageSizeBytes));
  for (let pageSize = pageSizeMin; pageSize <= pageSizeMax; pageSize *= 2) {
    const second = await readMeta(source, pageSize);
    if (second?.pageSizeBytes === pageSize) return second;
  }
  throw new BoltError('BOLT_NOT_A_DATABASE', 'the file has no valid meta page of a bolt database');
}

function newest(first: Meta, second: Meta | undefined): Meta {
  if (second === undefined || second.pageSizeBytes !== first.pageSizeBytes) return first;
  return second.txid > first.txid ? second : first;
}

/** The meta page at an offset; undefined when there is no valid one. */
async function readMeta(source: BoltSource, offset: number): Promise<Meta | undefined> {
  const bytes = await source.read(offset, metaSize);
  if (bytes.length < metaSize) return undefined;
  const body = bytes.subarray(pageHeaderSize, metaSize);
  const view = viewOf(body);
  if (view.getUint32(0, true) !== magic || view.getUint32(versionOffset, true) !== version) return undefined;
  if (view.getBigUint64(checksumOffset, true) !== fnv1a64(body.subarray(0, checksumOffset))) return undefined;
  const pageSizeBytes = view.getUint32(pageSizeOffset, true);
  if (!isPageSize(pageSizeBytes)) return undefined;
  return {
    pageSizeBytes,
    rootPage: readUint64(view, rootOffset),
    freelistPage:
      view.getBigInt64(freelistOffset, true) === -1n ? undefined : readUint64(view, freelistOffset),
    pageCount: readUint64(view, pageCountOffset),
    txid: view.getBigUint64(txidOffset, true),
  };
}

/** FNV-1a, 64 bits (Fowler, Noll, Vo). For a few bytes at a time only: it counts in bigints. */
function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
