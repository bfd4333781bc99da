/** Opening a store of 1M keys from a backend in memory. */
import { MemoryBackend } from '@quorate/std/testing';
import { MvccStore } from '../src/index.ts';
import { fill, shuffled } from './workload.ts';

const total = Number(process.argv[2] ?? 1_000_000);

for (const [name, order] of [
  ['ascending', (i: number) => i],
  ['random', shuffled],
] as const) {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend });
  // MemoryBackend writes before it returns.
  fill(store, { count: total, valueSize: 256, order, write: (changes) => void backend.write(changes) });
  const scanStart = performance.now();
  let rows = 0;
  for await (const slice of backend.scan('key')) rows += slice.length;
  const scanMs = performance.now() - scanStart;
  const start = performance.now();
  await MvccStore.open({ backend });
  const ms = performance.now() - start;
  console.log(
    `${name.padEnd(10)} ${total} keys in ${rows} rows: open ${ms.toFixed(0)} ms, of that the scan ${scanMs.toFixed(0)} ms`,
  );
}
