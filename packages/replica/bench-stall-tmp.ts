import { RocksLevel } from '@quorate/rocksdb-level';
import { LevelBackend } from './src/level-backend.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
const syncEvery = Number(process.argv[2]); const rows = Number(process.argv[3] ?? 16000);
const dir = mkdtempSync('/tmp/ws/space-');
const backend = await LevelBackend.open(new RocksLevel<Uint8Array, Uint8Array>(dir, { keyEncoding: 'view', valueEncoding: 'view' }));
const key = (i: number) => new TextEncoder().encode(String(i).padStart(12, '0'));
const pool = Array.from({ length: 16 }, () => crypto.getRandomValues(new Uint8Array(65536)));
const h = monitorEventLoopDelay({ resolution: 1 });
h.enable();
const gaps: number[] = [];
const start = performance.now();
let bytes = 0;
const stage = await backend.stage();
for (let i = 0; i < rows; i += 16) {
  const changes = [];
  for (let j = i; j < i + 16; j++) changes.push({ bucket: 'key' as const, key: key(j), value: pool[j & 15]! });
  const t = performance.now();
  const w = stage.write(changes);
  await w;
  gaps.push(performance.now() - t);
  bytes += 16 * 65536;
  if (syncEvery > 0 && bytes >= syncEvery) { bytes = 0; await backend.write([], { sync: true }); }
  await new Promise(setImmediate);
}
const t = performance.now(); await stage.seal(); const seal = performance.now() - t;
const t2 = performance.now(); await stage.install(); const inst = performance.now() - t2;
h.disable();
gaps.sort((a, b) => a - b);
console.log(`sync every ${syncEvery / 2 ** 20} MiB: ${(rows / 16 / ((performance.now() - start) / 1000)).toFixed(0)} MB/s, loop max ${(h.max / 1e6).toFixed(0)} p99.9 ${(h.percentile(99.9) / 1e6).toFixed(0)} p99 ${(h.percentile(99) / 1e6).toFixed(1)} ms; write max ${gaps.at(-1)!.toFixed(0)} p99 ${gaps[Math.floor(gaps.length * 0.99)]!.toFixed(1)} p50 ${gaps[gaps.length >> 1]!.toFixed(1)}; seal ${seal.toFixed(0)} install ${inst.toFixed(0)}`);
await backend[Symbol.asyncDispose]();
rmSync(dir, { recursive: true });
