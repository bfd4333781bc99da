/** What a put costs, with its share of the packing of rows: random and ascending keys, new and overwritten. */
import { MemoryBackend } from '@quorate/std/testing';
import { MvccStore } from '../src/index.ts';
import { drainTo, keyBytes, putOne, report, shuffled, valueBytes } from './workload.ts';

const total = Number(process.argv[2] ?? 1_000_000);
const step = total / 10;
const value = valueBytes(1, 256);

for (const [name, order] of [
  ['ascending', (i: number) => i],
  ['random', shuffled],
] as const) {
  const store = await MvccStore.open({ backend: new MemoryBackend() });
  let next = 0;
  let keys: Uint8Array[] = [];
  const run = (): void => {
    for (let i = 0; i < step; i++) {
      putOne(store, keys[i]!, value); // `keys` has `step` of them.
      if (i % 64 === 63) drainTo(store);
    }
  };
  for (let part = 0; part < 10; part++) {
    keys = Array.from({ length: step }, () => keyBytes(order(next++)));
    report(`put new ${name} keys, ${step * part} keys and up`, step, run, 1);
  }
  keys = Array.from({ length: step }, (_, i) => keyBytes(order(shuffled(i) % total)));
  report(`overwrite ${name} keys of ${total}`, step, run, 5);
}
