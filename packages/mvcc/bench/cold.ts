/** Values that are in rows only, written in random order: a list of 10,000, pages and single ones. What a disk costs is not in it. */
import { SeededRandom, toLatin1, type BackendReader } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { MvccStore, unboundedEnd, type ImageBlock } from '../src/index.ts';
import { fill, keyBytes } from './workload.ts';

const total = Math.min(1_000_000, Number(process.argv[2] ?? 200_000));
const listed = 10_000;

for (const valueSize of [256, 1_000]) {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend, valueBudgetBytes: 0 });
  const random = new SeededRandom(1);
  const numbers = randomOrder(random);
  const writes: Promise<void>[] = [];
  fill(store, {
    count: total,
    valueSize,
    order: (i) => numbers[i]!,
    write: (changes) => void writes.push(backend.write(changes)),
  });
  await Promise.all(writes);
  const blocks = [...(store.image([]) ?? [])].map(({ kind, bytes }) => ({ kind, bytes: bytes.slice() }));
  const keyAt = (i: number): string => toLatin1(keyBytes(i));

  await measure(`list of ${listed} of ${total} values of ${valueSize}`, 9, (cold) => {
    const from = random.below(total - listed + 1);
    cold.range({ start: keyAt(from), endExclusive: keyAt(from + listed) });
  });
  await measure(`page of 500 of them`, 9, (cold) => {
    cold.range({ start: keyAt(random.below(total - 500)), endExclusive: unboundedEnd }, { limit: 500 });
  });
  await measure(`2,000 single ones`, 9, (cold) => {
    for (let i = 0; i < 2_000; i++) cold.latest(keyAt(random.below(total)));
  });

  /** Each run on a store that was just opened from an image. */
  async function measure(name: string, runs: number, body: (cold: MvccStore) => void): Promise<void> {
    const spent: number[] = [];
    let gets = 0;
    const counting: BackendReader = {
      get: (bucket, key) => (gets++, backend.get(bucket, key)),
      scan: (bucket, range) => backend.scan(bucket, range),
    };
    for (let run = 0; run < runs; run++) {
      const copies = blocks.map(({ kind, bytes }) => ({ kind, bytes: bytes.slice() }));
      const cold = await MvccStore.open({ backend: counting, image: streamOf(copies) });
      const before = process.threadCpuUsage();
      body(cold);
      const { user, system } = process.threadCpuUsage(before);
      spent.push((user + system) / 1000);
    }
    spent.sort((a, b) => a - b);
    const [fastest = 0, median = 0, slowest = 0] = [spent[0], spent[runs >> 1], spent.at(-1)];
    console.log(
      `${name.padEnd(44)} ${median.toFixed(1).padStart(8)} ms   (${fastest.toFixed(1)} to ${slowest.toFixed(1)}), ` +
        `${Math.round(gets / runs)} rows`,
    );
  }
}

/** Each number below `total` once. What `shuffled` gives is no order, but an even one: neighbours are never in one row. */
function randomOrder(random: SeededRandom): number[] {
  const numbers = Array.from({ length: total }, (_, i) => i);
  for (let i = total - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return numbers;
}

async function* streamOf(blocks: readonly ImageBlock[]): AsyncGenerator<ImageBlock> {
  yield* blocks;
}
