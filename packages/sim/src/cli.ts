import { fork, type ChildProcess } from 'node:child_process';
import { bugNames, bugs } from './bugs/catalogue.ts';
import { parseOptions, replayCommand, usage, type CliOptions } from './cli-options.ts';
import { runCheckedSeed } from './run-checked-seed.ts';
import type { SeedResult, WorkerOrder } from './seed-result.ts';
import { mustHappen } from './world/rare-states.ts';
import { Tally } from './world/tally.ts';

/** After so many seeds every rare state must have been reached. */
const enoughSeeds = 2_000;

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
  #firstFailure: { readonly seed: number; readonly text: string } | undefined;
  #printedAtMs = performance.now();

  constructor(options: CliOptions) {
    this.#options = options;
    this.#next = options.firstSeed;
  }

  /** Whether no seed failed. */
  async run(): Promise<boolean> {
    const { jobs, trace, isHunt } = this.#options;
    if (trace) await this.#runHere();
    else await Promise.all(Array.from({ length: jobs }, () => this.#runWorker()));
    if (!isHunt) this.#printSummary();
    return this.#failed === 0 && this.#missing().length === 0;
  }

  /** Rare states that so many seeds should have reached, and did not. */
  #missing(): readonly string[] {
    const { bug, members, faults, auth } = this.#options;
    const isSpecial = [bug, members, faults, auth].some((option) => option !== undefined);
    if (isSpecial || this.#failed > 0 || this.#done < enoughSeeds) return [];
    return mustHappen.filter((name) => this.#tally.count(name) === 0);
  }

  /** The lowest seed that failed, and how. */
  get firstFailure(): { readonly seed: number; readonly text: string } | undefined {
    return this.#firstFailure;
  }

  async #runHere(): Promise<void> {
    for (let order = this.#take(); order !== undefined; order = this.#take()) {
      this.#finish(await runCheckedSeed(order, (line) => print(line)));
    }
  }

  async #runWorker(): Promise<void> {
    let worker = startWorker(this.#options.bug);
    for (let order = this.#take(); order !== undefined; order = this.#take()) {
      try {
        this.#finish(await runIn(worker, order));
      } catch (error) {
        // What a seed does to the process that runs it is a failure of the seed.
        this.#fail(order.seed, { text: String(error), plan: '', recent: [] });
        worker = startWorker(this.#options.bug);
      }
    }
    if (worker.connected) worker.disconnect();
  }

  /** The next seed to run, undefined when all is done. */
  #take(): WorkerOrder | undefined {
    const { firstSeed, seeds, minutes, members, faults, auth, keepGoing } = this.#options;
    const isLate = minutes !== undefined && performance.now() - this.#startedAtMs > minutes * 60_000;
    if (isLate || this.#next >= firstSeed + seeds || (this.#failed > 0 && !keepGoing)) return undefined;
    return { seed: this.#next++, members, faults, auth };
  }

  #finish(result: SeedResult): void {
    this.#done++;
    this.#events += result.events;
    this.#operations += result.operations;
    this.#simulatedMs += result.simulatedMs;
    this.#tally.add(result.tally);
    if (result.failure !== undefined) this.#fail(result.seed, result.failure);
    if (this.#options.isHunt || performance.now() - this.#printedAtMs < 10_000) return;
    this.#printedAtMs = performance.now();
    print(this.#line());
  }

  #fail(seed: number, failure: NonNullable<SeedResult['failure']>): void {
    this.#failed++;
    if (seed < (this.#firstFailure?.seed ?? Infinity)) this.#firstFailure = { seed, text: failure.text };
    if (this.#options.isHunt) return;
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
    const missing = this.#missing();
    if (missing.length > 0) print(`never happened: ${missing.join('; ')}`);
    if (this.#firstFailure !== undefined) {
      const { seed } = this.#firstFailure;
      print(`first failure: seed ${seed} (${replayCommand(seed, this.#options)})`);
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

/** Plants one bug after the other, and says which seed found it: a row of a table each. */
async function hunt(options: CliOptions): Promise<boolean> {
  print('| bug | what it does | faults | seeds | found as |\n|---|---|---|---|---|');
  let areAllFound = true;
  for (const { name, why, faults, members, auth } of bugs) {
    const special = { faults, members, auth, bug: name };
    const campaign = new Campaign({ ...options, ...special, isHunt: true, keepGoing: false });
    await campaign.run();
    const found = campaign.firstFailure;
    areAllFound &&= found !== undefined;
    print(
      `| \`${name}\` | ${why} | ${[...(faults ?? ['all']), ...(auth === true ? ['users'] : [])].join(', ')} | ${found?.seed ?? 'none'} | ` +
        `${found === undefined ? '' : inShort(found.text)} |`,
    );
  }
  return areAllFound;
}

/** What kind of failure it was. */
function inShort(text: string): string {
  const [first = '', second = ''] = text.split('\n');
  const line = first.startsWith('HistoryViolation') ? second : first.replace(/^\w+: /, '');
  return line.split(':')[0]!.slice(0, 80);
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
  if (options.bug === 'all') return (await hunt(options)) ? 0 : 1;
  if (options.bug !== undefined && !bugNames.includes(options.bug)) {
    print(`there is no bug ${options.bug}; --bug list names them`);
    return 2;
  }
  return (await new Campaign(options).run()) ? 0 : 1;
}

process.exitCode = await main();
