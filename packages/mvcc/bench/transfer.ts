/** A store through the rows of etcd and back: what each revision costs, and how long is worked at one go. */
import type { BackendRow } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { etcdRowsOf, MvccStore, stageEtcdRows } from '../src/index.ts';
import { fill } from './workload.ts';

/** The CPU time of something that goes in slices, and the time of each. */
class Stretches {
  readonly #before = process.threadCpuUsage();
  readonly #ms: number[] = [];
  #last = performance.now();

  note(): void {
    const now = performance.now();
    this.#ms.push(now - this.#last);
    this.#last = now;
  }

  report(name: string, count: number): string {
    const { user, system } = process.threadCpuUsage(this.#before);
    const sorted = this.#ms.sort((a, b) => a - b);
    const [median = 0, p99 = 0] = [0.5, 0.99].map((share) => sorted[Math.floor(sorted.length * share)]);
    const micros = ((user + system) / count).toFixed(2);
    return `${name}: ${micros} µs each; slices of ${median.toFixed(2)} ms, 99 % below ${p99.toFixed(1)} ms`;
  }
}

const total = Number(process.argv[2] ?? 200_000);

for (const valueSize of [16, 256, 4096]) {
  const count = Math.min(total, Math.floor((total * 256) / valueSize));
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend, valueBudgetBytes: 0 });
  fill(store, { count, valueSize, order: (i) => i, write: (changes) => void backend.write(changes) });

  await using snapshot = backend.snapshot();
  const slices: (readonly BackendRow[])[] = [];
  const out = new Stretches();
  for await (const slice of etcdRowsOf(snapshot)) {
    out.note();
    slices.push(slice);
  }
  console.log(out.report(`${count} revisions of ${valueSize} bytes to rows of etcd`, count));

  const back = new Stretches();
  const source = async function* (): AsyncGenerator<readonly BackendRow[]> {
    for (const slice of slices) {
      yield slice;
      back.note();
    }
  };
  await stageEtcdRows(source(), async () => {});
  console.log(back.report('  and back', count));
}
