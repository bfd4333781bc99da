import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compatibilityTable } from '../src/docs/compatibility-page.ts';
import { root } from '../src/docs/workspace.ts';

const states = ['works', 'differs', 'partly', 'not needed', 'not planned', 'not yet'];
/** What is there needs a test that shows it. */
const shownByTests = ['works', 'differs', 'partly'];
const featureCount = 215;

const features = compatibilityTable().flatMap((area) => area.features);

/** A file of tests, and the part of a title to be found in it. */
function parts(reference: string): { path: string; title: string } {
  const [path = '', ...title] = reference.split(': ');
  return { path, title: title.join(': ') };
}

/** What is wrong with a reference to a test, if anything. */
function faultOf(reference: string): string | undefined {
  const { path, title } = parts(reference);
  const file = join(root, path);
  if (!/^(packages|apps|e2e|tools)\/.*\.ts$/.test(path) || !existsSync(file)) return 'there is no such file';
  return readFileSync(file, 'utf8').includes(title) ? undefined : 'no test has that title';
}

test('every feature of etcd is there once, by its number', () => {
  const numbers = Array.from({ length: featureCount }, (_, i) => i + 1);
  expect(features.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(numbers);
});

test('every state is one of those that there are', () => {
  expect(features.filter(({ state }) => !states.includes(state))).toEqual([]);
});

test('whatever is not as in etcd has a remark', () => {
  expect(features.filter(({ state, remark = '' }) => state !== 'works' && remark === '')).toEqual([]);
});

test('whatever is there has tests that show it', () => {
  const without = features.filter(({ state, tests }) => shownByTests.includes(state) && tests.length === 0);
  expect(without).toEqual([]);
});

test('every test that is named is there', () => {
  const faults = features.flatMap(({ id, tests }) =>
    tests.flatMap((reference) => {
      const fault = faultOf(reference);
      return fault === undefined ? [] : [`${id}: ${reference}: ${fault}`];
    }),
  );
  expect(faults).toEqual([]);
});

test('a file or a title that is not there would be found', () => {
  expect(faultOf('tools/test/no.test.ts: a title')).toBe('there is no such file');
  // In two pieces, so that it does not stand in this very file.
  expect(faultOf(`tools/test/compatibility.test.ts: ${['no such', 'title'].join('  ')}`)).toBe(
    'no test has that title',
  );
  expect(faultOf('tools/test/compatibility.test.ts: every state is one of those')).toBeUndefined();
});
