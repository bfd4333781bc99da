/** Memory of 1M keys of 64 bytes with values of 256: `node --expose-gc bench/memory.ts [keys] [ascending]`. */
import { MemoryBackend } from '@quorate/std/testing';
import { MvccStore } from '../src/index.ts';
import { fill, shuffled } from './workload.ts';

const total = Number(process.argv[2] ?? 1_000_000);
const order = process.argv[3] === 'ascending' ? (i: number): number => i : shuffled;
const gc = globalThis.gc;
if (gc === undefined) throw new Error('run with --expose-gc');

gc();
const before = process.memoryUsage();
const store = await MvccStore.open({ backend: new MemoryBackend() });
fill(store, { count: total, valueSize: 256, order });
gc();
gc();
const after = process.memoryUsage();
const heap = after.heapUsed - before.heapUsed;
const external = after.external - before.external;
const perKey = (bytes: number): string => (bytes / total).toFixed(1);
console.log(
  `bytes a key: heap ${perKey(heap)}, outside ${perKey(external)} (slabs ${perKey(store.valueMemoryBytes)}), ` +
    `beyond key and value ${perKey(heap + external - total * (64 + 256))}`,
);
store.checkInvariants();
