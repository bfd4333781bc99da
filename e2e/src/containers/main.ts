import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runTests, tellCounts } from '../test-run.ts';
import { NoEngineError, openEngine, type Engine } from './engine.ts';
import { environmentFor, sweep } from './runtime.ts';

/**
 * `npm run e2e`: clusters in containers, on the container engine that answers or that can be started here.
 *
 *     npm run e2e                                  builds the images, runs e2e/containers
 *     npm run e2e -- --keep-images faults          takes the images that are there, runs faults.test.ts
 *     npm run e2e -- --rounds=100 --seed=7         faults by chance, in place of the tests
 *
 * Without an engine it says what is missing, and ends with 1.
 */
const root = resolve(import.meta.dirname, '../../..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'keep-images': { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seed: { type: 'string' },
    'test-name': { type: 'string', short: 't' },
  },
});

/** Ends what runs, and then all that was started for it. */
const interrupt = new AbortController();
const { signal } = interrupt;
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => interrupt.abort(new Error(`interrupted by ${name}`)));

try {
  await using engine = await openEngine((line) => console.log(`e2e: ${line}`));
  console.log(`e2e: ${engine.description}`);
  process.exitCode = (await runOn(engine)) ? 0 : 1;
} catch (error) {
  if (error instanceof Error) console.error(`e2e: ${textOf(error)}`);
  else throw error;
  // Whoever counts tests must not take those for passed that did not run.
  tellCounts({ passed: 0, failed: 1, skipped: 0 });
  process.exitCode = 1;
}

/** An error that tells what to do needs no stack, others do. */
function textOf(error: Error): string {
  if (interrupt.signal.aborted) return String(interrupt.signal.reason);
  return error instanceof NoEngineError ? error.message : (error.stack ?? error.message);
}

async function runOn(engine: Engine): Promise<boolean> {
  const env = environmentFor(engine.host);
  Object.assign(process.env, env);
  const left = await sweep();
  if (left > 0)
    console.log(`e2e: removed ${left} containers, networks and volumes that an earlier run had left`);
  try {
    if (!values['keep-images'] && (await run('npm', ['run', '--silent', 'images'])) !== 0)
      throw new Error('the images could not be built');
    return await runSuite(engine.enter);
  } finally {
    await sweep();
  }
}

async function runSuite(enter: readonly string[]): Promise<boolean> {
  const { rounds, seed, 'test-name': name } = values;
  if (rounds === undefined) {
    const config = join(root, 'e2e/containers/vitest.config.ts');
    const args = ['--config', config, ...(name === undefined ? [] : ['-t', name]), ...positionals];
    return runTests({ args, enter, signal, tellsEach: true });
  }
  const script = join(import.meta.dirname, 'rounds.ts');
  const [file = '', ...args] = [...enter, process.execPath, script, rounds, ...(seed ? [seed] : [])];
  return (await run(file, args)) === 0;
}

async function run(file: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], signal });
  await once(child, 'exit');
  return child.exitCode;
}
