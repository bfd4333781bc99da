import { uint64ToBytes, type StagedBackend } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { Wal, type Disk } from '@quorate/wal';
import { FaultyDisk, MemoryDisk } from '@quorate/wal/testing';
import { etcdserverpb, type ConfState, type Entry } from '@quorate/wire';
import { expect, test } from 'vitest';
import { metaKeys, readPosition } from '../src/backend-writer.ts';
import { openLog } from '../src/bootstrap.ts';
import { StartError } from '../src/errors.ts';
import type { ReplicaOptions } from '../src/options.ts';

const confState: ConfState = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function entry(index: number): Entry {
  return { term: 1, index, type: 0, data: new Uint8Array([index]) };
}

/** Small enough for none of it to be filled with zeros, whose syncs would be among those that are counted. */
const segmentSizeBytes = 4096;
const metadata = etcdserverpb.Metadata.encode({ NodeID: 1n, ClusterID: 2n }).finish();

/** A log with entries 1 to 5, all committed. */
function createLog(
  disk: Disk,
  { of = metadata, last = entry(5) }: { readonly of?: Uint8Array; readonly last?: Entry } = {},
): Promise<Wal> {
  const entries = [...[1, 2, 3, 4].map(entry), last];
  const initial = { hardState: { term: 1, vote: 1n, commit: 5 }, entries };
  return Wal.create({ disk, dir: '/wal', metadata: of, initial, segmentSizeBytes });
}

/** The row that says up to which entry a store has come. */
function positionAt(index: number) {
  return { bucket: 'meta', key: metaKeys.consistentIndex, value: uint64ToBytes(BigInt(index)) } as const;
}

/** Opens a log that is there: it needs no more than this. */
function open(disk: Disk, backend: MemoryBackend, options: Partial<ReplicaOptions> = {}) {
  return openLog({
    ...{ disk, walDir: '/wal', segmentSizeBytes, backend },
    ...options,
  } as unknown as ReplicaOptions);
}

/** A store that says when what was staged in it is in place. */
class WatchedBackend extends MemoryBackend {
  onInstalled = (): void => {};

  override async sealedStage(): Promise<StagedBackend | undefined> {
    const stage = await super.sealedStage();
    if (stage === undefined) return undefined;
    const install = async (): Promise<void> => {
      await stage.install();
      this.onInstalled();
    };
    return {
      get: (bucket, key) => stage.get(bucket, key),
      scan: (bucket, range) => stage.scan(bucket, range),
      write: (changes) => stage.write(changes),
      seal: () => stage.seal(),
      discard: () => stage.discard(),
      install,
    };
  }
}

/** A store that had entries 1 to 5, and whose snapshot of entry 20 is sealed and not installed. */
async function withSealedSnapshot(): Promise<WatchedBackend> {
  const backend = new WatchedBackend();
  await backend.write([positionAt(5)]);
  const stage = await backend.stage();
  await stage.write([positionAt(20)]);
  await stage.seal();
  return backend;
}

/** Marks the snapshot of entry 20 in the log, so that it counts. */
async function markSnapshot(wal: Wal): Promise<void> {
  await wal.saveSnapshot({ index: 20, term: 1, confState });
  await wal.save({ hardState: { term: 1, vote: 1n, commit: 20 }, entries: [], sync: true });
}

test('a log with a lower mark behind a higher one begins at the higher one', async () => {
  const disk = new MemoryDisk();
  const backend = new MemoryBackend();
  const wal = await createLog(disk);
  await markSnapshot(wal);
  await wal.saveSnapshot({ index: 5, term: 1, confState });
  await wal.save({ entries: [entry(21)], sync: true });
  await wal[Symbol.asyncDispose]();
  await backend.write([positionAt(20)]);

  const opened = await open(disk, backend);
  expect(opened.snapshot.index).toBe(20);
  expect(opened.entries.map(({ index }) => index)).toEqual([21]);
  await opened.wal[Symbol.asyncDispose]();
});

const misfits: readonly {
  readonly reason: string;
  readonly log?: Parameters<typeof createLog>[1];
  readonly position?: number;
  readonly options?: Partial<ReplicaOptions>;
  readonly error: RegExp;
}[] = [
  { reason: 'the log ends before what the store holds', position: 9, error: /ends at 5/ },
  { reason: 'the log names no member', log: { of: new Uint8Array(0) }, error: /names no member/ },
  {
    reason: 'what the log says of its member is malformed',
    ...{ log: { of: Uint8Array.of(0x0a, 0xff) }, error: /./ },
  },
  {
    reason: 'a change of members in the log is malformed',
    log: { last: { ...entry(5), type: 1, data: Uint8Array.of(0x0a, 0xff) } },
    ...{ options: { forceNewCluster: true }, error: /./ },
  },
];

for (const { reason, log, position = 5, options, error } of misfits) {
  test(`a start that fails since ${reason} leaves no file of the log open`, async () => {
    const memory = new MemoryDisk();
    const wal = await createLog(memory, log);
    await wal[Symbol.asyncDispose]();
    const backend = new MemoryBackend();
    await backend.write([positionAt(position)]);
    const disk = new FaultyDisk(memory);
    await expect(open(disk, backend, options)).rejects.toThrow(error);
    expect(disk.callCount('open')).toBeGreaterThan(2);
    expect(disk.callCount('close')).toBe(disk.callCount('open'));
  });
}

test('a start that fails on a store with a snapshot to install leaves both as they are', async () => {
  const disk = new MemoryDisk();
  const wal = await createLog(disk, { of: new Uint8Array(0) });
  await markSnapshot(wal);
  await wal[Symbol.asyncDispose]();
  const backend = await withSealedSnapshot();
  await expect(open(disk, backend)).rejects.toThrow(StartError);
  expect(readPosition(backend).index).toBe(5);
  expect(await backend.sealedStage()).toBeDefined();
});

/** A log whose disk has failed just when the mark of the snapshot was to count: that is read from memory alone. */
async function withForgottenMark(memory: MemoryDisk): Promise<void> {
  const disk = new FaultyDisk(memory);
  const wal = await createLog(disk);
  disk.fail({ operation: 'sync', path: '.wal', call: 2, code: 'EIO', forgets: true });
  await expect(markSnapshot(wal)).rejects.toThrow('the log failed');
  await wal[Symbol.asyncDispose]();
}

test('a snapshot of which the log speaks in memory alone is in place only once the log is on disk', async () => {
  const memory = new MemoryDisk();
  await withForgottenMark(memory);
  const backend = await withSealedSnapshot();
  const left: MemoryDisk[] = [];
  backend.onInstalled = () => left.push(memory.crash({ keep: 'none' }));
  const opened = await open(memory, backend);
  await opened.wal[Symbol.asyncDispose]();
  expect(left).toHaveLength(1);
  const again = await open(left[0]!, backend);
  expect(again.snapshot.index).toBe(20);
  expect(again.hardState.commit).toBe(20);
  await again.wal[Symbol.asyncDispose]();
});

test('a snapshot waits while the disk refuses what the log says of it, and a loss of power takes it away whole', async () => {
  const memory = new MemoryDisk();
  await withForgottenMark(memory);
  const backend = await withSealedSnapshot();
  const disk = new FaultyDisk(memory);
  disk.fail({ operation: 'sync', call: 1, forever: true, code: 'EIO', forgets: true });
  await expect(open(disk, backend)).rejects.toThrow('EIO');
  expect(readPosition(backend).index).toBe(5);
  const opened = await open(memory.crash({ keep: 'none' }), backend);
  expect(opened.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5]);
  expect(await backend.sealedStage()).toBeUndefined();
  await opened.wal[Symbol.asyncDispose]();
});
