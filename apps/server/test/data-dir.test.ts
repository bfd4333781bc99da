import { parseStorageVersion, servedVersion } from '@quorate/data-dir';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.ts';
import { openDataDir } from '../src/data-dir.ts';
import { serverVersion } from '../src/version.ts';
import { newTestLog } from './test-log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-dir-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const open = (flags: Record<string, string>) => {
  const { config } = loadConfig({ flags: new Map(Object.entries(flags)), env: {} });
  const { log, lines } = newTestLog();
  return { opened: openDataDir(config, log), lines };
};

const write = (path: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'x');
};
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('a new data directory is its owner’s alone', async () => {
  const dataDir = join(dir, 'a/b');
  const { opened, lines } = open({ 'data-dir': dataDir });
  expect(await opened).toEqual({
    storeDir: join(dataDir, 'member/store'),
    walDir: join(dataDir, 'member/wal'),
    snapDir: join(dataDir, 'member/snap'),
    hasLog: false,
  });
  expect(['', 'member', 'member/store'].map((path) => modeOf(join(dataDir, path)))).toEqual([
    '700',
    '700',
    '700',
  ]);
  expect(lines).toEqual([]);
});

test('a data directory that others may enter is used with a warning', async () => {
  mkdirSync(join(dir, 'open'), { mode: 0o755 });
  const { opened, lines } = open({ 'data-dir': join(dir, 'open') });
  await opened;
  expect(lines).toEqual([expect.objectContaining({ level: 40, mode: '755' })]);
});

test('the database of an etcd is refused and left alone', async () => {
  write(join(dir, 'member/snap/db'));
  await expect(open({ 'data-dir': dir }).opened).rejects.toThrow(
    `--data-dir: ${dir} holds the database of an etcd (member/snap/db), which this version cannot read: choose another directory`,
  );
  expect(readdirSync(join(dir, 'member'))).toEqual(['snap']);
});

test('a directory of a member and a proxy at once is refused', async () => {
  mkdirSync(join(dir, 'member'));
  mkdirSync(join(dir, 'proxy'));
  await expect(open({ 'data-dir': dir }).opened).rejects.toThrow('holds both a member and a proxy');
});

test('a path that cannot be a directory is refused by its flag', async () => {
  write(join(dir, 'file'));
  await expect(open({ 'data-dir': join(dir, 'file/below') }).opened).rejects.toThrow(
    `--data-dir: cannot use ${join(dir, 'file/below')} (`,
  );
  await expect(
    open({ 'data-dir': join(dir, 'data'), 'wal-dir': join(dir, 'file/below') }).opened,
  ).rejects.toThrow(`--wal-dir: cannot use ${join(dir, 'file/below')} (`);
});

// Root may write anywhere, whatever the mode says.
test.skipIf(process.getuid?.() === 0)(
  'a directory without the right to write is refused by its flag',
  async () => {
    mkdirSync(join(dir, 'mine'), { mode: 0o500 });
    await expect(open({ 'data-dir': join(dir, 'mine') }).opened).rejects.toThrow('--data-dir: cannot use');
  },
);

test('a member that has a log is told apart from a new one', async () => {
  expect(await open({ 'data-dir': dir }).opened).toMatchObject({ hasLog: false });
  write(join(dir, 'member/wal/0000000000000000-0000000000000000.wal'));
  expect(await open({ 'data-dir': dir }).opened).toMatchObject({ hasLog: true });
});

test('restored members are of the version that they run as', () => {
  expect(parseStorageVersion(serverVersion)).toEqual(servedVersion);
});
