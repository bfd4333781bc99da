import { MemoryDisk } from '@quorate/wal/testing';
import { expect, test } from 'vitest';
import { Chance } from '../src/world/chance.ts';
import { DiskTroubles } from '../src/world/disk-troubles.ts';
import { SimProcess } from '../src/world/process.ts';
import { SimDisk } from '../src/world/sim-disk.ts';
import { SimulationError, Timeline } from '../src/world/timeline.ts';

function newProcess(options: { rate?: number; onPoint?: (point: string) => void } = {}) {
  const timeline = new Timeline(new Chance(1));
  const { rate = 1, onPoint } = options;
  const process = new SimProcess({
    ...{ machine: 'm1', timeline, chance: new Chance(2) },
    clockError: { rate, startMs: 1000, wallOffsetMs: 0 },
    ...(onPoint && { onPoint }),
  });
  return { timeline, process };
}

function newDisk(process: SimProcess, files = new MemoryDisk()) {
  const rates = { syncEio: 0, writeEio: 0, readEio: 0 };
  const troubles = new DiskTroubles(new Chance(4), { rates, writeMs: 0.1, syncMs: 1 });
  return { files, troubles, disk: new SimDisk({ files, process, troubles, chance: new Chance(5) }) };
}

test('events happen in the order of their moment, and idle time costs nothing', async () => {
  const { timeline } = newProcess();
  const happened: string[] = [];
  timeline.after(86_400_000, 'day', () => happened.push('day'));
  timeline.after(10, 'ten', () => happened.push('ten'));
  timeline.after(5, 'five', () => timeline.after(1, 'six', () => happened.push('six')));
  await timeline.runUntil(() => happened.includes('day'));
  expect(happened).toEqual(['six', 'ten', 'day']);
  expect(timeline.nowMs).toBe(86_400_000);
});

test('every promise that an event settles is followed to its end before the next event', async () => {
  const { timeline } = newProcess();
  const happened: string[] = [];
  const chain = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
    happened.push('chain');
  };
  timeline.after(1, 'first', () => void chain());
  timeline.after(1.0001, 'second', () => happened.push('second'));
  await timeline.runUntil(() => happened.length === 2);
  expect(happened).toEqual(['chain', 'second']);
});

test('a run in which nothing more can happen ends with an error', async () => {
  const { timeline } = newProcess();
  await expect(timeline.runUntil(() => false)).rejects.toThrow(SimulationError);
});

test('what a process waits for never comes once it is gone', async () => {
  const { timeline, process } = newProcess();
  const happened: string[] = [];
  process.after(10, () => happened.push('timer'));
  void process.wait(10, 'disk', () => 1).then(() => happened.push('disk'));
  timeline.after(5, 'kill', () => process.kill());
  timeline.after(20, 'end', () => happened.push('end'));
  await timeline.runUntil(() => happened.includes('end'));
  expect(happened).toEqual(['end']);
});

test('what falls due while a process is paused happens at once when it goes on, and its clock has gone on', async () => {
  const { timeline, process } = newProcess();
  const timers: number[] = [];
  for (const delayMs of [10, 20, 30]) process.after(delayMs, () => timers.push(process.now()));
  timeline.after(5, 'pause', () => process.pause());
  timeline.after(500, 'resume', () => process.resume());
  await timeline.runUntil(() => timers.length === 3);
  expect(timers).toEqual([1500, 1500, 1500]);
});

test('a clock that runs fast fires its timers early in true time, and never before its own', async () => {
  const { timeline, process } = newProcess({ rate: 1.25 });
  let firedAt = 0;
  process.after(1000, () => (firedAt = process.now()));
  await timeline.runUntil(() => firedAt > 0);
  expect(timeline.nowMs).toBe(800);
  expect(firedAt).toBe(2000);
});

test('a write of a process that dies at its sync may be lost; nothing it does later reaches the disk', async () => {
  const { timeline, process } = newProcess({
    onPoint: (point) => {
      if (point === 'disk.sync.before') process.kill();
    },
  });
  const { disk, files } = newDisk(process);
  let isOver = false;
  void (async () => {
    await disk.makeDir('/d');
    const file = await disk.open('/d/f', 'create');
    await disk.syncDir('/d');
    await file.write(0, Uint8Array.of(1, 2, 3));
    await file.sync();
    await file.write(0, Uint8Array.of(9));
  })();
  timeline.after(1000, 'end', () => (isOver = true));
  await timeline.runUntil(() => isOver);
  expect(files.bytesOf('/d/f')).toEqual(Uint8Array.of(1, 2, 3));
  expect(files.crash({ keep: 'none' }).bytesOf('/d/f')).toEqual(new Uint8Array(0));
});

test('a full disk refuses what needs room and still reads; a failing one fails once', async () => {
  const { timeline, process } = newProcess();
  const { disk, troubles } = newDisk(process);
  const codes: unknown[] = [];
  const note = (error: unknown): void =>
    void codes.push(error instanceof Error && 'code' in error && error.code);
  const work = async (): Promise<void> => {
    await disk.makeDir('/d');
    const file = await disk.open('/d/f', 'create');
    troubles.isFull = true;
    await file.write(0, Uint8Array.of(1)).catch(note);
    expect(await file.read(0, 10)).toEqual(new Uint8Array(0));
    troubles.isFull = false;
    troubles.failNextSync = true;
    await file.sync().catch(note);
    await file.sync();
    codes.push('done');
  };
  void work();
  await timeline.runUntil(() => codes.includes('done'));
  expect(codes).toEqual(['ENOSPC', 'EIO', 'done']);
});
