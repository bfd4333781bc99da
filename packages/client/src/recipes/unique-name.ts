import type { Random } from '@quorate/std';

/** A name that no other has: 16 hex digits. Clients in Go take the nanoseconds of the day there; nobody reads them. */
export function uniqueName(random: Random): string {
  return BigInt.asUintN(64, random.uint64()).toString(16).padStart(16, '0');
}
