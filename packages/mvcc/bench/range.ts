/** Reads: one key of many, a range of 10,000 keys of 1 KiB, pages, and counts. */
import { toLatin1 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { keyRange, MvccStore, singleKey, unboundedEnd } from '../src/index.ts';
import { fill, keyBytes, report, shuffled } from './workload.ts';

const total = Number(process.argv[2] ?? 1_000_000);
const empty = new Uint8Array(0);

const wide = await MvccStore.open({ backend: new MemoryBackend() });
fill(wide, { count: 10_000, valueSize: 1024, order: shuffled });
const all = { start: '', endExclusive: unboundedEnd };
report('range of 10,000 x 1 KiB (per range)', 1, () => wide.range(all), 101);
report('the same at an older revision (per range)', 1, () => wide.range(all, { revision: 9_999 }), 101);

const store = await MvccStore.open({ backend: new MemoryBackend() });
fill(store, { count: total, valueSize: 64, order: shuffled });
const picks = Array.from({ length: 100_000 }, (_, i) => keyBytes(shuffled((i * 7919) % total)));
const ranges = picks.map((key) => keyRange(key, empty));
const keys = picks.map((key) => toLatin1(key));
report(`latest of a random key of ${total}`, picks.length, () => {
  for (const key of keys) store.latest(key);
});
report('point range, with the range made before', picks.length, () => {
  for (const range of ranges) store.range(range);
});
report('point range, from bytes', picks.length, () => {
  for (const key of picks) store.range(keyRange(key, empty));
});
report('page of 500 keys from a random key, with count', 1000, () => {
  for (let i = 0; i < 1000; i++) {
    store.range({ start: keys[i] ?? '', endExclusive: unboundedEnd }, { limit: 500 });
  }
});
report('count from a random key on', 10_000, () => {
  for (let i = 0; i < 10_000; i++) {
    store.range({ start: keys[i] ?? '', endExclusive: unboundedEnd }, { countOnly: true });
  }
});
report('a key that is absent', picks.length, () => {
  for (const key of keys) store.range(singleKey(key + 'x'));
});
