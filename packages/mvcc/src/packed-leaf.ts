import { toLatin1 } from '@quorate/std';
import type { Key } from './types.ts';
import { VarintReader, varintSize, writeVarint } from './varint.ts';

/**
 * The keys of a tree's leaf and their heads as bytes: what all keys share once, and of each key what comes behind
 * that. A million numbered keys of 64 bytes take 8 MiB so, as strings with their marks about 105.
 *
 *      +-------+-------+-------------+--------+---------------------+------------------------------+
 *      | count | live  | prefix      | prefix | count times         | count times                  |
 *      | var   | var   | size, var   |        | varint size, suffix | varint head * 2, + 1 when it |
 *      |       |       |             |        |                     | is negative: a tombstone     |
 *      +-------+-------+-------------+--------+---------------------+------------------------------+
 */
export type PackedLeaf = Uint8Array;

/** What a leaf holds. */
export interface LeafContent {
  readonly keys: Key[];
  readonly heads: number[];
}

/** Packs ascending keys, one at least, and their heads, of which `live` are positive. */
export function packLeaf({ keys, heads }: LeafContent, live: number): PackedLeaf {
  const shared = sharedSize(keys[0]!, keys.at(-1)!); // What the first and the last share, all do.
  let sizeMax = varintSize(shared) + 4 * maxVarintSize + shared;
  for (let i = 0; i < keys.length; i++) sizeMax += keys[i]!.length - shared + 2 * maxVarintSize;
  const bytes = roomFor(sizeMax);
  let at = writeVarint(keys.length, bytes, 0);
  at = writeVarint(live, bytes, at);
  at = writeVarint(shared, bytes, at);
  at = writeBytes(keys[0]!, 0, shared, bytes, at);
  for (const key of keys) {
    at = writeVarint(key.length - shared, bytes, at);
    at = writeBytes(key, shared, key.length, bytes, at);
  }
  for (const head of heads) at = writeVarint(head < 0 ? -head * 2 + 1 : head * 2, bytes, at);
  return bytes.slice(0, at);
}

/** What `packLeaf` was given. @throws RangeError when the bytes are cut */
export function unpackLeaf(packed: PackedLeaf): LeafContent {
  const reader = new VarintReader(packed);
  const count = reader.next();
  reader.next();
  const shared = reader.next();
  const whole = startOfKeys(packed, reader, shared);
  const keys: Key[] = [];
  for (let i = 0; i < count; i++) keys.push(readKey(reader, whole, shared));
  const heads: number[] = [];
  for (let i = 0; i < count; i++) {
    const word = reader.next();
    heads.push(word % 2 === 1 ? -(word - 1) / 2 : word / 2);
  }
  return { keys, heads };
}

/** What a tree must know of a leaf that stays packed. @throws RangeError when the bytes are cut */
export function summaryOf(packed: PackedLeaf): {
  readonly count: number;
  readonly live: number;
  readonly first: Key;
} {
  const reader = new VarintReader(packed);
  const count = reader.next();
  const live = reader.next();
  const shared = reader.next();
  const whole = startOfKeys(packed, reader, shared);
  return { count, live, first: readKey(reader, whole, shared) };
}

const maxVarintSize = 8;

/** Memory in which keys are put together, used again and again. */
let scratch = new Uint8Array(4096);

function roomFor(size: number): Uint8Array {
  if (scratch.length < size) scratch = new Uint8Array(2 * size);
  return scratch;
}

/** Puts the prefix where each key begins, with room for the longest key. */
function startOfKeys(packed: PackedLeaf, reader: VarintReader, shared: number): Uint8Array {
  const whole = roomFor(packed.length); // No key is longer than all of them packed.
  for (let i = 0; i < shared; i++) whole[i] = packed[reader.offset + i]!;
  reader.offset += shared;
  return whole;
}

function readKey(reader: VarintReader, whole: Uint8Array, shared: number): Key {
  const size = reader.next();
  const { bytes, offset } = reader;
  if (offset + size > bytes.length) throw new RangeError('the bytes end within a key');
  for (let i = 0; i < size; i++) whole[shared + i] = bytes[offset + i]!;
  reader.offset = offset + size;
  return toLatin1(whole, 0, shared + size);
}

function writeBytes(key: Key, from: number, to: number, bytes: Uint8Array, offset: number): number {
  for (let i = from; i < to; i++) bytes[offset + i - from] = key.charCodeAt(i);
  return offset + to - from;
}

function sharedSize(a: Key, b: Key): number {
  let size = 0;
  while (size < a.length && a.charCodeAt(size) === b.charCodeAt(size)) size++;
  return size;
}
