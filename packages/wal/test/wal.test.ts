import { expect, test } from 'vitest';
import { fromHex, toHex } from '@quorate/std';
import { recordType, Wal } from '@quorate/wal';
import { FaultyDisk, MemoryDisk } from '@quorate/wal/testing';
import {
  codeOf,
  confState,
  describe,
  dir,
  entries,
  entry,
  firstSegment,
  metadata,
  recordsOf,
} from './helpers.ts';

// The single member "default" at http://localhost:2380 of cluster etcd-cluster, as etcd writes it.
const etcdMetadata = fromHex('08cdd2918bd2b881cf8e0110b298eaf1948386fccd01');
const etcdFirstBytes =
  '04000000000000840804100000000000' +
  '2000000000000000080110bb81c7fc051a1608cdd2918bd2b881cf8e0110b298eaf1948386fccd01' +
  '0e0000000000008208051094bbc7ed0e1a040800' +
  '10000000';

test('a new log begins with the bytes that etcd writes', async () => {
  const disk = new MemoryDisk();
  await using wal = await Wal.create({ disk, dir, metadata: etcdMetadata });
  const bytes = disk.bytesOf(firstSegment);
  expect(toHex(bytes.subarray(0, 80))).toBe(etcdFirstBytes);
  expect(bytes.subarray(80).every((byte) => byte === 0)).toBe(true);
  expect(bytes.length).toBe(64_000_000);
  expect(wal.lastIndex).toBe(0);
});

test('what was saved is found again, with metadata, hard state and the place to go on', async () => {
  const disk = new MemoryDisk();
  {
    await using wal = await Wal.create({ disk, dir, metadata });
    await wal.save({ hardState: { term: 1, vote: 7n, commit: 0 }, entries: entries(1, 3), sync: true });
    await wal.save({ hardState: { term: 1, vote: 7n, commit: 3 }, entries: [], sync: false });
  }
  const opened = await Wal.open({ disk, dir });
  await using wal = opened.wal;
  expect(opened.metadata).toEqual(metadata);
  expect(opened.hardState).toEqual({ term: 1, vote: 7n, commit: 3 });
  expect(describe(opened.entries)).toEqual(describe(entries(1, 3)));
  expect(opened.snapshot).toEqual({ index: 0, term: 0, confState: undefined });
  expect(opened.repaired).toBeUndefined();
  expect(wal.lastIndex).toBe(3);
  await wal.save({ entries: entries(4, 1), sync: true });
  expect((await recordsOf(disk)).map((record) => record.type)).toEqual([4, 1, 5, 2, 2, 2, 3, 3, 2]);
});
