import { expect, test } from 'vitest';
import { fromHex, toHex } from '@quorate/std';
import { recordType, Wal } from '../src/index.ts';
import { FaultyDisk, MemoryDisk } from '../src/testing/index.ts';
import { FrameWriter } from '../src/frame-writer.ts';
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

test('a new log begins with the bytes that etcd writes', { timeout: 60_000 }, async () => {
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

test('a later entry of the same index replaces it and all behind it', async () => {
  const disk = new MemoryDisk();
  {
    await using wal = await Wal.create({ disk, dir, metadata });
    await wal.save({ entries: entries(1, 6, 1), sync: true });
    await wal.save({ entries: entries(3, 2, 2), sync: true });
    expect(wal.lastIndex).toBe(4);
  }
  const opened = await Wal.open({ disk, dir });
  await using _wal = opened.wal;
  expect(describe(opened.entries)).toEqual(describe([...entries(1, 2, 1), ...entries(3, 2, 2)]));
});

test('entries that leave a gap or run backwards within a save are a bug of the caller, and nothing is written', async () => {
  const disk = new MemoryDisk();
  await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 4096 });
  const before = disk.bytesOf(firstSegment);
  const hardState = { term: 0, vote: 1n, commit: 0 };
  expect(await codeOf(wal.save({ entries: [entry(2)], sync: true }))).toBe('INVARIANT');
  expect(await codeOf(wal.save({ entries: [entry(1), entry(3)], sync: true }))).toBe('INVARIANT');
  expect(await codeOf(wal.save({ entries: [entry(1, 0)], sync: true }))).toBe('INVARIANT');
  expect(await codeOf(wal.save({ entries: [], hardState, sync: true }))).toBe('INVARIANT');
  expect(await codeOf(wal.saveSnapshot({ index: 1, term: 1, confState: undefined }))).toBe('INVARIANT');
  expect(disk.bytesOf(firstSegment)).toEqual(before);
  await wal.save({ entries: [entry(1)], sync: true });
});

test('a save that is begun before the last one has ended is refused', async () => {
  await using wal = await Wal.create({ disk: new MemoryDisk(), dir, metadata });
  const first = wal.save({ entries: [entry(1)], sync: true });
  expect(await codeOf(wal.save({ entries: [entry(2)], sync: true }))).toBe('INVARIANT');
  await first;
  await wal.save({ entries: [entry(2)], sync: true });
});

test('a save is one write and one sync; without sync, or with nothing to save, it is less', async () => {
  const disk = new FaultyDisk(new MemoryDisk());
  await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 8192 });
  const counted = async (act: () => Promise<void>) => {
    const before = [disk.callCount('write'), disk.callCount('sync'), disk.callCount()] as const;
    await act();
    return [
      disk.callCount('write') - before[0],
      disk.callCount('sync') - before[1],
      disk.callCount() - before[2],
    ];
  };
  await wal.save({ entries: entries(1, 1), sync: true });
  const hardState = { term: 1, vote: 1n, commit: 1 };
  expect(await counted(() => wal.save({ hardState, entries: entries(2, 50), sync: true }))).toEqual([
    1, 1, 2,
  ]);
  expect(await counted(() => wal.save({ hardState, entries: [], sync: false }))).toEqual([1, 0, 1]);
  expect(await counted(() => wal.save({ entries: [], sync: true }))).toEqual([0, 0, 0]);
  const noHardState = { term: 0, vote: 0n, commit: 0 };
  expect(await counted(() => wal.save({ hardState: noHardState, entries: [], sync: true }))).toEqual([
    0, 0, 0,
  ]);
  expect(await counted(() => wal.saveSnapshot({ index: 1, term: 1, confState }))).toEqual([1, 1, 2]);
});

test('a save that passes the size of a segment is its last; the next one begins with checksum, metadata, hard state', async () => {
  const disk = new MemoryDisk();
  const segmentSizeBytes = 4096;
  const hardState = { term: 1, vote: 2n, commit: 1 };
  const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
  await wal.save({ hardState, entries: entries(1, 60), sync: true });
  expect(await disk.list(dir)).toEqual(['0.tmp', '0000000000000000-0000000000000000.wal']);
  await wal.save({ entries: entries(61, 60), sync: true });
  await wal.save({ entries: entries(121, 1), sync: true });
  expect(await disk.list(dir)).toEqual([
    '0000000000000000-0000000000000000.wal',
    '0000000000000001-0000000000000079.wal',
  ]);
  expect(wal.stats).toMatchObject({ segmentCount: 2, cutCount: 1, preallocationFailureCount: 0 });
  await wal[Symbol.asyncDispose]();

  const records = await recordsOf(disk);
  const first = records.filter((record) => record.segment.startsWith('0000000000000000-'));
  const second = records.filter((record) => record.segment.startsWith('0000000000000001-'));
  expect(second.map((record) => record.type)).toEqual([
    recordType.crc,
    recordType.metadata,
    recordType.state,
    recordType.entry,
  ]);
  expect(second[0]!.crc).toBe(first.at(-1)!.crc);
  const sizes = [disk.bytesOf(firstSegment).length, disk.bytesOf(`${dir}/${second[0]!.segment}`).length];
  expect(sizes[0], 'a full segment ends with its last record').toBeLessThan(2 * segmentSizeBytes);
  expect(sizes[1], 'the last one is preallocated').toBe(segmentSizeBytes);

  const opened = await Wal.open({ disk, dir, segmentSizeBytes });
  await using again = opened.wal;
  expect(describe(opened.entries)).toEqual(describe(entries(1, 121)));
  expect(opened.hardState).toEqual(hardState);
  expect(again.stats.segmentCount).toBe(2);
});

test('a reader that starts at a snapshot gets what is behind it, out of the segments it needs', async () => {
  const disk = new MemoryDisk();
  const segmentSizeBytes = 4096;
  const mark = { index: 150, term: 1, confState };
  {
    await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
    for (let first = 1; first <= 200; first += 10) {
      await wal.save({
        entries: entries(first, 10),
        hardState: { term: 1, vote: 1n, commit: first },
        sync: true,
      });
    }
    await wal.saveSnapshot(mark);
    await wal.saveSnapshot({ index: 199, term: 1, confState });
    await wal.save({ entries: entries(201, 1), hardState: { term: 1, vote: 1n, commit: 198 }, sync: true });
  }
  const marks = await Wal.validSnapshots(disk, dir);
  expect(marks, 'the mark beyond the commit index does not count').toEqual([
    { index: 0, term: 0, confState: undefined },
    mark,
  ]);
  const isRead = async (upTo: number) =>
    (await Wal.validSnapshots(disk, dir, { upTo })).map(({ index }) => index);
  expect(await isRead(170), 'the newest segments hold one that will do').toEqual([150]);
  expect(await isRead(149), 'the whole log is gone through').toEqual([0, 150]);
  const opened = await Wal.open({ disk, dir, segmentSizeBytes, from: mark });
  expect(opened.snapshot).toEqual(mark);
  expect(describe(opened.entries)).toEqual(describe(entries(151, 51)));
  await opened.wal[Symbol.asyncDispose]();

  const open = (index: number, term: number) => Wal.open({ disk, dir, from: { index, term } });
  expect(await codeOf(open(151, 1))).toBe('WAL_SNAPSHOT_NOT_FOUND');
  expect(await codeOf(open(150, 2))).toBe('WAL_SNAPSHOT_MISMATCH');
});

test('a snapshot from a leader takes the place of a log that does not match it', async () => {
  const disk = new MemoryDisk();
  const mark = { index: 50, term: 4, confState };
  {
    await using wal = await Wal.create({ disk, dir, metadata });
    await wal.save({ entries: entries(1, 60, 2), sync: true });
    await wal.saveSnapshot(mark);
    await wal.save({ entries: [], hardState: { term: 4, vote: 0n, commit: 50 }, sync: true });
  }
  const opened = await Wal.open({ disk, dir, from: mark });
  expect(
    opened.entries,
    'entries 51 to 60 of term 2 are no part of a log whose entry 50 is of term 4',
  ).toEqual([]);
  expect(opened.wal.lastIndex).toBe(50);
  await opened.wal.save({ entries: entries(51, 2, 4), sync: true });
  await opened.wal[Symbol.asyncDispose]();
  const again = await Wal.open({ disk, dir, from: mark });
  await using _wal = again.wal;
  expect(describe(again.entries)).toEqual(describe(entries(51, 2, 4)));
});

test('an entry before the start of a reader also takes away what it replaced behind the start', async () => {
  const disk = new MemoryDisk();
  const from = { index: 45, term: 2 };
  {
    await using wal = await Wal.create({ disk, dir, metadata });
    await wal.save({ entries: entries(1, 60, 1), sync: true });
    await wal.save({ entries: entries(40, 6, 2), sync: true });
    await wal.saveSnapshot({ ...from, confState });
  }
  const opened = await Wal.open({ disk, dir, from });
  await using wal = opened.wal;
  expect(opened.entries, 'entries 46 to 60 of term 1 went with entry 40').toEqual([]);
  expect(wal.lastIndex).toBe(45);
});

test('a snapshot ahead of the log moves the index that the next entry and the next segment get', async () => {
  const disk = new MemoryDisk();
  await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 512 });
  await wal.save({ entries: entries(1, 2), sync: true });
  await wal.saveSnapshot({ index: 1000, term: 3, confState });
  expect(wal.lastIndex).toBe(1000);
  await wal.save({ entries: [entry(1001, 3, 'z'.repeat(600))], sync: true });
  await wal.save({ entries: entries(1002, 1, 3), sync: true });
  expect(await disk.list(dir)).toContain('0000000000000001-00000000000003ea.wal');
});

test('released segments are those that nobody needs who starts behind the index, less what is kept', async () => {
  const disk = new MemoryDisk();
  await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 512 });
  for (let first = 1; first <= 200; first += 20) await wal.save({ entries: entries(first, 20), sync: true });
  // Ten saves, each the last of its segment: they begin at 0, 21, 41, … and the last one, 201, has only its head.
  await wal.save({ entries: [], sync: true });
  expect(wal.stats.segmentCount).toBe(11);
  expect(await wal.releaseTo(20)).toEqual([]);
  expect(await wal.releaseTo(21)).toEqual(['0000000000000000-0000000000000000.wal']);
  expect(await wal.releaseTo(500, { keepSegments: 5 })).toHaveLength(5);
  expect(wal.stats.segmentCount).toBe(5);
  expect((await disk.list(dir)).filter((name) => name.endsWith('.wal'))).toHaveLength(5);
  expect(await wal.releaseTo(500)).toHaveLength(4);
  expect(await wal.releaseTo(500)).toEqual([]);
});

test('each thing that can be wrong with a directory has a code of its own', async () => {
  const disk = new MemoryDisk();
  expect(await Wal.exists(disk, dir)).toBe(false);
  expect(await codeOf(Wal.open({ disk, dir }))).toBe('WAL_NOT_FOUND');
  expect(await codeOf(Wal.validSnapshots(disk, dir))).toBe('WAL_NOT_FOUND');
  const segmentSizeBytes = 1024;
  {
    await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
    for (let first = 1; first <= 100; first += 20)
      await wal.save({ entries: entries(first, 20), sync: true });
  }
  expect(await Wal.exists(disk, dir)).toBe(true);
  expect(await codeOf(Wal.create({ disk, dir, metadata }))).toBe('WAL_EXISTS');
  const names = await disk.list(dir);
  const second = `${dir}/${names[1]}`;
  const bytes = disk.bytesOf(second);
  await disk.remove(second);
  expect(await codeOf(Wal.open({ disk, dir }))).toBe('WAL_SEGMENT_MISSING');
  await disk.put(second, bytes);
  await disk.remove(firstSegment);
  expect(await codeOf(Wal.open({ disk, dir }))).toBe('WAL_NOT_FOUND');
});

test('where there is no log, the error names the directory and what makes one', async () => {
  const disk = new MemoryDisk();
  const readAll = async () => {
    for await (const record of Wal.read({ disk, dir })) expect(record).toBeUndefined();
  };
  const told = {
    code: 'WAL_NOT_FOUND',
    message: expect.stringMatching(`^${dir} has no log.*Wal\\.create`) as string,
  };
  await disk.makeDir(dir);
  await disk.put(`${dir}/0.tmp`, new Uint8Array(8)); // What a crash leaves is no log.
  await expect(Wal.open({ disk, dir })).rejects.toMatchObject(told);
  await expect(Wal.validSnapshots(disk, dir)).rejects.toMatchObject(told);
  await expect(readAll()).rejects.toMatchObject(told);
});

test('a segment of another member is told by its metadata, and a gap between entries by their index', async () => {
  const splice = async (who: Uint8Array, first: number) => {
    const disk = new MemoryDisk();
    {
      await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 4096 });
      await wal.save({ entries: entries(1, 20), sync: true });
    }
    const crc = (await recordsOf(disk)).at(-1)!.crc;
    await disk.put(`${dir}/0000000000000001-0000000000000015.wal`, makeSegment(who, first, crc));
    return Wal.open({ disk, dir });
  };
  expect(await codeOf(splice(fromHex('aabb'), 21))).toBe('WAL_METADATA_CONFLICT');
  expect(await codeOf(splice(metadata, 22))).toBe('WAL_ENTRY_GAP');
});

test('a closed log takes nothing, and closing it twice is harmless', async () => {
  const disk = new MemoryDisk();
  const wal = await Wal.create({ disk, dir, metadata });
  await wal.save({ entries: entries(1, 1), sync: false });
  await wal[Symbol.asyncDispose]();
  await wal[Symbol.asyncDispose]();
  expect(await codeOf(wal.save({ entries: entries(2, 1), sync: true }))).toBe('WAL_CLOSED');
  expect(await codeOf(wal.releaseTo(1))).toBe('WAL_CLOSED');
  expect(disk.unsyncedBytesOf(firstSegment), 'closing syncs what was not').toBe(0);
});

test('closing waits for the save that runs', async () => {
  const disk = new MemoryDisk();
  const wal = await Wal.create({ disk, dir, metadata });
  const saving = wal.save({ entries: entries(1, 5), sync: true });
  await wal[Symbol.asyncDispose]();
  await saving;
  const opened = await Wal.open({ disk, dir });
  await using _wal = opened.wal;
  expect(opened.entries).toHaveLength(5);
});

test('leftovers of a creation, of a prepared segment and of other programs do not disturb', async () => {
  const disk = new MemoryDisk();
  await disk.put(`${dir}.tmp/0000000000000000-0000000000000000.wal`, fromHex('00112233'));
  {
    await using wal = await Wal.create({ disk, dir, metadata });
    await wal.save({ entries: entries(1, 1), sync: true });
  }
  await disk.put(`${dir}/0.tmp`, fromHex('ffff'));
  await disk.put(`${dir}/notes.txt`, fromHex('ffff'));
  await disk.put(`${dir}/broken-name.wal`, fromHex('ffff'));
  const opened = await Wal.open({ disk, dir });
  await using _wal = opened.wal;
  expect(opened.entries).toHaveLength(1);
  expect(await disk.list(dir)).toEqual([
    '0000000000000000-0000000000000000.wal',
    'broken-name.wal',
    'notes.txt',
  ]);
});

test('reading for tools gives every record with its place, and ends in the error that is there', async () => {
  const disk = new MemoryDisk();
  {
    await using wal = await Wal.create({ disk, dir, metadata });
    await wal.save({ entries: entries(1, 2), sync: true });
  }
  const records = await recordsOf(disk);
  expect(records.map(({ type, offset }) => [type, offset])).toEqual([
    [4, 0],
    [1, 16],
    [5, 56],
    [2, 80],
    [2, 128],
  ]);
  await disk.put(firstSegment, disk.bytesOf(firstSegment).subarray(0, 140));
  const seen: number[] = [];
  const reading = (async () => {
    for await (const record of Wal.read({ disk, dir })) seen.push(record.offset);
  })();
  expect(await codeOf(reading)).toBe('WAL_TORN');
  expect(seen).toEqual([0, 16, 56, 80]);
  expect(disk.bytesOf(firstSegment), 'tools change nothing').toHaveLength(140);
});

test('a record larger than what is read at a time is read whole', async () => {
  const disk = new MemoryDisk();
  const large = [
    entry(1),
    entry(2, 1, 'L'.repeat(700_000)),
    entry(3),
    entry(4, 1, 'M'.repeat(300_000)),
    entry(5),
  ];
  {
    await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 2_000_000 });
    await wal.save({ entries: large, sync: true });
  }
  const opened = await Wal.open({ disk, dir, segmentSizeBytes: 2_000_000 });
  await using _wal = opened.wal;
  expect(describe(opened.entries)).toEqual(describe(large));
});

/** The bytes of a segment that continues a log with this checksum. */
function makeSegment(who: Uint8Array, firstIndex: number, crc: number): Uint8Array {
  const writer = new FrameWriter(crc);
  writer.addCrc();
  writer.addMetadata(who);
  for (const one of entries(firstIndex, 3)) writer.addEntry(one);
  return writer.bytes;
}
