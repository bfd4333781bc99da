/**
 * The only crossing between the wire's 64-bit integers and our own. What counts (revision, index, term,
 * version, size) is a `number` inside, since none of it can reach 2^53; what merely identifies (lease,
 * member and cluster IDs) stays a `bigint`.
 */

/** A 64-bit integer that must be a count: a whole number from 0 up to 2^53 - 1. @throws RangeError */
export function toCount(value: bigint, name: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${name} ${value} is outside 0 .. 2^53 - 1`);
  }
  return Number(value);
}

/**
 * A 64-bit integer as a bound: beyond +-(2^53 - 1) it becomes that limit. No real revision lies there, so
 * a comparison with one has the same outcome.
 */
export function clampCount(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (value < -BigInt(Number.MAX_SAFE_INTEGER)) return -Number.MAX_SAFE_INTEGER;
  return Number(value);
}

/** An ID as etcd prints it: unsigned, lower-case hex, no padding. */
export function idToHex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}
