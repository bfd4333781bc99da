import { uint64ToBytes } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { Wal } from '@quorate/wal';
import { MemoryDisk } from '@quorate/wal/testing';
import { etcdserverpb, type ConfState, type Entry } from '@quorate/wire';
import { expect, test } from 'vitest';
import { metaKeys } from '../src/backend-writer.ts';
import { openLog } from '../src/bootstrap.ts';
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

test('a log with a lower mark behind a higher one begins at the higher one', async () => {
  const disk = new MemoryDisk();
  const backend = new MemoryBackend();
  const metadata = etcdserverpb.Metadata.encode({ NodeID: 1n, ClusterID: 2n }).finish();
  const initial = { hardState: { term: 1, vote: 1n, commit: 5 }, entries: [1, 2, 3, 4, 5].map(entry) };
  const wal = await Wal.create({ disk, dir: '/wal', metadata, initial });
  await wal.saveSnapshot({ index: 20, term: 1, confState });
  await wal.save({ hardState: { term: 1, vote: 1n, commit: 20 }, entries: [], sync: true });
  await wal.saveSnapshot({ index: 5, term: 1, confState });
  await wal.save({ entries: [entry(21)], sync: true });
  await wal[Symbol.asyncDispose]();
  await backend.write([{ bucket: 'meta', key: metaKeys.consistentIndex, value: uint64ToBytes(20n) }]);

  // Only what is needed to open a log that is there.
  const opened = await openLog({ disk, walDir: '/wal', backend } as unknown as ReplicaOptions);
  expect(opened.snapshot.index).toBe(20);
  expect(opened.entries.map(({ index }) => index)).toEqual([21]);
  await opened.wal[Symbol.asyncDispose]();
});
