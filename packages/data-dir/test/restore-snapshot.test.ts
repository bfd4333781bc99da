import { encodeConfState } from '@quorate/membership';
import { MvccStore } from '@quorate/mvcc';
import { exportStore, readPosition } from '@quorate/replica';
import {
  buckets,
  equalBytes,
  fromUtf8,
  idToHex,
  toUtf8,
  type BackendReader,
  type Bucket,
} from '@quorate/std';
import { loadNewestSnapFile, NodeDisk, Wal } from '@quorate/wal';
import { etcdserverpb } from '@quorate/wire';
import fc from 'fast-check';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  hashKv,
  openDataDir,
  openDataDirOffline,
  restoreSnapshot,
  type RestoreOptions,
  type RestoreStep,
} from '../src/index.ts';
import { openStoreOffline } from '../src/open-store.ts';
import { makeSnapshot, sourceOf, withHash, type MadeSnapshot } from './snapshots.ts';

let made: MadeSnapshot;
beforeAll(async () => {
  made = await makeSnapshot();
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-restore-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const silent = { warn: () => undefined };
const at = (name: string): string => join(dir, name);

/** Restores what was made into a directory, as the only member unless said otherwise. */
const restore = (dataDir: string, options: Partial<RestoreOptions> = {}) =>
  restoreSnapshot({
    snapshot: sourceOf(made.bytes),
    dataDir,
    name: 'default',
    initialCluster: 'default=http://localhost:2380',
    initialClusterToken: 'etcd-cluster',
    advertisePeerUrls: ['http://localhost:2380'],
    ...options,
  });

const rowsOf = async (backend: BackendReader, bucket: Bucket): Promise<string[]> => {
  const rows = (await Array.fromAsync(backend.scan(bucket))).flat();
  return rows.map(
    ([key, value]) => `${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`,
  );
};

describe('what is restored', () => {
  test('is the store of whom the snapshot was taken, in a new cluster', async () => {
    const restored = await restore(at('data'));
    expect(idToHex(restored.memberId)).toBe('8e9e05c52164694d');
    expect(idToHex(restored.clusterId)).toBe('cdf818194e3a8c32');
    expect([restored.snapshotRevision, restored.revision]).toEqual([41, 41]);
    await using backend = await openStoreOffline(at('data/member/store'));
    for (const bucket of buckets) {
      if (bucket === 'key' || bucket.startsWith('members') || bucket === 'meta') continue;
      expect(await rowsOf(backend, bucket)).toEqual(await rowsOf(made.backend, bucket));
    }
    const [before, after] = [
      await MvccStore.open({ backend: made.backend }),
      await MvccStore.open({ backend }),
    ];
    expect(after.compactedRevision).toBe(20);
    for (const revision of [20, 30, 41])
      expect(await after.hashKv(revision)).toEqual(await before.hashKv(revision));
  });

  test('has the members of the new cluster alone, and stands for the entries that say so', async () => {
    await restore(at('data'));
    await using backend = await openStoreOffline(at('data/member/store'));
    const members = (await Array.fromAsync(backend.scan('members'))).flat();
    expect(members.map(([key, value]) => [toUtf8(key), toUtf8(value)])).toEqual([
      [
        '8e9e05c52164694d',
        '{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default"}',
      ],
    ]);
    expect(await rowsOf(backend, 'members_removed')).toEqual([]);
    expect(readPosition(backend)).toEqual({ index: 1, term: 1 });
    expect(toUtf8(backend.get('meta', fromUtf8('confState')) ?? new Uint8Array(0))).toBe(
      '{"voters":[10276657743932975437],"auto_leave":false}',
    );
    expect(toUtf8(backend.get('meta', fromUtf8('storageVersion')) ?? new Uint8Array(0))).toBe('3.6.0');
  });

  test('has a log with the members as its first entries, a vote, and the mark of the snapshot', async () => {
    const cluster = 'a=http://127.0.0.1:1001,b=http://127.0.0.1:1002,c=http://127.0.0.1:1003';
    const options = { initialCluster: cluster, initialClusterToken: 'token' };
    for (const [name, port] of [
      ['a', 1001],
      ['b', 1002],
      ['c', 1003],
    ] as const)
      await restore(at(name), { ...options, name, advertisePeerUrls: [`http://127.0.0.1:${port}`] });
    const disk = new NodeDisk();
    const logs = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const walDir = at(`${name}/member/wal`);
        const marks = await Wal.validSnapshots(disk, walDir);
        await using opened = (await Wal.open({ disk, dir: walDir })).wal;
        expect(opened.lastIndex).toBe(3);
        const again = await Wal.open({ disk, dir: walDir });
        await again.wal[Symbol.asyncDispose]();
        return { marks, hardState: again.hardState, entries: again.entries, metadata: again.metadata };
      }),
    );
    const ids = logs.map(({ metadata }) => etcdserverpb.Metadata.decode(metadata));
    expect(new Set(ids.map(({ NodeID }) => NodeID)).size).toBe(3);
    expect(new Set(ids.map(({ ClusterID }) => ClusterID)).size).toBe(1);
    const voters = ids.map(({ NodeID }) => NodeID ?? 0n).sort((a, b) => (a < b ? -1 : 1));
    for (const { hardState, entries, marks } of logs) {
      expect(hardState).toEqual({ term: 1, vote: voters[0], commit: 3 });
      expect(entries.map(({ index, term, type }) => [index, term, type])).toEqual([
        [1, 1, 1],
        [2, 1, 1],
        [3, 1, 1],
      ]);
      expect(entries.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(
        logs[0]?.entries.map(({ data }) => Buffer.from(data).toString('hex')),
      );
      expect(marks.at(-1)).toMatchObject({ index: 3, term: 1 });
      expect(encodeConfState(marks.at(-1)!.confState!)).toEqual(
        encodeConfState({ voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }),
      );
    }
    const snap = await loadNewestSnapFile(disk, at('a/member/snap'), logs[0]?.marks ?? []);
    expect(snap).toMatchObject({ index: 3, term: 1 });
    const tree: unknown = JSON.parse(toUtf8(snap?.data ?? new Uint8Array(0)));
    expect(tree).toMatchObject({ CurrentVersion: 2 });
  });

  test('is of the version that members run as, when the snapshot is of a higher one', async () => {
    const versions = async (dataDir: string) => {
      await using backend = await openStoreOffline(join(dataDir, 'member/store'));
      const rows = [
        backend.get('cluster', fromUtf8('clusterVersion')),
        backend.get('meta', fromUtf8('storageVersion')),
      ];
      return rows.map((row) => row && toUtf8(row));
    };
    const ofHigher = await makeSnapshot({ version: '3.7.0' });
    const restored = await restore(at('lowered'), { snapshot: sourceOf(ofHigher.bytes) });
    expect(restored.loweredFrom).toBe('3.7.0');
    expect(await versions(at('lowered'))).toEqual(['3.6.0', '3.6.0']);
    const ofLower = await makeSnapshot({ version: '3.5.0' });
    expect(await restore(at('kept'), { snapshot: sourceOf(ofLower.bytes) })).not.toHaveProperty(
      'loweredFrom',
    );
    expect(await versions(at('kept'))).toEqual(['3.5.0', '3.5.0']);
  });

  test('is its owner’s alone', async () => {
    await restore(at('a/b/data'));
    for (const path of ['a/b/data', 'a/b/data/member', 'a/b/data/member/store', 'a/b/data/member/wal'])
      expect((statSync(at(path)).mode & 0o777).toString(8)).toBe('700');
    expect(await openDataDir({ dataDir: at('a/b/data') }, silent)).toMatchObject({ hasLog: true });
  });

  test('has its log elsewhere when asked', async () => {
    mkdirSync(at('data'), { mode: 0o700 });
    await restore(at('data'), { walDir: at('logs/wal') });
    expect(readdirSync(at('data/member')).sort()).toEqual(['snap', 'store']);
    expect(readdirSync(at('logs'))).toEqual(['wal']);
    expect(await openDataDir({ dataDir: at('data'), walDir: at('logs/wal') }, silent)).toMatchObject({
      hasLog: true,
    });
  });

  test('comes from a database without a checksum only when asked', async () => {
    const snapshot = sourceOf(made.bytes.subarray(0, -32));
    await expect(restore(at('data'), { snapshot })).rejects.toMatchObject({
      code: 'SNAPSHOT_NO_HASH',
      message: 'snapshot missing hash but --skip-hash-check=false',
    });
    expect(readdirSync(dir)).toEqual([]);
    await restore(at('data'), { snapshot, skipHashCheck: true });
    expect(readdirSync(at('data'))).toEqual(['member']);
  });
});

describe('with raised revisions', () => {
  test('what was before is compacted, and what comes is higher', async () => {
    const restored = await restore(at('data'), { bumpRevision: 1_000 });
    expect([restored.snapshotRevision, restored.revision]).toEqual([41, 1_041]);
    await using backend = await openStoreOffline(at('data/member/store'));
    const store = await MvccStore.open({ backend });
    expect([store.currentRevision, store.compactedRevision]).toEqual([1_041, 1_041]);
    expect(() => store.history({ from: 41 })).toThrow('compacted');
    const before = await MvccStore.open({ backend: made.backend });
    const all = { start: '\0', endExclusive: '\u0100' };
    expect(store.range(all)).toEqual(before.range(all));
  });

  test('a snapshot of it is restored as it is, and raised again', async () => {
    await restore(at('data'), { bumpRevision: 1_000 });
    const again = async (dataDir: string, bumpRevision: number) => {
      await using backend = await openStoreOffline(at('data/member/store'));
      await using view = backend.snapshot();
      const writer = await exportStore(view, { yieldToLoop: async () => undefined });
      const snapshot = sourceOf(withHash(Buffer.concat(await Array.fromAsync(writer.chunks()))));
      const restored = await restore(dataDir, { snapshot, bumpRevision });
      await using data = await openDataDirOffline(dataDir);
      return { revision: restored.revision, ...(await hashKv(data, 0)) };
    };
    const same = await again(at('same'), 0);
    await using data = await openDataDirOffline(at('data'));
    expect(same).toEqual({ revision: 1_041, ...(await hashKv(data, 0)) });
    await data[Symbol.asyncDispose]();
    expect(await again(at('raised'), 10)).toMatchObject({ hashRevision: 1_051, compactRevision: 1_051 });
  });

  test('more than a revision can be is refused', async () => {
    await expect(restore(at('data'), { bumpRevision: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
      code: 'RESTORE_OPTIONS',
    });
    await expect(restore(at('data'), { bumpRevision: 2 ** 60 })).rejects.toMatchObject({
      code: 'RESTORE_OPTIONS',
    });
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('what is refused changes nothing', () => {
  test.each<[string, Partial<RestoreOptions>, string]>([
    [
      'a name that is not in the cluster',
      { name: 'x' },
      'couldn\'t find local name "x" in the initial cluster configuration',
    ],
    [
      'other peer URLs than in the cluster',
      { advertisePeerUrls: ['http://localhost:1'] },
      '--initial-cluster has default=http://localhost:2380 but missing from --initial-advertise-peer-urls=http://localhost:1',
    ],
    [
      'a URL without a port',
      { initialCluster: 'default=http://localhost' },
      'URL address does not have the form "host:port": http://localhost',
    ],
  ])('%s', async (_name, options, message) => {
    await expect(restore(at('data'), options)).rejects.toMatchObject({ code: 'RESTORE_OPTIONS', message });
    expect(readdirSync(dir)).toEqual([]);
  });

  test('a data directory with something in it, a log that is there', async () => {
    mkdirSync(at('data'));
    writeFileSync(at('data/file'), 'precious');
    mkdirSync(at('wal'));
    await expect(restore(at('data'))).rejects.toMatchObject({
      code: 'DATA_DIR_NOT_EMPTY',
      message: `data-dir "${at('data')}" not empty or could not be read`,
    });
    await expect(restore(at('other'), { walDir: at('wal') })).rejects.toMatchObject({
      code: 'DATA_DIR_NOT_EMPTY',
      message: `wal-dir "${at('wal')}" exists`,
    });
    await expect(restore(at('data/file'))).rejects.toMatchObject({ code: 'DATA_DIR_NOT_EMPTY' });
    expect(readFileSync(at('data/file'), 'utf8')).toBe('precious');
    expect(readdirSync(dir).sort()).toEqual(['data', 'wal']);
  });

  test('files that are no snapshot', async () => {
    const foreign = [
      Buffer.alloc(0),
      Buffer.from('short'),
      withHash(Buffer.alloc(4096, 1)),
      withHash(Buffer.alloc(65536)),
    ];
    for (const bytes of foreign)
      await expect(restore(at('data'), { snapshot: sourceOf(bytes) })).rejects.toMatchObject({
        code: 'SNAPSHOT_FOREIGN',
      });
    expect(readdirSync(dir)).toEqual([]);
  });

  test('a wrong checksum, in the words of etcd', async () => {
    const bytes = Buffer.from(made.bytes);
    bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000);
    await expect(restore(at('data'), { snapshot: sourceOf(bytes) })).rejects.toMatchObject({
      code: 'SNAPSHOT_WRONG_HASH',
      message: expect.stringMatching(/^expected sha256 \[(\d+ ){31}\d+\], got \[(\d+ ){31}\d+\]$/) as unknown,
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  test('any file that was cut or changed somewhere', async () => {
    const mutation = fc.oneof(
      fc.record({ cutAt: fc.nat(made.bytes.length - 1) }),
      fc.record({
        flip: fc.array(fc.tuple(fc.nat(made.bytes.length - 1), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(mutation, async (how) => {
        const bytes = changed(made.bytes, how);
        fc.pre(!equalBytes(bytes, made.bytes));
        await expect(restore(at('data'), { snapshot: sourceOf(bytes) })).rejects.toMatchObject({
          name: 'DataDirError',
        });
        expect(readdirSync(dir)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('without a checksum, what is damaged is found, or restored as it is, and leaves nothing half made', async () => {
    const database = made.bytes.subarray(0, -32);
    const place = fc.tuple(fc.nat(database.length - 1), fc.integer({ min: 1, max: 255 }));
    const inNameOfBucket: [number, number][] = [
      [12466, 128],
      [0, 1],
    ];
    let restoredCount = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 3 }), async (flip) => {
        const snapshot = sourceOf(changed(database, { flip }));
        const [result] = await Promise.allSettled([restore(at('data'), { snapshot, skipHashCheck: true })]);
        if (result.status === 'rejected') {
          expect(result.reason).toMatchObject({ name: 'DataDirError' });
          expect(readdirSync(dir)).toEqual([]);
          return;
        }
        restoredCount++;
        expect(readdirSync(at('data'))).toEqual(['member']);
        rmSync(at('data'), { recursive: true });
      }),
      // The second of them: of the name of a bucket.
      { numRuns: 25, examples: [[inNameOfBucket]] },
    );
    expect(restoredCount).toBeGreaterThan(0); // In what no page uses, and in values, anything can stand.
  });
});

describe('an interrupted restore', () => {
  /** The data directory as a crash would leave it when a step begins. */
  const crashAt = async (step: RestoreStep, options: Partial<RestoreOptions> = {}): Promise<void> => {
    const crash = new Error('power cut');
    const onStep = (begun: RestoreStep): void => {
      if (begun !== step) return;
      if (existsSync(at('data'))) cpSync(at('data'), at('crashed'), { recursive: true });
      throw crash;
    };
    await expect(restore(at('data'), { ...options, onStep })).rejects.toBe(crash);
  };

  test.each<RestoreStep>(['store', 'log', 'publish'])(
    'at step %s starts nothing, and can be done again',
    async (step) => {
      await crashAt(step);
      expect(existsSync(at('data'))).toBe(false);
      expect(readdirSync(at('crashed'))).toEqual(['member.restoring']);
      await expect(openDataDir({ dataDir: at('crashed') }, silent)).rejects.toMatchObject({
        code: 'DATA_DIR_INTERRUPTED',
        message: expect.stringContaining('run "quoratectl snapshot restore" again') as unknown,
      });
      expect(readdirSync(at('crashed'))).toEqual(['member.restoring']);
      await restore(at('crashed'));
      expect(readdirSync(at('crashed'))).toEqual(['member']);
    },
  );

  test('before the check has nothing made', async () => {
    await crashAt('check');
    expect(readdirSync(dir)).toEqual([]);
  });

  test('that failed leaves neither data nor log, and what was there', async () => {
    mkdirSync(at('data'));
    await crashAt('publish', { walDir: at('logs/wal') });
    expect(readdirSync(at('data'))).toEqual([]);
    expect(existsSync(at('logs'))).toBe(false);
  });

  test('whose log has its name already starts nothing, and is said to be removed', async () => {
    const walDir = at('logs/wal');
    await crashAt('publish', { walDir });
    mkdirSync(walDir, { recursive: true }); // What comes next.
    await expect(openDataDir({ dataDir: at('crashed'), walDir }, silent)).rejects.toMatchObject({
      code: 'DATA_DIR_INTERRUPTED',
    });
    await expect(restore(at('crashed'), { walDir })).rejects.toMatchObject({
      code: 'DATA_DIR_NOT_EMPTY',
      message: `wal-dir "${walDir}" exists, perhaps from the restore that was interrupted: remove it then`,
    });
    rmSync(walDir, { recursive: true });
    await restore(at('crashed'), { walDir });
    expect(readdirSync(at('crashed'))).toEqual(['member']);
  });

  test('is not taken for one that is still at work', async () => {
    let second: unknown;
    await restore(at('data'), {
      onStep: async (step) => {
        if (step !== 'log') return;
        await using _ = await openStoreOffline(at('data/member.restoring/store'));
        second = await restore(at('data')).catch((error: unknown) => error);
      },
    });
    expect(second).toMatchObject({ code: 'DATA_DIR_IN_USE' });
    expect(readdirSync(at('data'))).toEqual(['member']);
  });
});

function changed(
  bytes: Uint8Array,
  how: { readonly cutAt: number } | { readonly flip: readonly (readonly [number, number])[] },
): Uint8Array {
  if ('cutAt' in how) return bytes.subarray(0, how.cutAt);
  const copy = Uint8Array.from(bytes);
  for (const [at, bits] of how.flip) copy[at]! ^= bits;
  return copy;
}
