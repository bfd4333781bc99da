import type { Key } from '../types.ts';

/** The smallest key above `key`. */
export function keyAfter(key: Key): Key {
  return `${key}\0`;
}

/** Whether a `range_end` means "to the last key there is". */
export function isOpenEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}
