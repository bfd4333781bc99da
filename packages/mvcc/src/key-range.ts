import { toLatin1 } from '@quorate/std';
import { unboundedEnd, type Key, type KeyRange } from './types.ts';

/**
 * The keys that `key` and `range_end` of a request select: an empty end selects the one key, an end of one
 * zero byte all keys from `key` on, any other the keys up to it (none, when it is not above `key`).
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

/** The smallest key above all that start with `prefix`; `unboundedEnd` when there is none. */
export function prefixEnd(prefix: Key): Key {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix.charCodeAt(last);
    if (byte < 0xff) return prefix.slice(0, last) + String.fromCharCode(byte + 1);
  }
  return unboundedEnd;
}
