import { expect, test } from 'vitest';
import { cpuModel, fileSystemOf } from '../src/bench/environment.ts';
import { commandOf, parseOptions } from '../src/bench/options.ts';
import { parseCpuMs, parseKib } from '../src/bench/proc.ts';

test('without arguments everything is measured, as often and as long as the documents say', () => {
  expect(parseOptions([])).toMatchObject({
    sections: ['grpc', 'in-process', 'restart', 'cluster', 'catch-up', 'snapshot', 'failover'],
    repetitions: 5,
    seconds: 4,
    keys: 1_000_000,
    entries: 100_000,
    snapshotKeys: 500_000,
    rounds: 50,
    quick: false,
    write: false,
  });
});

test('sections can be picked', () => {
  expect(parseOptions(['--only=restart,grpc']).sections).toEqual(['restart', 'grpc']);
  expect(() => parseOptions(['--only=disk'])).toThrow('no section "disk"');
});

test('numbers must be above zero', () => {
  expect(() => parseOptions(['--seconds=0'])).toThrow('--seconds');
  expect(() => parseOptions(['--keys=many'])).toThrow('--keys');
});

test('the command that a report shows has no paths in it', () => {
  const options = parseOptions(['--only=grpc', '--dir=/somewhere', '--json=/somewhere/else', '--seconds=2']);
  expect(commandOf(options)).toBe('npm run bench -- --only=grpc --repetitions=5 --seconds=2');
});

test('the command names the sizes that its sections have', () => {
  expect(commandOf(parseOptions(['--write']))).toBe(
    'npm run bench -- --repetitions=5 --seconds=4 --keys=1000000 --entries=100000 --snapshot-keys=500000 --rounds=50 --write',
  );
});

test('a quick run is short in everything but what is asked for', () => {
  expect(parseOptions(['--quick', '--rounds=3'])).toMatchObject({ repetitions: 1, rounds: 3, quick: true });
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
