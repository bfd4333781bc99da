import { ChangeList, fromLatin1, type BucketChange } from '@quorate/std';
import { MvccStore } from '../src/index.ts';

/** Numbers the bits of a count are mixed up to: each of the counts below 2^24 once, in no order. */
export function shuffled(i: number): number {
  return Math.imul(i, 0x9e_3779) & 0xff_ffff;
}

/** A key of `size` bytes that looks like those of a cluster manager. */
export function keyBytes(i: number, size = 64): Uint8Array {
  const number = String(i).padStart(10, '0');
  return fromLatin1('/registry/pods/namespace-7/'.padEnd(size - number.length, 'x') + number);
}

/** A value of `size` bytes. */
export function valueBytes(i: number, size: number): Uint8Array {
  return new Uint8Array(size).fill(i);
}

/** Puts one key in a transaction of its own, as the apply loop does. */
export function putOne(store: MvccStore, key: Uint8Array, value: Uint8Array): void {
  const txn = store.beginWrite();
  txn.put(key, value, 0n);
  txn.end();
}

/** What a drain writes, thrown away at once by default: the cost of a backend is not ours. */
export function drainTo(store: MvccStore, write?: (changes: readonly BucketChange[]) => void): void {
  const list = new ChangeList();
  const token = store.drain(list);
  write?.(list.changes);
  store.markFlushed(token);
}

/** Puts `count` keys, draining every 64. */
export function fill(
  store: MvccStore,
  options: {
    readonly count: number;
    readonly valueSize: number;
    readonly order: (i: number) => number;
    readonly write?: (changes: readonly BucketChange[]) => void;
  },
): void {
  for (let i = 0; i < options.count; i++) {
    putOne(store, keyBytes(options.order(i)), valueBytes(i, options.valueSize));
    if (i % 64 === 63) drainTo(store, options.write);
  }
  drainTo(store, options.write);
}

/** Runs `body` a few times; says the median CPU microseconds of this thread per item, and the spread. */
export function report(name: string, items: number, body: () => void, runs = 7): void {
  const micros: number[] = [];
  for (let run = 0; run < runs; run++) {
    const before = process.threadCpuUsage();
    body();
    const spent = process.threadCpuUsage(before);
    micros.push((spent.user + spent.system) / items);
  }
  micros.sort((a, b) => a - b);
  const median = micros[runs >> 1] ?? 0;
  const spread = `${(micros[0] ?? 0).toFixed(2)} to ${(micros.at(-1) ?? 0).toFixed(2)}`;
  console.log(`${name.padEnd(58)} ${median.toFixed(2).padStart(8)} µs   (${spread})`);
}
