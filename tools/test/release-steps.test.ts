import { expect, test, vi } from 'vitest';
import { Checks, expectNone, forEachLimited } from '../src/release/checks.ts';
import { closeChangelog } from '../src/release/close-changelog.ts';
import { description, partOf } from '../src/release/commits.ts';
import { sizeTable } from '../src/release/packages.ts';
import { nextVersion } from '../src/release/preview.ts';
import { CommandError, run } from '../src/release/run.ts';

const changelog = `# Changelog

For users.

## Unreleased

### Added

- A thing.

## 0.1.0 (2026-01-02)

- The first.
`;

test('a version takes over what was unreleased, and the rest stays as it was', () => {
  const closed = closeChangelog(changelog, '0.2.0', '2026-11-23');
  expect(closed).toBe(changelog.replace('## Unreleased\n', '## Unreleased\n\n## 0.2.0 (2026-11-23)\n'));
});

test.each([
  ['without the heading', changelog.replace('## Unreleased', '## Next'), '0.2.0', 'has no heading'],
  ['with nothing new', changelog.replace(/### Added[^]*?thing\.\n/, ''), '0.2.0', 'say there what is new'],
  ['with nothing at all', '# Changelog\n\n## Unreleased\n', '0.2.0', 'say there what is new'],
  ['that has the version', changelog, '0.1.0', 'has the version 0.1.0 already'],
])('a changelog %s is refused', (_, text, version, reason) => {
  expect(() => closeChangelog(text, version, '2026-11-23')).toThrow(reason);
});

test('the preview is of the next version that may add and breaks nothing', () => {
  expect(nextVersion('0.1.0')).toBe('0.2.0');
  expect(nextVersion('1.9.3')).toBe('1.10.0');
});

test('a commit stands in the history below the part that it names; of several parts all is kept', () => {
  const parts = (subject: string) => [partOf(subject), description(subject)];
  expect(parts('raft: reject appends')).toEqual(['raft', 'reject appends']);
  expect(parts('data-dir: a: b')).toEqual(['data-dir', 'a: b']);
  expect(parts('wire!: other names')).toEqual(['wire', 'other names']);
  expect(parts('rpc, replica: answers')).toEqual([undefined, 'rpc, replica: answers']);
  expect(parts('no part at all')).toEqual([undefined, 'no part at all']);
});

test('checks go on after one that failed, and the last line counts them', async () => {
  const log = vi.spyOn(console, 'log').mockReturnValue();
  const checks = new Checks();
  await checks.check('good', () => undefined);
  await checks.check('bad', () => expectNone(['one', 'two']));
  await checks.check('also good', () => expectNone([]));
  expect(checks.finish()).toBe(1);
  const lines = log.mock.calls.map(([line]: unknown[]) => String(line));
  log.mockRestore();
  expect(lines.at(-1)).toBe('2 passed, 1 failed');
  expect(lines).toContain('- bad: one');
});

test('who is told to stop checks nothing more, and counts no failure for it', async () => {
  const stopping = new AbortController();
  const checks = new Checks(stopping.signal);
  const reason = new Error('stopped');
  const stopped = checks.check('under way', () => {
    stopping.abort(reason);
    throw new Error('a consequence');
  });
  await expect(stopped).rejects.toBe(reason);
  await expect(checks.check('later', () => undefined)).rejects.toBe(reason);
});

test('work on many things is done on a few at once, in order', async () => {
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  await forEachLimited([1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
  });
  expect(begun).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

test('a command that fails says what it wrote, and which code it ended with', async () => {
  const script = `console.log('out'); console.error('err'); process.exit(3)`;
  const failing = run(process.execPath, ['--eval', script], { cwd: import.meta.dirname });
  await expect(failing).rejects.toThrow(/out\nerr/);
  await expect(failing).rejects.toBeInstanceOf(CommandError);
  await expect(failing).rejects.toMatchObject({ code: 'COMMAND_FAILED', stdout: 'out\n' });
});

test('sizes are told with the largest first, and all together', () => {
  const table = sizeTable([
    { name: 'small', packedBytes: 1024, unpackedBytes: 4096, files: 2 },
    { name: 'large', packedBytes: 10_240, unpackedBytes: 40_960, files: 3 },
  ]);
  expect(table.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['package', 'packed', 'unpacked', 'files'],
    ['large', '10 KiB', '40 KiB', '3'],
    ['small', '1 KiB', '4 KiB', '2'],
    ['all', '11 KiB', '44 KiB', '5'],
  ]);
});
