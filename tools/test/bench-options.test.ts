import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cpuModel, fileSystemOf } from '../src/bench/environment.ts';
import { commandOf, OptionsError, parseOptions, root, type BenchOptions } from '../src/bench/options.ts';
import { parseCpuMs, parseKib, parseRunNanos } from '../src/bench/proc.ts';

function parsed(args: readonly string[]): BenchOptions {
  const options = parseOptions(args);
  if (options === undefined) throw new Error('these ask for help');
  return options;
}

test('without arguments the table is measured, as often and as long as the documents say, and nothing is written', () => {
  expect(parsed([])).toMatchObject({
    sections: ['tuning', 'calls', 'million', 'interference', 'cluster', 'clients'],
    ...{ repetitions: 3, seconds: 1.5, keys: 1_000_000, entries: 100_000, snapshotKeys: 500_000, rounds: 50 },
    ...{ quick: false, render: false, against: undefined, target: undefined },
  });
});

test('sections can be picked, or all be taken', () => {
  expect(parsed(['--only=million,calls']).sections).toEqual(['million', 'calls']);
  expect(parsed(['--all']).sections).toHaveLength(10);
});

test.each([
  ['--only=disk', '--only must be some of tuning, calls'],
  ['--seconds=0', '--seconds must be above 0'],
  ['--keys=many', '--keys must be a number'],
  ['--snapshot-keys=1.5', '--snapshot-keys must be a whole number'],
  ['--fast', "unknown option '--fast'; --help lists all options"],
  ['more', 'too many arguments'],
  ['--against=/there/is/none', '--against /there/is/none: there is no etcd'],
])('%s is refused: %s', (argument, message) => {
  expect(() => parseOptions([argument])).toThrow(OptionsError);
  expect(() => parseOptions([argument])).toThrow(message);
});

test('a quick run does not become the page, but can be written elsewhere', () => {
  expect(() => parseOptions(['--quick', '--write'])).toThrow('--quick says nothing');
  expect(parsed(['--quick', '--to=/somewhere']).target).toBe('/somewhere');
  expect(parsed(['--write']).target).toBe(join(root, 'docs'));
});

test('the etcd may be named itself, or by its folder', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'quorate-bench-test-'));
  try {
    await writeFile(join(dir, 'etcd'), '');
    expect(parsed([`--against=${dir}`]).against).toBe(dir);
    expect(parsed(['--against', join(dir, 'etcd')]).against).toBe(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('the command that a page shows has no paths in it, and what is not as usual', () => {
  expect(commandOf(parsed(['--write']))).toBe('npm run bench -- --against PATH_TO_ETCD --write');
  const options = parsed(['--only=million,failover', '--dir=/somewhere', '--keys=5000', '--rounds=7']);
  expect(commandOf(options)).toBe(
    'npm run bench -- --against PATH_TO_ETCD --only=million,failover --keys=5000 --rounds=7 --write',
  );
});

test('a quick run is short in everything but what is asked for', () => {
  expect(parsed(['--quick', '--rounds=3'])).toMatchObject({ repetitions: 1, rounds: 3, quick: true });
});

test('CPU time is found behind a command with spaces and parentheses', () => {
  const stat = '77 (a) b (c) S 1 77 77 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 11 0 100 1 2';
  expect(parseCpuMs(stat)).toBe(3000);
});

test('memory is read from the line of that very name', () => {
  const rollup = 'Pss_Dirty:     5 kB\nPss:      7 kB\nPss_Anon:   6 kB\n';
  expect(parseKib(rollup, 'Pss')).toBe(7 * 1024);
  expect(() => parseKib(rollup, 'Rss')).toThrow('there is no Rss');
});

test('a folder is on the file system of the longest mount point above it', () => {
  const mounts = [
    'a / ext4 rw 0 0',
    'b /data xfs rw 0 0',
    'c /data/tmp tmpfs rw 0 0',
    'd /data2 btrfs rw 0 0',
  ].join('\n');
  expect(fileSystemOf('/data/x', mounts)).toBe('xfs');
  expect(fileSystemOf('/data/tmp', mounts)).toBe('tmpfs');
  expect(fileSystemOf('/data3', mounts)).toBe('ext4');
});

test('the processor is named, or said to be unknown', () => {
  expect(cpuModel('processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\n')).toBe('Some CPU @ 3 GHz');
  expect(cpuModel('')).toBe('unknown');
});

test('the time that a thread has run is the first of its figures', () => {
  expect(parseRunNanos('1275635 12 1\n')).toBe(1_275_635);
});
