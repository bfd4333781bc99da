import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bugs } from '../src/bugs/catalogue.ts';
import { foundBy } from '../src/bugs/found-by.ts';
import type { PlantedBug } from '../src/bugs/planted-bug.ts';
import { withBug } from '../src/bugs/with-bug.ts';

const run = promisify(execFile);
const root = new URL('../../../', import.meta.url);
const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

/** From the seed that found a bug: a change elsewhere moves what a seed does, but not by much. */
const seedsFromThere = 60;

/** How the command ends, and what it prints. */
async function simulate(
  args: readonly string[],
): Promise<{ readonly code: unknown; readonly output: string }> {
  try {
    const { stdout } = await run(process.execPath, ['--no-warnings', cli, ...args]);
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout } = error as { code: unknown; stdout: string }; // What `execFile` rejects with.
    return { code, output: stdout };
  }
}

/** The options that a bug is looked for with. */
function huntFor({ name, faults, members, auth }: PlantedBug): string[] {
  return [
    ...['--seed', String(foundBy[name]), '--bug', name],
    ...(faults === undefined ? [] : ['--faults', faults.join()]),
    ...(members === undefined ? [] : ['--members', String(members)]),
    ...(auth === undefined ? [] : ['--auth', auth ? 'on' : 'off']),
  ];
}

test('there are at least 25 bugs, and each still finds the text that it replaces', async () => {
  expect(bugs.length).toBeGreaterThanOrEqual(25);
  for (const bug of bugs) {
    const text = await readFile(new URL(bug.file, root), 'utf8');
    expect(withBug(text, bug)).not.toBe(text);
  }
});

test('for every bug a seed is known that finds it', () => {
  expect(Object.keys(foundBy).sort()).toEqual(bugs.map(({ name }) => name).sort());
});

test(
  'a seed that fails prints what was broken and the command that runs it again',
  { timeout: 120_000 },
  async () => {
    const bug = bugs.find(({ name }) => name === 'vote-twice')!;
    const { code, output } = await simulate([...huntFor(bug), '--jobs', '1']);
    expect(code).toBe(1);
    expect(output).toContain('SafetyViolation: one vote');
    expect(output).toMatch(/run it again: npm run sim -- --seed \d+ --bug vote-twice/);
  },
);

test.for(bugs)('$name is found', { timeout: 300_000 }, async (bug) => {
  const { code, output } = await simulate([...huntFor(bug), '--seeds', String(seedsFromThere)]);
  expect(output).toMatch(/SEED \d+ FAILED/);
  // One that could not be planted fails as well.
  expect(output).not.toMatch(/occurs \d+ times/);
  expect(code).toBe(1);
});

test('without the bugs those seeds find nothing', { timeout: 600_000 }, async () => {
  for (const bug of bugs) {
    const [, seed, , , ...rest] = huntFor(bug);
    const { code, output } = await simulate(['--seed', seed!, '--jobs', '1', ...rest]);
    expect(code, output).toBe(0);
  }
});
