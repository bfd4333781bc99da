import { fromLatin1, type Bucket } from '@quorate/std';
import type { BytesRange } from './bytes-level.ts';

/**
 * The rows of all buckets share one ordered key space, so that one batch is atomic over buckets. There are two
 * sets of buckets, the slots: one is the present set, the other is empty, being filled, or being removed.
 *
 *     +---------+-----+----------------------+
 *     | letter  | '/' | key of the bucket    |   slot 0 has these letters in lower case, slot 1 in upper case
 *     +---------+-----+----------------------+
 *
 *     "!present"   the number of the present slot as a digit; absent for slot 0
 *     "!sealed"    the number of the slot whose stage was sealed; absent when there is none
 *
 * The letters are a format on disk: never change one, never use one twice. What comes with every batch
 * (`meta`, `lease`) sorts after `key`, whose rows are appended: a table file of the newest rows then overlaps
 * only the end of those that are there, and compaction moves files instead of rewriting them.
 */
const bucketLetters = {
  alarm: 'a',
  auth: 'h',
  authRoles: 'r',
  authUsers: 'u',
  cluster: 'c',
  key: 'k',
  lease: 'l',
  members: 'm',
  members_removed: 'x',
  meta: 't',
} as const satisfies Record<Bucket, string>;

/** The number of a slot. */
export type SlotNumber = 0 | 1;

/** Rows outside of both slots: they say which is which. */
export const presentSlotKey = fromLatin1('!present');
export const sealedSlotKey = fromLatin1('!sealed');

/** What stands before the key of a bucket. */
export const prefixSize = 2;
const separator = 0x2f; // '/'
const letterEnd = 0x7b; // Behind 'z'.
const letterStart = 0x61; // 'a'
/** From a lower case letter to its upper case. */
const upperCase = -0x20;

/** The key of a row; without `key` the first that a row of the bucket could have. */
export function prefixed(slot: SlotNumber, bucket: Bucket, key?: Uint8Array): Uint8Array {
  const whole = new Uint8Array(prefixSize + (key?.length ?? 0));
  whole[0] = letterOf(slot, bucket);
  whole[1] = separator;
  if (key !== undefined) whole.set(key, prefixSize);
  return whole;
}

/** The first key behind all rows of a bucket. */
export function bucketEnd(slot: SlotNumber, bucket: Bucket): Uint8Array {
  return new Uint8Array([letterOf(slot, bucket), separator + 1]);
}

/** All keys that rows of a slot can have. */
export function slotRange(slot: SlotNumber): BytesRange {
  const shift = slot === 0 ? 0 : upperCase;
  return { gte: new Uint8Array([letterStart + shift]), lt: new Uint8Array([letterEnd + shift]) };
}

/** The value of a row that names a slot. */
export function encodeSlot(slot: SlotNumber): Uint8Array {
  return fromLatin1(String(slot));
}

/** What a row names; undefined when there is no such row. @throws RangeError when it names none */
export function decodeSlot(value: Uint8Array | undefined): SlotNumber | undefined {
  if (value === undefined) return undefined;
  if (value.length === 1 && value[0] === 0x30) return 0;
  if (value.length === 1 && value[0] === 0x31) return 1;
  throw new RangeError('the row that names a slot is damaged');
}

function letterOf(slot: SlotNumber, bucket: Bucket): number {
  return bucketLetters[bucket].charCodeAt(0) + (slot === 0 ? 0 : upperCase);
}
