/**
 * Writing and reading 100,000 rows of 1 KiB, keys as of etcd's bucket `key`: the median of nine rounds, with the
 * slowest and the fastest. The file is in the page cache of the system.
 */
import { open, rm, mkdtemp, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoltFile, BoltWriter, type BoltRow, type BoltSource } from '../src/index.ts';

const rowCount = 100_000;
const valueSize = 1024;
const keySize = 17;
const rowSize = keySize + valueSize;
const rounds = 9;

const data = makeData();
const buckets = [
  {
    name: 'key',
    async *rows() {
      for (let i = 0; i < rowCount; i += 512) yield slice(i, Math.min(i + 512, rowCount));
    },
  },
];

/** All keys and values in one piece of memory, so that the rows themselves are little work and little garbage. */
function makeData(): Buffer {
  const all = Buffer.alloc(rowCount * rowSize, 'value ');
  for (let i = 0; i < rowCount; i++) {
    all.fill(0, i * rowSize, i * rowSize + keySize);
    all.writeBigUInt64BE(BigInt(i + 2), i * rowSize);
    all[i * rowSize + 8] = 0x5f;
  }
  return all;
}

function slice(first: number, endExclusive: number): BoltRow[] {
  const rows: BoltRow[] = [];
  for (let at = first * rowSize; at < endExclusive * rowSize; at += rowSize)
    rows.push([data.subarray(at, at + keySize), data.subarray(at + keySize, at + rowSize)]);
  return rows;
}

class FileSource implements BoltSource {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await this.#file.read(buffer, 0, size, offset);
    return buffer.subarray(0, bytesRead);
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }
}

/** Times an action that goes through `sizeBytes`, and the longest time it kept the event loop. */
async function measure(
  name: string,
  sizeBytes: number,
  action: (yieldToLoop: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const times: number[] = [];
  const pauses: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let turned = performance.now();
    let longest = 0;
    let running = true;
    const watch = (): void => {
      const now = performance.now();
      longest = Math.max(longest, now - turned);
      turned = now;
      if (running) setImmediate(watch);
    };
    setImmediate(watch);
    const start = performance.now();
    await action(() => new Promise((resolve) => setImmediate(resolve)));
    times.push(performance.now() - start);
    running = false;
    pauses.push(longest);
  }
  times.sort((a, b) => a - b);
  pauses.sort((a, b) => a - b);
  const rate = (ms: number | undefined): string =>
    (sizeBytes / 1e6 / ((ms ?? 0) / 1e3)).toFixed(0).padStart(5);
  console.log(
    `${name.padEnd(26)} MB/s: ${rate(times[rounds >> 1])} (${rate(times.at(-1))} to ${rate(times[0])})`,
    `  longest turn of the loop, ms: ${pauses[rounds >> 1]?.toFixed(1)} (worst ${pauses.at(-1)?.toFixed(1)})`,
  );
}

/** Most memory that the process had while a file many times larger than `data` was written: 2 GB of rows. */
async function measureMemory(): Promise<void> {
  const repeats = 20;
  const large = {
    name: 'key',
    async *rows() {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (let i = 0; i < rowCount; i += 512) {
          const rows = slice(i, Math.min(i + 512, rowCount));
          yield rows.map(([key, value]): BoltRow => [Buffer.concat([Buffer.of(repeat), key]), value]);
        }
      }
    },
  };
  const before = process.memoryUsage().rss;
  let most = before;
  const writer = await BoltWriter.plan([large]);
  for await (const _ of writer.chunks()) most = Math.max(most, process.memoryUsage.rss());
  console.log(
    `memory for a file of ${(writer.sizeBytes / 1e9).toFixed(1)} GB: ${((most - before) / 1e6).toFixed(0)} MB`,
  );
}

const folder = await mkdtemp(join(tmpdir(), 'quorate-bolt-'));
const path = join(folder, 'db');
try {
  const writer = await BoltWriter.plan(buckets);
  const { sizeBytes } = writer;
  console.log(`${rowCount} rows of ${valueSize} B, a file of ${sizeBytes} B`);
  await measureMemory();
  await measure('plan', sizeBytes, async (yieldToLoop) => {
    await BoltWriter.plan(buckets, { yieldToLoop });
  });
  await measure('chunks, thrown away', sizeBytes, async (yieldToLoop) => {
    const planned = await BoltWriter.plan(buckets, { yieldToLoop });
    for await (const _ of planned.chunks());
  });
  await measure('plan, chunks, file', sizeBytes, async (yieldToLoop) => {
    const planned = await BoltWriter.plan(buckets, { yieldToLoop });
    await using file = await open(path, 'w');
    for await (const chunk of planned.chunks()) await file.write(chunk);
  });
  await using handle = await open(path);
  const source = new FileSource(handle);
  await measure('rows', sizeBytes, async (yieldToLoop) => {
    let count = 0;
    const file = await BoltFile.open(source, { yieldToLoop });
    for await (const slice of file.rows('key')) count += slice.length;
    if (count !== rowCount) throw new Error(`${count} rows`);
  });
  await measure('check', sizeBytes, async (yieldToLoop) => {
    await (await BoltFile.open(source, { yieldToLoop })).check();
  });
} finally {
  await rm(folder, { recursive: true });
}
