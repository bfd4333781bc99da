import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { startProgress } from '../src/progress.ts';
import { LineReader, type Terminal } from '../src/terminal.ts';

/** A terminal as wide as wanted, and what was written to it. */
function fakeTerminal({ env = {}, columns = 100 }: { env?: Record<string, string>; columns?: number } = {}) {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns });
  const terminal = { ...silentTerminal(env), errorTerminal: stream };
  return { terminal, written: () => String(stream.read() ?? '') };
}

function silentTerminal(env: Record<string, string> = {}): Terminal {
  const refuse = () => Promise.reject(new Error('not here'));
  const write = () => expect.fail('nothing is written by these');
  const stdin = new LineReader(new PassThrough());
  return { argv: [], env, stdin, out: write, err: write, askSecret: refuse, exec: refuse };
}

test('a terminal shows label, share and amounts, and is as before when all is done', () => {
  const { terminal, written } = fakeTerminal();
  const progress = startProgress(terminal, { label: 'copying', total: 40, unit: 'keys' });
  expect(written()).toContain(`copying [${'-'.repeat(30)}] 0% | 0 of 40 keys`);
  progress.advance(10);
  progress.advance(10);
  progress.done();
  const last = written();
  expect(last).toContain(`copying [${'='.repeat(15)}${'-'.repeat(15)}] 50% | 20 of 40 keys`);
  expect(last).toMatch(/\x1b\[2K$/);
  progress.done();
  expect(written()).toBe('');
});

test('without a total, what has been done is shown as a size', () => {
  const { terminal, written } = fakeTerminal();
  {
    using progress = startProgress(terminal, { label: 'receiving', unit: 'bytes' });
    progress.set(2_500_000);
  }
  expect(written()).toContain('receiving 2.5 MB');
});

test('neither wrapping nor the cursor of the terminal is changed, and long lines are cut off', () => {
  const { terminal, written } = fakeTerminal({ columns: 12 });
  startProgress(terminal, { label: 'a label longer than that', unit: 'keys' }).done();
  const text = written();
  expect(text).not.toMatch(/\x1b\[\?/);
  expect(text).toContain('a label long');
  expect(text).not.toContain('longer');
});

test('nothing is written where nobody looks, nor to a terminal that can do nothing', () => {
  const { terminal, written } = fakeTerminal({ env: { TERM: 'dumb' } });
  for (const nowhere of [terminal, silentTerminal()]) {
    using progress = startProgress(nowhere, { label: 'copying', total: 2, unit: 'keys' });
    progress.advance(1);
    progress.set(2);
  }
  expect(written()).toBe('');
});
