import { BoltWriter } from '@quorate/bolt';
import { buckets, fromUtf8, uint64ToBytes } from '@quorate/std';
import { NodeDisk, saveSnapFile, Wal } from '@quorate/wal';
import { etcdserverpb } from '@quorate/wire';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FileLock } from '../src/file-lock.ts';
import { holderOf } from '../src/examine/lock-holder.ts';
import { examineDataDir, openStore, restoreSnapshot } from '../src/index.ts';
import { makeSnapshot, sourceOf } from './snapshots.ts';

/** A data directory of Quorate; tests work on copies of it. */
let original: string;
beforeAll(async () => {
  const made = await makeSnapshot({ keys: 60 });
  original = mkdtempSync(join(tmpdir(), 'quorate-original-'));
  await restoreSnapshot({
    snapshot: sourceOf(made.bytes),
    dataDir: join(original, 'data'),
    name: 'default',
    initialCluster: 'default=http://localhost:2380',
    initialClusterToken: 'etcd-cluster',
    advertisePeerUrls: ['http://localhost:2380'],
  });
  // The zeros in advance would only have to be copied and read.
  const wal = join(original, 'data/member/wal');
  for (const name of readdirSync(wal)) truncateSync(join(wal, name), 64 * 1024);
  return () => rmSync(original, { recursive: true });
});

let folder: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-examined-'));
  dataDir = join(folder, 'data');
  cpSync(join(original, 'data'), dataDir, { recursive: true });
  chmodSync(dataDir, 0o700);
});
afterEach(() => rmSync(folder, { recursive: true }));

const member = (...names: string[]): string => join(dataDir, 'member', ...names);

/** Names, modes, sizes, times and bytes of all that is in a directory. */
function fingerprint(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, size, mtimeMs, ctimeMs } = lstatSync(path);
      // Closing a file takes away all locks that this very process has on it.
      const hash =
        entry.isFile() && entry.name !== 'LOCK'
          ? createHash('sha256').update(readFileSync(path)).digest('hex')
          : '';
      return [path, mode, size, mtimeMs, ctimeMs, hash].join(' ');
    })
    .concat(`${lstatSync(dir).mtimeMs}`)
    .sort();
}

/** Looks at the directory, and sees to it that this leaves no trace. */
async function examine() {
  const before = fingerprint(folder);
  const facts = await examineDataDir({ dataDir });
  expect(fingerprint(folder)).toEqual(before);
  return facts;
}

test('a directory of Quorate is read from end to end, and nothing in it is touched', async () => {
  const facts = await examine();
  expect(facts).toMatchObject({
    ...{ owner: 'quorate', use: { state: 'free' }, unreadable: undefined },
    ...{ isRestoreInterrupted: false, hasProxy: false, leftovers: [] },
    store: { kind: 'quorate', problem: undefined, alarmCount: 1, freeBytes: 0 },
    log: { problem: undefined, isEndUnsure: false },
  });
  expect(facts.store?.rowCount).toBeGreaterThan(60);
  expect(facts.store?.position?.index).toBe(facts.log?.lastIndex);
  expect(facts.snapFiles.every(({ problem }) => problem === undefined)).toBe(true);
  expect(facts.places[0]).toMatchObject({ path: dataDir, isDirectory: true, mode: 0o700 });
  expect(facts.volumes).toHaveLength(1);
  expect(facts.volumes[0]?.freeBytes).toBeGreaterThan(0);
});

test('a directory of an etcd is read from end to end, and nothing in it is touched', async () => {
  await becomeEtcd(7n);
  expect(await examine()).toMatchObject({
    owner: 'etcd',
    store: { kind: 'etcd', problem: undefined, position: { index: 7, term: 3 }, rowCount: 2 },
  });
});

test('what is not there is said so', async () => {
  rmSync(dataDir, { recursive: true });
  const facts = await examineDataDir({ dataDir });
  expect(facts).toMatchObject({ owner: 'none', log: undefined, store: undefined, places: [], volumes: [] });
  expect(facts.unreadable).toContain('ENOENT');
});

describe('damage', () => {
  test('a torn end is told from damage before it', async () => {
    const path = member('wal', readdirSync(member('wal'))[0] ?? '');
    const bytes = readFileSync(path);
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    truncateSync(path, end - 3);
    expect((await examine()).log?.problem?.kind).toBe('torn');
    bytes.writeUInt8(bytes.readUInt8(end - 12) ^ 1, end - 12);
    writeFileSync(path, bytes);
    expect((await examine()).log?.problem?.kind).toBe('damaged');
  });

  test('a segment that is missing in the middle, and one of another member, are found', async () => {
    rmSync(member('wal'), { recursive: true });
    await makeLog(['a', 'b', 'c']);
    expect((await examine()).log).toMatchObject({ problem: undefined, lastIndex: 6 });
    const [first = '', second = '', third = ''] = readdirSync(member('wal')).filter((name) =>
      name.endsWith('.wal'),
    );
    renameSync(member('wal', second), join(folder, 'aside'));
    expect((await examine()).log?.problem).toEqual({
      kind: 'gap',
      text: 'the segment with sequence number 1 is missing',
    });
    renameSync(join(folder, 'aside'), member('wal', second));
    expect([first, third].every((name) => name !== '')).toBe(true);
  });

  test('a store that does not open, or has a bad table, is damaged', async () => {
    writeFileSync(member('store', 'CURRENT'), 'MANIFEST-999999\n');
    const { store } = await examine();
    expect(store?.problem?.kind).toBe('damaged');
    expect(store?.problem?.text).not.toContain('quorate-examine');
  });

  test('pages of a database, and its end, are looked at', async () => {
    await becomeEtcd(7n);
    const path = member('snap', 'db');
    const bytes = readFileSync(path);
    truncateSync(path, bytes.length - 4096);
    expect((await examine()).store?.problem?.kind).toBe('damaged');
    writeFileSync(path, bytes.fill(0xff, 2 * 4096));
    expect((await examine()).store?.problem?.kind).toBe('damaged');
  });

  test('files of snapshots are checked one by one', async () => {
    const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    await saveSnapFile(new NodeDisk(), member('snap'), {
      index: 900,
      term: 9,
      confState,
      data: fromUtf8('{}'),
    });
    writeFileSync(member('snap', '0000000000000009-0000000000000999.snap'), 'no snapshot');
    const found = (await examine()).snapFiles.filter(({ term }) => term === 9);
    expect(found.map(({ index, problem }) => [index, problem === undefined])).toEqual([
      [900, true],
      [0x999, false],
    ]);
  });
});

test('leftovers of steps and repairs are listed with their sizes', async () => {
  mkdirSync(member('store.tmp'));
  writeFileSync(member('store.tmp', 'x'), 'abc');
  writeFileSync(member('wal', '0.tmp'), '');
  writeFileSync(member('snap', 'a.broken'), 'a');
  mkdirSync(join(dataDir, 'member.restoring'));
  const { leftovers, isRestoreInterrupted } = await examine();
  expect(leftovers.map(({ path, kind, sizeBytes }) => [path.slice(dataDir.length), kind, sizeBytes])).toEqual(
    [
      ['/member.restoring', 'unfinished', 0],
      ['/member/store.tmp', 'unfinished', 3],
      ['/member/wal/0.tmp', 'unfinished', 0],
      ['/member/snap/a.broken', 'broken', 1],
    ],
  );
  expect(isRestoreInterrupted).toBe(true);
});

describe.skipIf(process.platform !== 'linux')('data that a member has open (Linux tells who)', () => {
  test('the store of Quorate is left alone, and the end of the log is not judged', async () => {
    const path = member('wal', readdirSync(member('wal'))[0] ?? '');
    truncateSync(path, readFileSync(path).findLastIndex((byte) => byte !== 0) - 2);
    const store = await openStore(member('store'), { warn() {} });
    await store.open();
    const facts = await examine();
    expect(facts).toMatchObject({
      use: { state: 'used', pid: process.pid },
      store: undefined,
      log: { problem: undefined, isEndUnsure: true },
    });
    await store.close();
    expect((await examine()).use).toEqual({ state: 'free' });
  });

  test('so is the database of an etcd', async () => {
    await becomeEtcd(7n);
    await using lock = await FileLock.take(member('snap', 'db'), 'exclusive');
    expect(lock).toBeDefined();
    expect((await examine()).use.state).toBe('used');
  });

  test('locks are told apart by file and device', () => {
    const locks =
      '1: POSIX  ADVISORY  WRITE 42 fe:02:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 43 08:01:78 0 EOF\n';
    expect(holderOf(locks, { ino: 77, dev: 0xfe02 })).toBe(42);
    expect(holderOf(locks, { ino: 77, dev: 0x0801 })).toBeUndefined();
    expect(holderOf(locks, { ino: 79, dev: 0x0801 })).toBeUndefined();
    // A file system in layers.
    expect(holderOf(locks, { ino: 78, dev: 0x2c })).toBe(43);
  });
});

/** Puts the database of an etcd in the place of the store. */
async function becomeEtcd(index: bigint): Promise<void> {
  rmSync(member('store'), { recursive: true });
  mkdirSync(member('snap'), { recursive: true });
  const rows = [
    [fromUtf8('consistent_index'), uint64ToBytes(index)],
    [fromUtf8('term'), uint64ToBytes(3n)],
  ] as const;
  const writer = await BoltWriter.plan(
    buckets.map((name) => ({
      name,
      rows: async function* () {
        if (name === 'meta') yield rows;
      },
    })),
  );
  writeFileSync(member('snap', 'db'), Buffer.concat(await Array.fromAsync(writer.chunks())));
}

/** A log of small segments, with two entries in each. */
async function makeLog(texts: readonly string[]): Promise<void> {
  const metadata = etcdserverpb.Metadata.encode({ NodeID: 1n, ClusterID: 2n }).finish();
  await using wal = await Wal.create({
    ...{ disk: new NodeDisk(), dir: member('wal'), metadata, segmentSizeBytes: 1024 },
  });
  let index = 1;
  for (const text of texts) {
    const entries = [0, 1].map(() => ({
      term: 1,
      index: index++,
      type: 0 as const,
      data: fromUtf8(text.repeat(600)),
    }));
    await wal.save({ entries, hardState: { term: 1, vote: 1n, commit: index - 1 }, sync: true });
  }
}
