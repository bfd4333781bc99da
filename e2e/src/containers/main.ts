import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runTests } from '../test-run.ts';
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

// An interrupt ends what runs in the foreground, whose end we then see; what we started is ended by us.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (process.exitCode = 1));

try {
  await using engine = await openEngine((line) => console.log(`e2e: ${line}`));
  console.log(`e2e: ${engine.description}`);
  process.exitCode = (await runOn(engine)) ? 0 : 1;
} catch (error) {
  if (!(error instanceof NoEngineError)) throw error;
  console.error(`e2e: ${error.message}`);
  process.exitCode = 1;
}

async function runOn(engine: Engine): Promise<boolean> {
  const env = environmentFor(engine.host);
  Object.assign(process.env, env);
  const left = await sweep();
  if (left > 0)
    console.log(`e2e: removed ${left} containers, networks and volumes that an earlier run had left`);
  try {
    if (!values['keep-images'] && (await run('npm', ['run', '--silent', 'images'])) !== 0) return false;
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
    return runTests({ args, enter, tellsEach: true });
  }
  const script = join(import.meta.dirname, 'rounds.ts');
  const [file = '', ...args] = [...enter, process.execPath, script, rounds, ...(seed ? [seed] : [])];
  return (await run(file, args)) === 0;
}

async function run(file: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  await once(child, 'exit');
  return child.exitCode;
}
