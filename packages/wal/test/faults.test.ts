import { expect, test } from 'vitest';
import { DiskError, Wal, WalFailedError, type Disk } from '../src/index.ts';
import { FaultyDisk, MemoryDisk, type DiskOperation } from '../src/testing/index.ts';
import { codeOf, confState, describe, dir, entries, metadata } from './helpers.ts';
import { LogModel } from './log-model.ts';

/** Large enough for zeros to be written ahead, small enough for cuts. */
const segmentSizeBytes = 8192;

/** Saves until something fails; returns the log as it is then. */
async function live(disk: Disk, model: LogModel): Promise<Wal> {
  const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
  try {
    for (let first = 1; first <= 300; first += 25) {
      const save = { entries: entries(first, 25), hardState: { term: 1, vote: 3n, commit: first } };
      model.save(save);
      await wal.save({ ...save, sync: first % 2 === 1 });
      if (first % 2 === 1) model.acknowledge();
    }
    const mark = { index: 200, term: 1, confState };
    model.saveSnapshot(mark);
    await wal.saveSnapshot(mark);
    model.acknowledge();
  } catch (error) {
    if (!(error instanceof WalFailedError)) throw error;
  }
  return wal;
}

async function callsOfALife(): Promise<number> {
  const disk = new FaultyDisk(new MemoryDisk());
  const wal = await live(disk, new LogModel());
  await wal[Symbol.asyncDispose]();
  return disk.callCount();
}

/** Everything that was acknowledged must be in what is left. */
async function expectAcknowledged(disk: MemoryDisk, model: LogModel, what: string): Promise<void> {
  const opened = await Wal.open({ disk, dir, segmentSizeBytes });
  const found = { entries: describe(opened.entries), hardState: opened.hardState };
  expect(model.match(found, { index: 0 }), what).toBeDefined();
  await opened.wal[Symbol.asyncDispose]();
}

for (const code of ['EIO', 'ENOSPC']) {
  for (const forever of [false, true]) {
    const name = `${code}${forever ? ' from then on' : ' once'}`;
    test(
      `with ${name} at any call, a log that fails says so for ever and has lost nothing acknowledged`,
      { timeout: 60_000 },
      async () => {
        const total = await callsOfALife();
        expect(total).toBeGreaterThan(50);
        for (let call = 1; call <= total; call++) {
          const memory = new MemoryDisk();
          const disk = new FaultyDisk(memory);
          disk.fail({ call, code, forever, halfWritten: true });
          const model = new LogModel();
          let wal: Wal;
          try {
            wal = await live(disk, model);
          } catch (error) {
            expect(error, `call ${call}`).toBeInstanceOf(DiskError);
            expect(model.recordCount).toBe(0);
            continue;
          }
          // The failure of a cut is met by the next call, so ask once more before drawing conclusions.
          const probe = await outcome(wal.save({ entries: [], sync: true }));
          if (probe === 'WAL_FAILED') {
            disk.heal();
            expect(await outcome(wal.save({ entries: entries(wal.lastIndex + 1, 1), sync: true }))).toBe(
              'WAL_FAILED',
            );
            expect(await outcome(wal.saveSnapshot({ index: 2, term: 1, confState }))).toBe('WAL_FAILED');
            expect(await outcome(wal.releaseTo(1))).toBe('WAL_FAILED');
          }
          await expectAcknowledged(memory.crash({ keep: 'none' }), model, `power cut after call ${call}`);
          await outcome(wal[Symbol.asyncDispose]());
          await expectAcknowledged(memory, model, `restart after call ${call}`);
        }
      },
    );
  }
}

test(
  'what a restarted process has acknowledged survives a power cut, wherever the one before was killed',
  { timeout: 60_000 },
  async () => {
    const total = await callsOfALife();
    for (let call = 1; call <= total; call++) {
      const memory = new MemoryDisk();
      const killed = new FaultyDisk(memory);
      killed.fail({ call, code: 'EIO', forever: true });
      try {
        await live(killed, new LogModel());
      } catch (error) {
        expect(error).toBeInstanceOf(DiskError);
      }
      if (!(await Wal.exists(memory, dir))) continue;
      // The system lives on, so the second process sees all that the first one wrote, synced or not.
      const opened = await Wal.open({ disk: memory, dir, segmentSizeBytes });
      const afterOpen = await Wal.open({ disk: memory.crash({ keep: 'none' }), dir, segmentSizeBytes });
      expect(describe(afterOpen.entries), `what open found, killed at call ${call}`).toEqual(
        describe(opened.entries),
      );
      await afterOpen.wal[Symbol.asyncDispose]();
      const next = entries(opened.wal.lastIndex + 1, 2, 5);
      await opened.wal.save({ entries: next, sync: true });
      const again = await Wal.open({ disk: memory.crash({ keep: 'none' }), dir, segmentSizeBytes });
      expect(describe(again.entries), `killed at call ${call}`).toEqual(
        describe([...opened.entries, ...next]),
      );
      await opened.wal[Symbol.asyncDispose]();
      await again.wal[Symbol.asyncDispose]();
    }
  },
);

test(
  'what a failed sync has left in memory alone is on disk once a restarted process has found it',
  { timeout: 60_000 },
  async () => {
    const counting = new FaultyDisk(new MemoryDisk());
    await (await live(counting, new LogModel()))[Symbol.asyncDispose]();
    const total = counting.callCount('sync');
    let leftCount = 0;
    for (let call = 1; call <= total; call++) {
      const memory = new MemoryDisk();
      const disk = new FaultyDisk(memory);
      disk.fail({ operation: 'sync', call, code: 'EIO', forgets: true });
      try {
        await outcome((await live(disk, new LogModel()))[Symbol.asyncDispose]());
      } catch (error) {
        expect(error).toBeInstanceOf(DiskError);
      }
      if (!(await Wal.exists(memory, dir))) continue;
      if ((await memory.list(dir)).some((name) => name.endsWith('.doubtful'))) leftCount++;
      const opened = await Wal.open({ disk: memory, dir, segmentSizeBytes });
      const next = entries(opened.wal.lastIndex + 1, 2, 5);
      await opened.wal.save({ entries: next, sync: true });
      const after = await Wal.open({ disk: memory.crash({ keep: 'none' }), dir, segmentSizeBytes });
      expect(describe(after.entries), `failed at sync ${call}`).toEqual(
        describe([...opened.entries, ...next]),
      );
      expect(await memory.list(dir)).not.toContainEqual(expect.stringContaining('.doubtful'));
      await after.wal[Symbol.asyncDispose]();
      await opened.wal[Symbol.asyncDispose]();
    }
    expect(leftCount).toBeGreaterThan(5);
  },
);

test('a start that fails on bytes that a killed process has not synced leaves the doubt to the next one', async () => {
  const memory = new MemoryDisk();
  const killed = await Wal.create({ disk: memory, dir, metadata, segmentSizeBytes });
  await killed.save({ entries: entries(1, 3), sync: true });
  await killed.save({ entries: entries(4, 30), sync: false }); // Then it is killed.
  const disk = new FaultyDisk(memory);
  for (let attempt = 1; attempt <= 2; attempt++) {
    disk.fail({ operation: 'sync', call: 1, code: 'EIO', forgets: true });
    expect(await outcome(Wal.open({ disk, dir, segmentSizeBytes }))).toBe('EIO');
    disk.heal();
  }
  const opened = await Wal.open({ disk, dir, segmentSizeBytes });
  expect(opened.entries).toHaveLength(33);
  const after = await Wal.open({ disk: memory.crash({ keep: 'none' }), dir, segmentSizeBytes });
  expect(describe(after.entries)).toEqual(describe(opened.entries));
  await after.wal[Symbol.asyncDispose]();
  await opened.wal[Symbol.asyncDispose]();
});

for (const operation of ['write', 'sync'] satisfies DiskOperation[]) {
  test(`a failed ${operation} of a save names its cause, and the log stays failed though the disk recovers`, async () => {
    const disk = new FaultyDisk(new MemoryDisk());
    const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 4096 });
    await wal.save({ entries: entries(1, 1), sync: true });
    disk.fail({ operation, call: 1, code: 'EIO' });
    const failure = await wal.save({ entries: entries(2, 1), sync: true }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'WAL_FAILED', cause: { code: 'EIO' } });
    expect(await codeOf(wal.save({ entries: entries(2, 1), sync: true }))).toBe('WAL_FAILED');
    expect(wal.lastIndex).toBe(1);
    const before = disk.callCount('sync');
    await wal[Symbol.asyncDispose]();
    expect(disk.callCount('sync'), 'a failed log is not synced again').toBe(before);
  });
}

test('a disk that refuses zeros ahead costs nothing but speed, and is counted', async () => {
  const memory = new MemoryDisk();
  const disk = new FaultyDisk(memory);
  disk.fail({ operation: 'write', path: '/wal.tmp/', call: 1, code: 'ENOSPC' });
  const created = Wal.create({ disk, dir, metadata, segmentSizeBytes });
  const wal = await created;
  for (let first = 1; first <= 200; first += 20) await wal.save({ entries: entries(first, 20), sync: true });
  await wal[Symbol.asyncDispose]();
  expect(wal.stats.preallocationFailureCount).toBe(1);
  const opened = await Wal.open({ disk: memory, dir, segmentSizeBytes });
  expect(opened.entries).toHaveLength(200);
  await opened.wal[Symbol.asyncDispose]();
});

test('a next segment that cannot be made ahead is made at the cut', async () => {
  const memory = new MemoryDisk();
  const disk = new FaultyDisk(memory);
  disk.fail({ operation: 'open', path: '0.tmp', call: 1, code: 'ENOSPC' });
  const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
  for (let first = 1; first <= 400; first += 20) await wal.save({ entries: entries(first, 20), sync: true });
  await wal[Symbol.asyncDispose]();
  expect(wal.stats.preallocationFailureCount).toBe(1);
  expect(wal.stats.cutCount).toBeGreaterThan(0);
  const opened = await Wal.open({ disk: memory, dir, segmentSizeBytes });
  expect(opened.entries).toHaveLength(400);
  await opened.wal[Symbol.asyncDispose]();
});

test('a segment that cannot be removed is tried again at the next release', async () => {
  const disk = new FaultyDisk(new MemoryDisk());
  await using wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
  for (let first = 1; first <= 600; first += 20) await wal.save({ entries: entries(first, 20), sync: true });
  disk.fail({ operation: 'remove', path: '.wal', call: 2, code: 'EIO' });
  await wal.save({ entries: [], sync: true }); // The cut after the last save is over then.
  const before = wal.stats.segmentCount;
  expect(await codeOf(wal.releaseTo(600))).toBe('EIO');
  expect(wal.stats.segmentCount).toBe(before - 1);
  expect((await wal.releaseTo(600)).length).toBe(before - 2);
  await wal.save({ entries: entries(601, 1), sync: true });
});

/** The code that a promise fails with; undefined when it does not. */
async function outcome(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}
