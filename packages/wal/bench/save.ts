/**
 * What a save costs: the encoding alone (a disk that does nothing), and with the disk of this machine.
 *
 *     npm run bench --workspace @quorate/wal
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyBytes } from '@quorate/std';
import type { Entry } from '@quorate/wire';
import { NodeDisk, Wal, type Disk, type DiskFile } from '../src/index.ts';

const dataSize = 300;

const nullFile: DiskFile = {
  path: 'null',
  read: async () => emptyBytes,
  write: async () => undefined,
  writeDurably: async () => undefined,
  sync: async () => undefined,
  truncate: async () => undefined,
  size: async () => 0,
  close: async () => undefined,
};

const nullDisk: Disk = {
  open: async () => nullFile,
  list: async () => [],
  makeDir: async () => undefined,
  rename: async () => undefined,
  remove: async () => undefined,
  syncDir: async () => undefined,
  freeBytes: async () => Infinity,
};

export async function benchSave(): Promise<void> {
  for (const batchSize of [1, 10, 100]) await measure('null disk', nullDisk, '/null/wal', batchSize, 300_000);
  const folder = await mkdtemp(join(tmpdir(), 'quorate-wal-'));
  try {
    for (const batchSize of [1, 10, 100]) {
      await measure('this disk', new NodeDisk(), join(folder, `${batchSize}`), batchSize, 1500 * batchSize);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measure(
  name: string,
  disk: Disk,
  dir: string,
  batchSize: number,
  entryCount: number,
): Promise<void> {
  const data = new Uint8Array(dataSize).map((_, i) => i * 31);
  const beforeCreate = performance.now();
  await using wal = await Wal.create({ disk, dir, metadata: data.subarray(0, 22) });
  const createMs = performance.now() - beforeCreate;
  const saveMs: number[] = [];
  const start = performance.now();
  for (let index = 1; index <= entryCount;) {
    const entries: Entry[] = [];
    for (let i = 0; i < batchSize; i++) entries.push({ type: 0, term: 3, index: index++, data });
    const before = performance.now();
    await wal.save({
      entries,
      hardState: { term: 3, vote: 0x8e9e05c52164694dn, commit: index - 2 },
      sync: true,
    });
    saveMs.push(performance.now() - before);
  }
  const totalMs = performance.now() - start;
  saveMs.sort((a, b) => a - b);
  const at = (share: number) => (saveMs[Math.floor(share * saveMs.length)]! * 1000).toFixed(1).padStart(8);
  console.log(
    `save      ${name}  batch ${String(batchSize).padStart(3)}  us a save: p50 ${at(0.5)} p99 ${at(0.99)}` +
      `  us an entry: ${((totalMs / entryCount) * 1000).toFixed(2).padStart(7)}  create ms: ${createMs.toFixed(1)}`,
  );
}
