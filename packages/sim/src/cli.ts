import { fork, type ChildProcess } from 'node:child_process';
import { bugNames } from './bugs/catalogue.ts';
import { parseOptions, replayCommand, usage, type CliOptions } from './cli-options.ts';
import { runCheckedSeed } from './run-checked-seed.ts';
import type { SeedResult, WorkerOrder } from './seed-result.ts';
import { Tally } from './world/tally.ts';

/** Runs seeds in processes side by side, and says how it went. */
class Campaign {
  readonly #options: CliOptions;
  readonly #tally = new Tally();
  readonly #startedAtMs = performance.now();
  #next: number;
  #done = 0;
  #events = 0;
  #operations = 0;
  #simulatedMs = 0;
  #failed = 0;
  #firstFailure: number | undefined;
  #printedAtMs = performance.now();

  constructor(options: CliOptions) {
    this.#options = options;
    this.#next = options.firstSeed;
  }

  /** Whether no seed failed. */
  async run(): Promise<boolean> {
    const { jobs, trace } = this.#options;
    if (trace) await this.#runHere();
    else await Promise.all(Array.from({ length: jobs }, () => this.#runWorker()));
    this.#printSummary();
    return this.#failed === 0;
  }

  async #runHere(): Promise<void> {
    for (let order = this.#take(); order !== undefined; order = this.#take()) {
      this.#finish(await runCheckedSeed(order, (line) => print(line)));
    }
  }

  async #runWorker(): Promise<void> {
    const worker = startWorker(this.#options.bug);
    try {
      for (let order = this.#take(); order !== undefined; order = this.#take()) {
        this.#finish(await runIn(worker, order));
      }
    } finally {
      worker.disconnect();
    }
  }

  /** The next seed to run, undefined when all is done. */
  #take(): WorkerOrder | undefined {
    const { firstSeed, seeds, minutes, members, keepGoing } = this.#options;
    const isLate = minutes !== undefined && performance.now() - this.#startedAtMs > minutes * 60_000;
    if (isLate || this.#next >= firstSeed + seeds || (this.#failed > 0 && !keepGoing)) return undefined;
    return { seed: this.#next++, members };
  }

  #finish(result: SeedResult): void {
    this.#done++;
    this.#events += result.events;
    this.#operations += result.operations;
    this.#simulatedMs += result.simulatedMs;
    this.#tally.add(result.tally);
    if (result.failure !== undefined) this.#fail(result.seed, result.failure);
    if (performance.now() - this.#printedAtMs < 10_000) return;
    this.#printedAtMs = performance.now();
    print(this.#line());
  }

  #fail(seed: number, failure: NonNullable<SeedResult['failure']>): void {
    this.#failed++;
    this.#firstFailure = Math.min(seed, this.#firstFailure ?? seed);
    print(`\nSEED ${seed} FAILED\n${failure.text}\n\nplan: ${failure.plan}\n\nlast events:`);
    for (const line of failure.recent) print(`  ${line}`);
    print(`\nrun it again: ${replayCommand(seed, this.#options)}\n`);
  }

  #line(): string {
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    const rate = (count: number): string => (count / seconds).toFixed(1);
    return (
      `${this.#done} seeds, ${this.#failed} failed, ${this.#operations} operations, ` +
      `${(this.#simulatedMs / 3_600_000).toFixed(2)} h simulated; ${rate(this.#done)} seeds/s, ` +
      `${rate(this.#simulatedMs / 1000)} s simulated/s, ${rate(this.#events)} events/s`
    );
  }

  #printSummary(): void {
    if (this.#options.counters) {
      for (const [name, count] of this.#tally.entries()) print(`  ${String(count).padStart(8)}  ${name}`);
    }
    print(this.#line());
    if (this.#firstFailure !== undefined) {
      print(
        `first failure: seed ${this.#firstFailure} (${replayCommand(this.#firstFailure, this.#options)})`,
      );
    }
  }
}

function startWorker(bug: string | undefined): ChildProcess {
  const plant = new URL('./bugs/plant.ts', import.meta.url).href;
  return fork(new URL('./seed-worker.ts', import.meta.url), {
    execArgv: ['--no-warnings', ...(bug === undefined ? [] : ['--import', plant])],
    env: { ...process.env, ...(bug !== undefined && { QUORATE_SIM_BUG: bug }) },
  });
}

function runIn(worker: ChildProcess, order: WorkerOrder): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`the worker ended with ${code ?? 'a signal'} in seed ${order.seed}`));
    worker.once('exit', onExit);
    worker.once('message', (result) => {
      worker.off('exit', onExit);
      // Our own worker sent it.
      resolve(result as SeedResult);
    });
    worker.send(order);
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  let options: CliOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    print(`${String(error)}\n\n${usage}`);
    return 2;
  }
  if (options.bug === 'list') {
    for (const name of bugNames) print(name);
    return 0;
  }
  if (options.bug !== undefined && !bugNames.includes(options.bug)) {
    print(`there is no bug ${options.bug}; --bug list names them`);
    return 2;
  }
  return (await new Campaign(options).run()) ? 0 : 1;
}

process.exitCode = await main();
