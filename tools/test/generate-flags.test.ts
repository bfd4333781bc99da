import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 });

test('docs/flags.md says what the schema says', () => {
  const script = resolve(import.meta.dirname, '../src/generate-flags.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect([stderr, stdout, status]).toEqual(['', 'docs/flags.md is up to date\n', 0]);
});
