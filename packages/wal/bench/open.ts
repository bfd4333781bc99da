/** What opening costs: a log of about 60 MB in one segment, read from the page cache of the system. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeDisk, Wal } from '../src/index.ts';

const entryCount = 170_000;

export async function benchOpen(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-wal-'));
  const disk = new NodeDisk();
  const dir = join(folder, 'wal');
  const data = new Uint8Array(300).map((_, i) => i * 31);
  try {
    {
      await using wal = await Wal.create({ disk, dir, metadata: data.subarray(0, 22) });
      for (let index = 1; index <= entryCount;) {
        const entries = Array.from({ length: 1000 }, () => ({
          type: 0 as const,
          term: 3,
          index: index++,
          data,
        }));
        await wal.save({ entries, hardState: { term: 3, vote: 5n, commit: index - 1 }, sync: true });
      }
    }
    for (let round = 0; round < 5; round++) {
      const start = performance.now();
      await Wal.validSnapshots(disk, dir);
      const marksMs = performance.now() - start;
      const opening = performance.now();
      const { wal, entries } = await Wal.open({ disk, dir });
      const openMs = performance.now() - opening;
      await wal[Symbol.asyncDispose]();
      console.log(
        `open      ${entries.length} entries of 300 B  ms: ${openMs.toFixed(0)}  marks only, ms: ${marksMs.toFixed(0)}`,
      );
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
