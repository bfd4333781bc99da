import { fromUtf8, invariant, SeededRandom } from '@quorate/std';

/** Values are cut out of this: bytes that do not compress, the same in every run. */
const pool = new Uint8Array(1 << 20);
const random = new SeededRandom(20_26);
for (let i = 0; i < pool.length; i++) pool[i] = random.below(256);

/** The value of the n-th key. */
export function valueOf(n: number, size: number): Uint8Array {
  const at = (n * 7919) % (pool.length - size);
  return pool.subarray(at, at + size);
}

/** The n-th key under a prefix, `size` bytes long; keys are in the order of their numbers. */
export function keyOf(prefix: string, n: number, size: number): Uint8Array {
  const key = fromUtf8(prefix + String(n).padStart(size - prefix.length, '0'));
  invariant(key.length === size, 'a key has room for its prefix and its number');
  return key;
}

/** Where the benchmark has its keys. All of the prefixes end in a slash. */
export const prefixes = {
  single: 'key/',
  range: 'range/',
  guarded: 'guarded/',
  many: 'many/',
  paced: 'paced/',
  list: 'list/',
  long: 'long/',
} as const;

/** The end of the range of all keys under a prefix. */
export function endOf(prefix: string): Uint8Array {
  return fromUtf8(`${prefix.slice(0, -1)}0`); // '0' comes after '/'.
}

export const valueSize = 256;
export const singleKeys = 10_000;
export const singleKeySize = 20;
export const rangeKeys = 1000;
export const rangeKeySize = 20;

/** A list as Kubernetes reads it: 10,000 keys with values of 1 KiB. */
export const listKeys = 10_000;
export const listKeySize = 20;
export const listValueSize = 1024;

/** Keys and values of the section with a million of them. */
export const manyKeySize = 64;
export const manyValueSize = 256;
