import { toLatin1 } from './bytes.ts';

/** A key as a latin1 string, one char code a byte (`toLatin1`): compares with `<` as the bytes do. */
export type Key = string;

/** Sorts after every key: the end of a range without an end. */
export const unboundedEnd: Key = '\u0100';

/** Keys from `start` up to, not including, `endExclusive`; a single key `k` is `[k, k + '\0')`. */
export interface KeyRange {
  readonly start: Key;
  readonly endExclusive: Key;
}

/**
 * The keys that `key` and `range_end` of a request select: an empty end selects the one key, an end of one
 * zero byte all keys from `key` on, any other the keys up to it (none, when it is not above `key`). Requests are
 * understood here once, so that what is permitted is what is done.
 */
export function keyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  const start = toLatin1(key);
  if (rangeEnd.length === 0) return singleKey(start);
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { start, endExclusive: unboundedEnd };
  return { start, endExclusive: toLatin1(rangeEnd) };
}

/** The range that holds just one key. */
export function singleKey(key: Key): KeyRange {
  return { start: key, endExclusive: key + '\0' };
}

/** Whether a range holds one possible key only. */
export function isSingleKey({ start, endExclusive }: KeyRange): boolean {
  return endExclusive.length === start.length + 1 && endExclusive === `${start}\0`;
}

/** The smallest key above all that start with `prefix`; `unboundedEnd` when there is none. */
export function prefixEnd(prefix: Key): Key {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix.charCodeAt(last);
    if (byte < 0xff) return prefix.slice(0, last) + String.fromCharCode(byte + 1);
  }
  return unboundedEnd;
}
