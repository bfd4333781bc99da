import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { attwProblems, publintProblems } from '../src/release/lint-tarball.ts';

const root = resolve(import.meta.dirname, '../..');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-lint-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A package of modules with one door, as a tarball. */
function pack(files: Readonly<Record<string, string>>): string {
  mkdirSync(join(dir, 'package'));
  const manifest = {
    name: '@quorate/x',
    version: '1.0.0',
    type: 'module',
    license: 'Apache-2.0',
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
  };
  const all = { 'package.json': JSON.stringify(manifest), ...files };
  for (const [file, text] of Object.entries(all)) writeFileSync(join(dir, 'package', file), text);
  const tarball = join(dir, 'x.tgz');
  execFileSync('tar', ['-czf', tarball, '-C', dir, 'package']);
  return tarball;
}

test('a package of modules with types passes, though no CommonJS of an old Node finds it', async () => {
  const tarball = pack({
    'index.js': 'export const a = 1;\n',
    'index.d.ts': 'export declare const a = 1;\n',
  });
  expect(await publintProblems(tarball)).toEqual([]);
  expect(await attwProblems(root, tarball)).toEqual([]);
});

test('types that lead nowhere, and code that is no module, are found', async () => {
  const tarball = pack({
    'index.js': 'module.exports = 1;\n',
    'index.d.ts': `export { a } from './gone.js';\n`,
  });
  expect((await publintProblems(tarball)).join()).toContain('is written in CJS, but is interpreted as ESM');
  expect((await attwProblems(root, tarball)).join()).toContain('"moduleSpecifier":"./gone.js"');
});
