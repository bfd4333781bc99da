import { expect, test } from 'vitest';
import { SeededRandom } from '@quorate/std';
import { Wal, type Disk } from '../src/index.ts';
import { FaultyDisk, MemoryDisk } from '../src/testing/index.ts';
import { codeOf, confState, describe, dir, entries, entry, metadata } from './helpers.ts';
import { LogModel } from './log-model.ts';

/** Small, so that cuts come often; and large enough for zeros to be written ahead. */
const segmentSizes = [4096, 12288];

/**
 * A life of a log: big and small saves, unsynced ones, a replaced suffix, cuts, a snapshot, a release, a clean
 * restart. Small segments, so that each part comes often.
 */
async function live(
  disk: Disk,
  {
    model,
    segmentSizeBytes,
    onCreated,
  }: { model: LogModel; segmentSizeBytes: number; onCreated: () => void },
): Promise<void> {
  let wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
  onCreated();
  const save = async (first: number, count: number, term: number, sync: boolean, commit: number) => {
    const batch = { entries: entries(first, count, term), hardState: { term, vote: 1n, commit } };
    model.save(batch);
    await wal.save({ ...batch, sync });
    if (sync) model.acknowledge();
  };
  await save(1, 3, 1, true, 0);
  await save(4, 30, 1, true, 3);
  await save(34, 2, 1, false, 30);
  await save(36, 2, 1, false, 31);
  await save(36, 60, 2, true, 35);
  const mark = { index: 60, term: 2, confState };
  model.saveSnapshot(mark);
  await wal.saveSnapshot(mark);
  model.acknowledge();
  await save(96, 1, 2, true, 95);
  const large = { entries: [entry(97, 2, 'large '.repeat(1000))] };
  model.save(large);
  await wal.save({ ...large, sync: true });
  model.acknowledge();
  await save(98, 5, 2, true, 97);
  await wal[Symbol.asyncDispose]();
  ({ wal } = await Wal.open({ disk, dir, segmentSizeBytes }));
  await save(103, 40, 3, true, 102);
  await save(143, 1, 3, false, 143);
  await wal[Symbol.asyncDispose]();
  model.acknowledge();
}

/** A power cut as a member finds it: what was left, and what had been promised. */
interface PowerCut {
  readonly disk: MemoryDisk;
  readonly created: boolean;
  readonly durableCount: number;
  readonly recordCount: number;
  readonly at: string;
}

async function cutPowerAtEveryCall(
  segmentSizeBytes: number,
  seedsPerCall: number,
): Promise<{ cuts: PowerCut[]; model: LogModel }> {
  const memory = new MemoryDisk();
  const disk = new FaultyDisk(memory);
  const model = new LogModel();
  const cuts: PowerCut[] = [];
  let created = false;
  disk.onCall = ({ number, operation, path }) => {
    const { durableCount, recordCount } = model;
    const cut = (left: MemoryDisk, how: string) =>
      cuts.push({
        disk: left,
        created,
        durableCount,
        recordCount,
        at: `call ${number}, ${operation} ${path}, ${how}`,
      });
    cut(memory.crash({ keep: 'none' }), 'none');
    cut(memory.crash({ keep: 'all' }), 'all');
    for (let seed = 0; seed < seedsPerCall; seed++) {
      cut(memory.crash({ keep: 'random', random: new SeededRandom(number * 1000 + seed) }), `seed ${seed}`);
    }
  };
  await live(disk, { model, segmentSizeBytes, onCreated: () => (created = true) });
  return { cuts, model };
}

test.for(segmentSizes)(
  'after a power cut at any call, all that was acknowledged is there and nothing else (segments of %i)',
  { timeout: 60_000 },
  async (segmentSizeBytes) => {
    const { cuts, model } = await cutPowerAtEveryCall(segmentSizeBytes, 10);
    expect(cuts.length).toBeGreaterThan(700);
    const from = { index: 0, term: 0 };
    let tornCount = 0;
    for (const { disk, created, durableCount, recordCount, at } of cuts) {
      if (!created && !(await Wal.exists(disk, dir))) {
        expect(await codeOf(Wal.open({ disk, dir, segmentSizeBytes })), at).toBe('WAL_NOT_FOUND');
        // What was half made does not stand in the way.
        await using fresh = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
        await fresh.save({ entries: entries(1, 1), sync: true });
        continue;
      }
      const opened = await Wal.open({ disk, dir, segmentSizeBytes });
      if (opened.repaired !== undefined) tornCount++;
      const found = { entries: describe(opened.entries), hardState: opened.hardState };
      let matching: number | undefined;
      for (let count = durableCount; count <= recordCount && matching === undefined; count++) {
        const wanted = model.stateAfter(count, from);
        if (JSON.stringify(wanted, bigints) === JSON.stringify(found, bigints)) matching = count;
      }
      expect(matching, `${at}: a prefix of what was saved, from ${durableCount} records on`).toBeDefined();

      // And life goes on.
      const next = entries(opened.wal.lastIndex + 1, 3, 9);
      await opened.wal.save({ entries: next, sync: true });
      await opened.wal[Symbol.asyncDispose]();
      const again = await Wal.open({ disk, dir, segmentSizeBytes });
      expect(describe(again.entries), at).toEqual([...found.entries, ...describe(next)]);
      await again.wal[Symbol.asyncDispose]();
    }
    expect(tornCount, 'power cuts that tore a record').toBeGreaterThan(0);
  },
);

test.for(segmentSizes)(
  'a power cut during repair or reopening leaves a log that opens with the same content (segments of %i)',
  { timeout: 60_000 },
  async (segmentSizeBytes) => {
    const { cuts } = await cutPowerAtEveryCall(segmentSizeBytes, 2);
    let checked = 0;
    for (const cut of cuts.filter((_, i) => i % 7 === 0)) {
      if (!(await Wal.exists(cut.disk, dir))) continue;
      const disk = new FaultyDisk(cut.disk);
      const second: MemoryDisk[] = [];
      disk.onCall = ({ number }) => {
        second.push(cut.disk.crash({ keep: 'random', random: new SeededRandom(number) }));
      };
      const expected = await Wal.open({ disk, dir, segmentSizeBytes });
      await expected.wal[Symbol.asyncDispose]();
      for (const left of second) {
        const opened = await Wal.open({ disk: left, dir, segmentSizeBytes });
        expect(describe(opened.entries), cut.at).toEqual(describe(expected.entries));
        expect(opened.hardState, cut.at).toEqual(expected.hardState);
        await opened.wal[Symbol.asyncDispose]();
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(100);
  },
);

test('a save that syncs puts on disk what was saved before without, however many sectors that takes', async () => {
  const disk = new MemoryDisk();
  const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 256 * 1024 });
  // By then the zeros ahead, whose sync is one of the whole file, are written.
  await wal.save({ entries: entries(1, 100), sync: true });
  await wal.save({ entries: entries(101, 100), sync: false });
  await wal.save({ entries: entries(201, 1), sync: true });
  const left = disk.crash({ keep: 'none' });
  await using opened = (await Wal.open({ disk: left, dir })).wal;
  expect(opened.lastIndex).toBe(201);
  await wal[Symbol.asyncDispose]();
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
