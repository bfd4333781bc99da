/** Memory of 1M keys of 64 bytes with values of 256: run with --expose-gc. */
import { MemoryBackend } from '@quorate/std/testing';
import { MvccStore } from '../src/index.ts';
import { fill, shuffled } from './workload.ts';

const total = Number(process.argv[2] ?? 1_000_000);
const gc = globalThis.gc;
if (gc === undefined) throw new Error('run with --expose-gc');

for (const [name, order] of [
  ['ascending', (i: number) => i],
  ['random', shuffled],
] as const) {
  gc();
  const before = process.memoryUsage();
  const store = await MvccStore.open({ backend: new MemoryBackend() });
  fill(store, { count: total, valueSize: 256, order });
  gc();
  gc();
  const after = process.memoryUsage();
  const heap = after.heapUsed - before.heapUsed;
  const external = after.external - before.external;
  const beyond = (heap + external) / total - 64 - 256;
  const perKey = (bytes: number): string => (bytes / total).toFixed(1).padStart(7);
  console.log(
    `${name.padEnd(10)} heap ${perKey(heap)}  external ${perKey(external)}  slabs ${perKey(store.valueMemoryBytes)}` +
      `  beyond key and value ${beyond.toFixed(1)} bytes a key`,
  );
  store.checkInvariants();
}
