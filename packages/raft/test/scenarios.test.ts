import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runScenario } from '../src/testing/index.ts';

const folder = new URL('scenarios/', import.meta.url);
const rewrites = process.env['REWRITE'] === '1';

for (const file of readdirSync(folder).sort()) {
  test(`scenario ${file.replace(/\.txt$/, '').replaceAll('-', ' ')}`, () => {
    const path = new URL(file, folder);
    const text = readFileSync(path, 'utf8');
    const { actual } = runScenario(text);
    if (rewrites) writeFileSync(path, actual);
    else expect(actual).toBe(text);
  });
}

test('there are at least 40 scenarios', () => {
  expect(readdirSync(folder).length).toBeGreaterThanOrEqual(40);
});
