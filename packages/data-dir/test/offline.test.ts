import { BoltFile } from '@quorate/bolt';
import { MvccStore } from '@quorate/mvcc';
import { LevelBackend } from '@quorate/replica';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { NodeDisk, Wal } from '@quorate/wal';
import { raftinternalpb } from '@quorate/wire';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  defragment,
  hashKv,
  migrate,
  openDataDir,
  openDataDirOffline,
  openFileOffline,
  openStore,
  parseStorageVersion,
  restoreSnapshot,
  storeStatus,
} from '../src/index.ts';
import { FileLock } from '../src/file-lock.ts';
import { openStoreOffline } from '../src/open-store.ts';
import { makeSnapshot, sourceOf, type MadeSnapshot } from './snapshots.ts';

const silent = { warn: () => undefined };

let made: MadeSnapshot;
/** A data directory of Quorate; tests work on copies of it. */
let original: string;
beforeAll(async () => {
  made = await makeSnapshot({ keys: 60 });
  original = mkdtempSync(join(tmpdir(), 'quorate-original-'));
  await restoreSnapshot({
    snapshot: sourceOf(made.bytes),
    dataDir: join(original, 'data'),
    name: 'default',
    initialCluster: 'default=http://localhost:2380',
    initialClusterToken: 'etcd-cluster',
    advertisePeerUrls: ['http://localhost:2380'],
  });
  return () => rmSync(original, { recursive: true });
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-offline-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A data directory of Quorate. */
function quorateDir(): string {
  const dataDir = join(dir, 'quorate');
  cpSync(join(original, 'data'), dataDir, { recursive: true });
  return dataDir;
}

/** A data directory as etcd has it: the same store as a file of bbolt, and a log. */
function etcdDir(): string {
  const dataDir = join(dir, 'etcd');
  mkdirSync(join(dataDir, 'member/snap'), { recursive: true });
  cpSync(join(original, 'data/member/wal'), join(dataDir, 'member/wal'), { recursive: true });
  writeFileSync(join(dataDir, 'member/snap/db'), made.bytes.subarray(0, -32));
  return dataDir;
}

const expectedHash = async (revision: number) => {
  const store = await MvccStore.open({ backend: made.backend });
  const { hash, hashRevision, compactRevision } = await store.hashKv(revision);
  return { hash, hashRevision, compactRevision };
};

describe('the hash of a store', () => {
  test('is that of the member, from a snapshot and from either kind of data directory', async () => {
    for (const revision of [0, 30, 45]) {
      const expected = await expectedHash(revision);
      expect(await hashKv(await openFileOffline(sourceOf(made.bytes)), revision)).toEqual(expected);
      for (const dataDir of [quorateDir(), etcdDir()]) {
        await using data = await openDataDirOffline(dataDir);
        expect(await hashKv(data, revision)).toEqual(expected);
      }
      for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
    }
  });

  test('is refused where there is none', async () => {
    await using data = await openDataDirOffline(quorateDir());
    await expect(hashKv(data, 29)).rejects.toMatchObject({ code: 'MVCC_COMPACTED' });
    await expect(hashKv(data, 1_000)).rejects.toMatchObject({ code: 'MVCC_FUTURE_REVISION' });
    await expect(openDataDirOffline(join(dir, 'none'))).rejects.toMatchObject({ code: 'DATA_DIR_MISSING' });
    expect(readdirSync(dir)).toEqual(['quorate']);
  });
});

test('the status of a store is that of the snapshot it would give', async () => {
  const file = await storeStatus(await openFileOffline(sourceOf(made.bytes)));
  expect(file).toMatchObject({ revision: 61n, sizeBytes: made.bytes.length - 32 });
  await using data = await openDataDirOffline(quorateDir());
  const restored = await storeStatus(data);
  // The members are others, and one who has left is no more.
  expect(restored).toMatchObject({ revision: 61n, keyCount: file.keyCount - 1 });
});

describe('data in use', () => {
  test('of Quorate is left to whom it belongs to', async () => {
    const dataDir = quorateDir();
    await using _ = await openStoreOffline(join(dataDir, 'member/store'));
    const message = `${dataDir} is in use: stop the member that runs on it, and try again`;
    const target = { major: 3, minor: 5 };
    for (const work of [openDataDirOffline, defragment, (path: string) => migrate({ dataDir: path, target })])
      await expect(work(dataDir)).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE', message });
  });

  test('of etcd is told by its lock', async () => {
    const dataDir = etcdDir();
    const before = readFileSync(join(dataDir, 'member/snap/db'));
    const target = { major: 3, minor: 5 };
    {
      await using _ = await FileLock.take(join(dataDir, 'member/snap/db'), 'exclusive');
      for (const work of [
        openDataDirOffline,
        defragment,
        (path: string) => migrate({ dataDir: path, target }),
      ])
        await expect(work(dataDir)).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    }
    expect(readFileSync(join(dataDir, 'member/snap/db')).equals(before)).toBe(true);
    await using _ = await openDataDirOffline(dataDir); // The lock was let go.
  });
});

describe('defragment', () => {
  test('leaves the store of a member as it was, and smaller', async () => {
    const dataDir = quorateDir();
    const storeDir = join(dataDir, 'member/store');
    {
      // Rows that come and go: the log of the engine still has them.
      await using backend = await openStoreOffline(storeDir);
      const key = fromUtf8('passing');
      for (let i = 0; i < 30; i++)
        await backend.write([{ bucket: 'alarm', key, value: new Uint8Array(100_000) }], { sync: false });
      await backend.write([{ bucket: 'alarm', key, value: undefined }], { sync: true });
    }
    const before = { size: sizeOf(storeDir), hash: await hashOf(dataDir), status: await statusOf(dataDir) };
    let bytes = 0;
    await defragment(dataDir, (count) => (bytes += count));
    expect(bytes).toBeGreaterThan(1_000);
    expect(await hashOf(dataDir)).toEqual(before.hash);
    expect(await statusOf(dataDir)).toEqual(before.status);
    expect(sizeOf(storeDir)).toBeLessThan(before.size / 10);
    expect(readdirSync(join(dataDir, 'member')).sort()).toEqual(['snap', 'store', 'wal']);
    expect(statSync(storeDir).mode & 0o077).toBe(0);
  });

  test('gives an etcd a database without free pages, and the same rows', async () => {
    const dataDir = etcdDir();
    const file = join(dataDir, 'member/snap/db');
    const before = { hash: await hashOf(dataDir), status: await statusOf(dataDir) };
    await defragment(dataDir);
    expect(await hashOf(dataDir)).toEqual(before.hash);
    expect({ ...(await statusOf(dataDir)), sizeBytes: 0 }).toEqual({ ...before.status, sizeBytes: 0 });
    const source = await new NodeDisk().open(file, 'read');
    expect(await (await BoltFile.open(source)).check()).toMatchObject({ freePageCount: 0 });
    await source.close();
    expect(readdirSync(join(dataDir, 'member/snap'))).toEqual(['db']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('takes a database by itself, and no snapshot whose checksum would be lost', async () => {
    const [database, snapshot, none] = ['database', 'snapshot', 'none'].map((name) => join(dir, name));
    writeFileSync(database!, made.bytes.subarray(0, -32));
    writeFileSync(snapshot!, made.bytes);
    await defragment(database!);
    await expect(defragment(snapshot!)).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    await expect(defragment(none!)).rejects.toMatchObject({ code: 'DATA_DIR_MISSING' });
    expect(readFileSync(snapshot!).equals(made.bytes)).toBe(true);
  });

  test('of a damaged database changes nothing', async () => {
    const dataDir = etcdDir();
    const file = join(dataDir, 'member/snap/db');
    const bytes = readFileSync(file);
    bytes.fill(0xff, 3 * 4096, 4 * 4096);
    writeFileSync(file, bytes);
    await expect(defragment(dataDir)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(readdirSync(join(dataDir, 'member/snap'))).toEqual(['db']);
  });

  test('waits for a snapshot of the leader that is not in place yet', async () => {
    const dataDir = quorateDir();
    {
      await using backend = await openStoreOffline(join(dataDir, 'member/store'));
      const stage = await backend.stage();
      await stage.write([{ bucket: 'cluster', key: fromUtf8('clusterVersion'), value: fromUtf8('3.6.0') }]);
      await stage.seal();
    }
    await expect(defragment(dataDir)).rejects.toMatchObject({ code: 'DATA_DIR_UNUSABLE' });
    await using backend = await openStoreOffline(join(dataDir, 'member/store'));
    expect(await backend.sealedStage()).toBeDefined();
  });

  test.each<[string, readonly (readonly [string, string])[]]>([
    ['before the new store is whole', [['new', 'store.tmp']]],
    ['when the new store is whole', [['new', 'store.new']]],
    [
      'when the old store has made room',
      [
        ['store', 'store.old'],
        ['new', 'store.new'],
      ],
    ],
    [
      'when the new store is in place',
      [
        ['store', 'store.old'],
        ['new', 'store'],
      ],
    ],
  ])('that a crash ends %s is gone on with at the next start', async (_moment, renames) => {
    const dataDir = quorateDir();
    const member = join(dataDir, 'member');
    const expected = await hashOf(dataDir);
    cpSync(join(member, 'store'), join(member, 'new'), { recursive: true });
    for (const [from, to] of renames) renameSync(join(member, from), join(member, to));
    const opened = await openDataDir({ dataDir }, silent);
    expect(opened).toMatchObject({ hasLog: true, storeDir: join(member, 'store') });
    expect(existsSync(join(member, 'store.new')) || existsSync(join(member, 'store.old'))).toBe(false);
    expect(await hashOf(dataDir)).toEqual(expected);
    await defragment(dataDir);
    expect(await hashOf(dataDir)).toEqual(expected);
    expect(readdirSync(member).sort()).toEqual(['snap', 'store', 'wal']);
  });
});

describe('migrate', () => {
  const kinds = [
    ['Quorate', quorateDir],
    ['etcd', etcdDir],
  ] as const;

  test.each(kinds)('moves the store of %s from version to version', async (_kind, newDir) => {
    const dataDir = newDir();
    const hash = await hashOf(dataDir);
    const to = (minor: number, force = false) => migrate({ dataDir, target: { major: 3, minor }, force });
    expect(await to(6)).toEqual({ from: { major: 3, minor: 6 }, changed: false });
    expect(await to(5)).toEqual({ from: { major: 3, minor: 6 }, changed: true });
    expect(await versionIn(dataDir)).toBeUndefined();
    expect(await to(7)).toEqual({ from: { major: 3, minor: 5 }, changed: true });
    expect(await versionIn(dataDir)).toBe('3.7.0');
    await expect(to(8)).rejects.toMatchObject({
      code: 'MIGRATION_REFUSED',
      message: 'cannot create migration plan: version "3.8.0" is not supported',
    });
    await expect(migrate({ dataDir, target: { major: 4, minor: 0 } })).rejects.toMatchObject({
      code: 'MIGRATION_REFUSED',
    });
    expect(await versionIn(dataDir)).toBe('3.7.0');
    expect(await to(8, true)).toMatchObject({
      changed: true,
      refusal: expect.stringContaining('3.8.0') as unknown,
    });
    expect(await versionIn(dataDir)).toBe('3.8.0');
    expect(await hashOf(dataDir)).toEqual(hash);
  });

  test('does not go below what the log speaks of, unless forced', async () => {
    const dataDir = quorateDir();
    const disk = new NodeDisk();
    const dir = join(dataDir, 'member/wal');
    const request = raftinternalpb.InternalRaftRequest.fromPartial({ clusterVersionSet: { ver: '3.6.0' } });
    {
      await using wal = (await Wal.open({ disk, dir })).wal;
      const data = raftinternalpb.InternalRaftRequest.encode(request).finish();
      await wal.save({ entries: [{ index: 2, term: 1, type: 0, data }], sync: true });
    }
    const down = { dataDir, target: { major: 3, minor: 5 } };
    await expect(migrate(down)).rejects.toMatchObject({
      message:
        'cannot downgrade storage, WAL contains newer entries, as the target version (3.5.0) is lower than the version (3.6.0) detected from WAL logs',
    });
    expect(await versionIn(dataDir)).toBe('3.6.0');
    expect(await migrate({ ...down, force: true })).toMatchObject({ changed: true });
    expect(await versionIn(dataDir)).toBeUndefined();
  });

  test('knows a store that does not say of which version it is', async () => {
    const dataDir = join(dir, 'young');
    cpSync(join(original, 'data'), dataDir, { recursive: true });
    rmSync(join(dataDir, 'member/store'), { recursive: true });
    {
      await using _ = await LevelBackend.open(await openStore(join(dataDir, 'member/store'), silent));
    }
    await expect(migrate({ dataDir, target: { major: 3, minor: 6 } })).rejects.toMatchObject({
      message: 'cannot detect storage schema version: missing confstate information',
    });
  });

  test('reads versions as they are written', () => {
    expect(['3.5', '3.6.0', '3', '3.x', '', '3.6.0-alpha'].map(parseStorageVersion)).toEqual([
      { major: 3, minor: 5 },
      { major: 3, minor: 6 },
      undefined,
      undefined,
      undefined,
      { major: 3, minor: 6 },
    ]);
  });
});

async function hashOf(dataDir: string) {
  await using data = await openDataDirOffline(dataDir);
  return await hashKv(data, 0);
}

async function statusOf(dataDir: string) {
  await using data = await openDataDirOffline(dataDir);
  return await storeStatus(data);
}

async function versionIn(dataDir: string): Promise<string | undefined> {
  await using data = await openDataDirOffline(dataDir);
  const rows = (await Array.fromAsync(data.rows('meta'))).flat();
  const row = rows.find(([key]) => toUtf8(key) === 'storageVersion');
  return row && toUtf8(row[1]);
}

/** Bytes of all files in a directory. */
function sizeOf(path: string): number {
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
}
