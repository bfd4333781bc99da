/** Sorts after every key. */
export const unboundedEnd = '\u0100';

/** Keys from `start` up to, not including, `endExclusive`. */
export interface KeyInterval {
  readonly start: string;
  readonly endExclusive: string;
}

/** The keys that a request's `key` and `rangeEnd` select. */
export function keyInterval(key: string, rangeEnd: string | undefined): KeyInterval {
  if (rangeEnd === undefined || rangeEnd === '') return { start: key, endExclusive: `${key}\0` };
  if (rangeEnd === '\0') return { start: key, endExclusive: unboundedEnd };
  return { start: key, endExclusive: rangeEnd };
}

/** Whether a request selects one key by name. */
export function isSingleKey(rangeEnd: string | undefined): boolean {
  return rangeEnd === undefined || rangeEnd === '';
}
