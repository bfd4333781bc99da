import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newLogger } from '../src/logging.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-log-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    // One JSON object a line.
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('lines are JSON with level, time and member, in every file named', () => {
  const [a, b] = [join(dir, 'a.log'), join(dir, 'new/b.log')];
  const log = newLogger({ logLevel: 'info', logOutputs: `${a}, ${b},`, name: 'm1' });
  log.debug('not this');
  log.warn({ alarm: 'NOSPACE' }, 'an alarm was raised');
  for (const path of [a, b]) {
    const lines = linesOf(path);
    expect(lines).toMatchObject([
      { level: 'warn', member: 'm1', alarm: 'NOSPACE', msg: 'an alarm was raised' },
    ]);
    expect(lines[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
});

test.each([
  ['debug', 5],
  ['info', 4],
  ['warn', 3],
  ['error', 2],
  ['panic', 1],
  ['fatal', 1],
] as const)('at level %s there are %i of five lines', (logLevel, count) => {
  const path = join(dir, 'log');
  const log = newLogger({ logLevel, logOutputs: path, name: 'm1' });
  for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) log[level]('a line');
  expect(linesOf(path)).toHaveLength(count);
});

test('a file that cannot be written is refused by its flag', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => newLogger({ logLevel: 'info', logOutputs: join(dir, 'file/below'), name: 'm1' })).toThrow(
    `--log-outputs: cannot write to ${join(dir, 'file/below')} (`,
  );
});
