import { constants } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fromUtf8, SeededRandom, toUtf8 } from '@quorate/std';
import { DiskError, NodeDisk, Wal, type Disk } from '../src/index.ts';
import { FaultyDisk, MemoryDisk } from '../src/testing/index.ts';
import { codeOf, confState, describe as described, entries, metadata } from './helpers.ts';

const disks: readonly { readonly name: string; readonly open: () => Promise<OpenedDisk> }[] = [
  { name: 'NodeDisk', open: openNodeDisk },
  {
    name: 'MemoryDisk',
    open: async () => ({ disk: new MemoryDisk(), root: '/root', [Symbol.asyncDispose]: nothing }),
  },
  {
    name: 'FaultyDisk',
    open: async () => ({
      disk: new FaultyDisk(new MemoryDisk()),
      root: '/root',
      [Symbol.asyncDispose]: nothing,
    }),
  },
];

interface OpenedDisk extends AsyncDisposable {
  readonly disk: Disk;
  readonly root: string;
}

test('NodeDisk makes directories below the one it works in, however short their names', async () => {
  await using opened = await openNodeDisk();
  const before = process.cwd();
  process.chdir(opened.root);
  try {
    await opened.disk.makeDir('d/member');
    await opened.disk.makeDir('./e/');
  } finally {
    process.chdir(before);
  }
  expect((await stat(join(opened.root, 'd/member'))).isDirectory()).toBe(true);
  expect((await stat(join(opened.root, 'e'))).isDirectory()).toBe(true);
});

for (const { name, open } of disks) {
  test(`${name} says how much may be written where a file or directory is`, async () => {
    await using opened = await open();
    const { disk, root } = opened;
    await disk.makeDir(`${root}/a`);
    const free = await disk.freeBytes(`${root}/a`);
    expect(free).toBeGreaterThan(0);
    expect(Number.isInteger(free) || free === Infinity).toBe(true);
  });

  test(`${name} reads back what was written, and no more than there is`, async () => {
    await using opened = await open();
    const { disk, root } = opened;
    await disk.makeDir(`${root}/a/b`);
    await disk.makeDir(`${root}/a/b`);
    const file = await disk.open(`${root}/a/b/file`, 'create');
    expect(await file.size()).toBe(0);
    await file.write(1000, fromUtf8('hello'));
    await file.write(510, fromUtf8('across a sector'));
    await file.sync();
    expect(await file.size()).toBe(1005);
    expect(toUtf8(await file.read(510, 15))).toBe('across a sector');
    expect(toUtf8(await file.read(1002, 100))).toBe('llo');
    expect(await file.read(2000, 10)).toHaveLength(0);
    expect([...(await file.read(0, 3))]).toEqual([0, 0, 0]);
    await file.truncate(1002);
    await file.truncate(1006);
    expect([...(await file.read(999, 10))]).toEqual([0, 104, 101, 0, 0, 0, 0]);
    await file.close();
    await file.close();
    expect(await codeOf(file.read(0, 1))).toBe('EBADF');
  });

  test(`${name} writes durably where a write would, beyond the end and under another name, too`, async () => {
    await using opened = await open();
    const { disk, root } = opened;
    await disk.makeDir(root);
    const file = await disk.open(`${root}/before`, 'create');
    await file.write(0, fromUtf8('not synced'));
    await file.writeDurably(4, fromUtf8('SYNCED'));
    await disk.rename(`${root}/before`, `${root}/after`);
    await file.writeDurably(20, fromUtf8('beyond'));
    expect(await file.size()).toBe(26);
    await file.close();
    const again = await disk.open(`${root}/after`, 'read');
    expect(toUtf8(await again.read(0, 10))).toBe('not SYNCED');
    expect(toUtf8(await again.read(20, 10))).toBe('beyond');
    expect(await codeOf(again.writeDurably(0, fromUtf8('x')))).toBe('EBADF');
    await again.close();
  });

  test(`${name} makes, lists, moves and removes names`, async () => {
    await using opened = await open();
    const { disk, root } = opened;
    expect(await disk.list(`${root}/none`)).toEqual([]);
    await disk.makeDir(`${root}/d`);
    for (const file of ['b', 'a', 'c']) await (await disk.open(`${root}/d/${file}`, 'create')).close();
    expect(await disk.list(`${root}/d`)).toEqual(['a', 'b', 'c']);
    expect(await codeOf(disk.open(`${root}/d/a`, 'create'))).toBe('EEXIST');
    expect(await codeOf(disk.open(`${root}/d/x`, 'read'))).toBe('ENOENT');
    expect(await codeOf(disk.open(`${root}/d/x`, 'write'))).toBe('ENOENT');
    await disk.rename(`${root}/d/a`, `${root}/d/b`);
    await disk.remove(`${root}/d/c`);
    expect(await disk.list(`${root}/d`)).toEqual(['b']);
    expect(await codeOf(disk.remove(`${root}/d/c`))).toBe('ENOENT');
    expect(await codeOf(disk.rename(`${root}/d/c`, `${root}/d/e`))).toBe('ENOENT');
    expect(await codeOf(disk.remove(`${root}/d`))).toBe('ENOTEMPTY');
    await disk.makeDir(`${root}/empty`);
    await disk.rename(`${root}/d`, `${root}/empty`);
    expect(await disk.list(`${root}/empty`)).toEqual(['b']);
    await disk.syncDir(root);
    expect(await codeOf(disk.syncDir(`${root}/d`))).toBe('ENOENT');
    await disk.remove(`${root}/empty/b`);
    await disk.remove(`${root}/empty`);
    expect(await disk.list(root)).toEqual([]);
  });

  test(`${name} carries a log through cuts, a restart and a torn tail`, async () => {
    await using opened = await open();
    const { disk, root } = opened;
    const dir = `${root}/member/wal`;
    const segmentSizeBytes = 8192;
    {
      await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
      for (let first = 1; first <= 500; first += 50)
        await wal.save({ entries: entries(first, 50), sync: true });
    }
    const last = (await disk.list(dir)).findLast((file) => file.endsWith('.wal'))!;
    const records: number[] = [];
    for await (const record of Wal.read({ disk, dir }))
      if (record.segment === last) records.push(record.offset);
    const file = await disk.open(`${dir}/${last}`, 'write');
    await file.truncate(records.at(-1)! + 20);
    await file.close();
    const reopened = await Wal.open({ disk, dir, segmentSizeBytes });
    expect(reopened.repaired).toMatchObject({ offset: records.at(-1), removedBytes: 20 });
    expect(described(reopened.entries)).toEqual(described(entries(1, 499)));
    await reopened.wal.save({ entries: entries(500, 1), sync: true });
    const from = { index: 480, term: 1 };
    await reopened.wal.saveSnapshot({ ...from, confState });
    expect((await reopened.wal.releaseTo(480)).length).toBeGreaterThan(1);
    await reopened.wal[Symbol.asyncDispose]();
    expect(await codeOf(Wal.open({ disk, dir }))).toBe('WAL_NOT_FOUND');
    const again = await Wal.open({ disk, dir, from });
    expect(described(again.entries)).toEqual(described(entries(481, 20)));
    await again.wal[Symbol.asyncDispose]();
  });
}

test('NodeDisk gives files and directories to their owner alone, as etcd does', async () => {
  await using opened = await openNodeDisk();
  const { disk, root } = opened;
  const dir = join(root, 'new/member/wal');
  await using _wal = await Wal.create({ disk, dir, metadata });
  const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
  expect(await mode(join(root, 'new'))).toBe('700');
  expect(await mode(dir)).toBe('700');
  expect(await mode(join(dir, '0000000000000000-0000000000000000.wal'))).toBe('600');
  expect((await stat(join(dir, '0000000000000000-0000000000000000.wal'))).size).toBe(64_000_000);
});

test.skipIf(process.platform !== 'linux')('NodeDisk has a handle whose writes are durable', async () => {
  await using opened = await openNodeDisk();
  const path = join(opened.root, 'file');
  const file = await opened.disk.open(path, 'create');
  await file.writeDurably(0, fromUtf8('kept'));
  const flags: number[] = [];
  for (const handle of await readdir('/proc/self/fd')) {
    const target = await readlink(`/proc/self/fd/${handle}`).catch(() => '');
    if (target !== path) continue;
    const told = /flags:\s+(\d+)/.exec(await readFile(`/proc/self/fdinfo/${handle}`, 'utf8'))?.[1] ?? '';
    flags.push(parseInt(told, 8));
  }
  await file.close();
  expect(flags.filter((each) => (each & constants.O_DSYNC) !== 0)).toHaveLength(1);
  expect(await readFile(path, 'utf8')).toBe('kept');
});

test('NodeDisk wraps what the system says', async () => {
  const failure = await new NodeDisk().open('/nowhere/at/all', 'read').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DiskError);
  expect(failure).toMatchObject({ code: 'ENOENT', path: '/nowhere/at/all' });
  expect(String(failure)).toContain('open /nowhere/at/all: ENOENT');
});

test('a log on NodeDisk has its blocks ahead of its records', async () => {
  await using opened = await openNodeDisk();
  const dir = join(opened.root, 'wal');
  const wal = await Wal.create({ disk: opened.disk, dir, metadata, segmentSizeBytes: 1_000_000 });
  for (let first = 1; first <= 2000; first += 100)
    await wal.save({ entries: entries(first, 100), sync: true });
  await wal[Symbol.asyncDispose]();
  const reopened = await Wal.open({ disk: opened.disk, dir, segmentSizeBytes: 1_000_000 });
  expect(described(reopened.entries)).toEqual(described(entries(1, 2000)));
  await reopened.wal[Symbol.asyncDispose]();
});

test('a power cut keeps synced bytes and loses, keeps or mixes the others by sector', async () => {
  const disk = new MemoryDisk();
  await disk.makeDir('/d');
  const file = await disk.open('/d/f', 'create');
  await file.write(0, new Uint8Array(2048).fill(1));
  await file.sync();
  await disk.syncDir('/d');
  await file.write(0, new Uint8Array(4096).fill(2));
  await file.write(1024, new Uint8Array(512).fill(3));
  expect(disk.unsyncedBytesOf('/d/f')).toBe(4096);
  expect(disk.crash({ keep: 'none' }).bytesOf('/d/f')).toEqual(new Uint8Array(2048).fill(1));
  expect(disk.crash({ keep: 'all' }).bytesOf('/d/f')).toEqual(disk.bytesOf('/d/f'));
  const outcomes = new Set<string>();
  const sizes = new Set<number>();
  for (let seed = 0; seed < 100; seed++) {
    const left = disk.crash({ keep: 'random', random: new SeededRandom(seed) }).bytesOf('/d/f');
    sizes.add(left.length);
    const sectors = [0, 512, 1024].map((offset) => {
      const sector = left.subarray(offset, offset + 512);
      expect(new Set(sector).size, 'a sector is old or new').toBe(1);
      return sector[0];
    });
    outcomes.add(sectors.join());
  }
  expect(sizes).toEqual(new Set([2048, 4096]));
  // Sectors 0 and 1 have two versions, sector 2 has three.
  expect(outcomes.size).toBe(12);
});

test('names that were not synced are lost one by one, but a rename never by half', async () => {
  const disk = new MemoryDisk();
  await disk.makeDir('/d');
  for (const name of ['a', 'b']) await (await disk.open(`/d/${name}`, 'create')).close();
  await disk.syncDir('/d');
  await disk.rename('/d/a', '/d/c');
  await disk.remove('/d/b');
  expect(await disk.crash({ keep: 'none' }).list('/d')).toEqual(['a', 'b']);
  expect(await disk.crash({ keep: 'all' }).list('/d')).toEqual(['c']);
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    outcomes.add((await disk.crash({ keep: 'random', random: new SeededRandom(seed) }).list('/d')).join());
  }
  expect([...outcomes].sort()).toEqual(['a', 'a,b', 'b,c', 'c']);
});

test('a directory that is renamed keeps its files; unsynced, both names are old or both new', async () => {
  const disk = new MemoryDisk();
  await disk.put('/m/wal.tmp/file', fromUtf8('x'));
  await disk.rename('/m/wal.tmp', '/m/wal');
  expect(await disk.list('/m/wal')).toEqual(['file']);
  expect(await disk.crash({ keep: 'none' }).list('/m/wal.tmp')).toEqual(['file']);
  await disk.syncDir('/m');
  expect(await disk.crash({ keep: 'none' }).list('/m')).toEqual(['wal']);
});

test('FaultyDisk fails the call it was told to, counts all, and heals', async () => {
  const disk = new FaultyDisk(new MemoryDisk());
  const calls: string[] = [];
  disk.onCall = ({ operation, number }) => calls.push(`${number} ${operation}`);
  await disk.makeDir('/d');
  const file = await disk.open('/d/f', 'create');
  disk.fail({ operation: 'write', call: 2, code: 'ENOSPC', halfWritten: true });
  disk.fail({ operation: 'sync', call: 1, code: 'EIO', forever: true });
  await file.write(0, new Uint8Array(100).fill(1));
  expect(await codeOf(file.write(100, new Uint8Array(2000).fill(2)))).toBe('ENOSPC');
  expect(await file.size(), 'whole sectors of the first half').toBe(1024);
  expect(await codeOf(file.sync())).toBe('EIO');
  expect(await codeOf(file.sync())).toBe('EIO');
  disk.heal();
  await file.sync();
  expect(disk.callCount('sync')).toBe(3);
  expect(disk.callCount()).toBe(8);
  expect(calls[0]).toBe('1 makeDir');
  expect(calls.at(-1)).toBe('8 sync');
});

async function openNodeDisk(): Promise<OpenedDisk> {
  const root = await mkdtemp(join(tmpdir(), 'quorate-wal-'));
  return { disk: new NodeDisk(), root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

async function nothing(): Promise<void> {}
