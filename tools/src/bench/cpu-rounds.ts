import { startQuorate } from '@quorate/e2e';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Calibration } from './calibration.ts';
import type { CpuSample } from './cpu-baseline.ts';
import { cpuKinds, type CpuKind } from './cpu-kinds.ts';
import { prefixes, rangeKeys, rangeKeySize, singleKeys, singleKeySize, valueSize } from './dataset.ts';
import { OperationCpu } from './operation-cpu.ts';
import type { CpuTime } from './proc.ts';
import { runUnary } from './unary-load.ts';
import { fillWorkload } from './unary-workloads.ts';

/** Rounds that only warm up: code that runs often is compiled in them. */
const warmUpRounds = 3;

/** Samples by the name of the kind. */
export type CpuSamples = Map<string, CpuSample[]>;

/** One member of Quorate, and the process that calibrates beside it. */
export class CpuRounds implements AsyncDisposable {
  readonly #endpoint: string;
  readonly #pid: number;
  readonly #calibrate: () => Promise<Calibration>;
  readonly #resources: AsyncDisposableStack;

  /** Starts both and warms them up. */
  static async start(): Promise<CpuRounds> {
    await using resources = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'quorate-cpu-'));
    const remove = (): void => rmSync(dir, { recursive: true, force: true });
    process.once('exit', remove); // Also when it is ended before its time.
    resources.defer(() => {
      process.off('exit', remove);
      remove();
    });
    const { endpoint, pid } = resources.use(await startQuorate({ dataDir: join(dir, 'data') }));
    const fill = { endpoint, connections: 1, inFlight: 100 };
    for (const [prefix, count, keySize] of [
      [prefixes.single, singleKeys, singleKeySize],
      [prefixes.range, rangeKeys, rangeKeySize],
    ] as const) {
      await runUnary({ ...fill, workload: fillWorkload({ prefix, count, keySize, valueSize }) });
    }
    const rounds = new CpuRounds({
      ...{ endpoint, pid, calibrate: await startCalibration(resources) },
      resources: resources.move(),
    });
    for (let i = 0; i < warmUpRounds; i++) await rounds.run(new Map());
    return rounds;
  }

  private constructor(options: {
    readonly endpoint: string;
    readonly pid: number;
    readonly calibrate: () => Promise<Calibration>;
    readonly resources: AsyncDisposableStack;
  }) {
    this.#endpoint = options.endpoint;
    this.#pid = options.pid;
    this.#calibrate = options.calibrate;
    this.#resources = options.resources;
  }

  /** Measures every kind once, each between two calibrations, and adds what came of it. */
  async run(samples: CpuSamples): Promise<void> {
    let before = await this.#calibrate();
    for (const kind of cpuKinds) {
      const spent = await this.#measure(kind);
      const after = await this.#calibrate();
      const calibration = {
        jsMicros: (before.jsMicros + after.jsMicros) / 2,
        socketMicros: (before.socketMicros + after.socketMicros) / 2,
      };
      before = after;
      const known = samples.get(kind.name) ?? [];
      samples.set(kind.name, [...known, { ...spent, calibration }]);
    }
  }

  /** What one operation costs on average. */
  async #measure({ count, skip, drive }: CpuKind): Promise<CpuTime> {
    const cpu = new OperationCpu({ pid: this.#pid, skip, count });
    await drive(this.#endpoint, cpu);
    return { ...cpu.spent, micros: cpu.spent.micros / count };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

async function startCalibration(resources: AsyncDisposableStack): Promise<() => Promise<Calibration>> {
  const child = fork(join(import.meta.dirname, 'calibration-process.ts'));
  resources.defer(() => void child.kill());
  await once(child, 'message'); // It is ready.
  return async () => {
    child.send('calibrate');
    // It sends nothing else; see calibration-process.ts.
    const [calibration] = (await once(child, 'message')) as [Calibration];
    return calibration;
  };
}
