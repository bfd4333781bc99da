import { invariant } from '@quorate/std';

/**
 * A revision as a key of etcd's buckets:
 *
 *      0            8     9            17
 *      +------------+-----+------------+-------+
 *      | main BE 64 | '_' | sub BE 64  | ('t') |   the last byte only in the key of a tombstone
 *      +------------+-----+------------+-------+
 */
const mainOffset = 0;
const separatorOffset = mainOffset + 8;
const subOffset = separatorOffset + 1;
const markOffset = subOffset + 8;
const separator = 0x5f;
const tombstoneMark = 0x74;
const twoTo32 = 0x1_0000_0000;

/** Bytes of the key of a revision that is not a tombstone. */
export const revisionKeySize = markOffset;
/** Bytes of the key of a tombstone. */
export const tombstoneKeySize = markOffset + 1;

/** What a revision key says. */
export interface RevisionKey {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
}

/** The key of a revision, 17 bytes, or 18 for a tombstone. */
export function encodeRevisionKey(main: number, sub: number, tombstone = false): Uint8Array {
  const key = new Uint8Array(tombstone ? tombstoneKeySize : revisionKeySize);
  writeRevisionKey(main, sub, key);
  if (tombstone) key[markOffset] = tombstoneMark;
  return key;
}

/** Writes the first 17 bytes of a revision key. */
export function writeRevisionKey(main: number, sub: number, target: Uint8Array): void {
  writeUint64(main, target, mainOffset);
  target[separatorOffset] = separator;
  writeUint64(sub, target, subOffset);
}

/**
 * The revision in a key of `encodeRevisionKey`, of which nothing is kept.
 *
 * @throws InvariantError when the bytes are no revision key
 */
export function decodeRevisionKey(key: Uint8Array): RevisionKey {
  const tombstone = key.length === tombstoneKeySize;
  invariant(tombstone || key.length === revisionKeySize, 'a revision key has 17 or 18 bytes');
  invariant(key[separatorOffset] === separator, 'a revision key has its separator');
  invariant(!tombstone || key[markOffset] === tombstoneMark, 'a revision key of 18 bytes ends with the mark');
  return { main: readUint64(key, mainOffset), sub: readUint64(key, subOffset), tombstone };
}

function writeUint64(value: number, target: Uint8Array, offset: number): void {
  writeUint32(Math.floor(value / twoTo32), target, offset);
  writeUint32(value >>> 0, target, offset + 4);
}

function writeUint32(value: number, target: Uint8Array, offset: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

function readUint64(bytes: Uint8Array, offset: number): number {
  const value = readUint32(bytes, offset) * twoTo32 + readUint32(bytes, offset + 4);
  invariant(value <= Number.MAX_SAFE_INTEGER, 'a revision is below 2^53');
  return value;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset]! * 0x100_0000 +
    ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!)
  );
}
