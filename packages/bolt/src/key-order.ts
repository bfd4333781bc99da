import { compareBytes } from '@quorate/std';
import type { Complain } from './page.ts';
import type { BoltRow } from './types.ts';

/** Keys that may stand in a part of a tree; an absent bound is open. */
export interface KeyRange {
  readonly min: Uint8Array | undefined;
  readonly maxExclusive: Uint8Array | undefined;
}

/** Complains of a row that is not behind the one before it, the first one behind `previous`. */
export function checkRowOrder(
  rows: readonly BoltRow[],
  previous: Uint8Array | undefined,
  complain: Complain,
): void {
  let last = previous;
  for (const [key] of rows) {
    if (last !== undefined && compareBytes(last, key) >= 0) complain('its keys do not ascend');
    last = key;
  }
}

/** Complains of a key that is not behind the one before it. */
export function checkKeyOrder(keys: readonly Uint8Array[], complain: Complain): void {
  for (let i = 1; i < keys.length; i++)
    if (compareBytes(keys[i - 1]!, keys[i]!) >= 0) complain('its keys do not ascend');
}

/**
 * Complains when ascending keys from `first` to `last` reach beyond a range. As in bbolt's own check, a branch's key
 * may be below the first key of its child.
 */
export function checkKeyRange(
  keys: { readonly first: Uint8Array | undefined; readonly last: Uint8Array | undefined },
  range: KeyRange,
  complain: Complain,
): void {
  const { first, last } = keys;
  const { min, maxExclusive } = range;
  if (first !== undefined && min !== undefined && compareBytes(first, min) < 0)
    complain('its first key is below the one that the branch above has for it');
  if (last !== undefined && maxExclusive !== undefined && compareBytes(last, maxExclusive) >= 0)
    complain('its last key is not below the one that the branch above has for the next page');
}
