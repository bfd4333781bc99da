import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Debts } from '../src/debts.ts';
import { MessageProgress } from '../src/message-progress.ts';
import { TrafficMeter, type Traffic } from '../src/traffic-meter.ts';

const nothing: Traffic = { readBytes: 0, writtenBytes: 0, calls: 0, headerBytes: 0, messageBytes: 0 };
const options = { burstBytes: 1_000, bytesPerSecond: 100 };

test('a connection whose bytes belong to its calls is never over, however many there are', () => {
  const meter = new TrafficMeter(options, 0);
  for (let second = 1; second < 100; second++) {
    const calls = second * 10_000;
    const traffic = { ...nothing, calls, headerBytes: calls * 90, messageBytes: calls * 300 };
    // Heads of two frames, and headers that were not compressed.
    const readBytes = calls * (90 + 300 + 2 * 9);
    expect(meter.isOver({ ...traffic, readBytes }, second * 1000)).toBe(false);
  }
});

test('bytes that no call explains add up to the burst, and leak at the rate', () => {
  const meter = new TrafficMeter(options, 0);
  expect(meter.isOver({ ...nothing, readBytes: 1_000 }, 0)).toBe(false);
  expect(meter.isOver({ ...nothing, readBytes: 1_100 }, 1_000)).toBe(false);
  expect(meter.isOver({ ...nothing, readBytes: 1_301 }, 2_000)).toBe(true);
  expect(meter.isOver({ ...nothing, readBytes: 1_301 }, 4_000)).toBe(false);
});

test('what calls explain beyond their bytes is no credit for a flood later', () => {
  const meter = new TrafficMeter(options, 0);
  const quiet = { ...nothing, calls: 1_000_000, readBytes: 100 };
  expect(meter.isOver(quiet, 0)).toBe(false);
  expect(meter.isOver({ ...quiet, readBytes: 1_101 }, 0)).toBe(true);
});

test('answering what was sent is explained: windows for each part that was read', () => {
  const meter = new TrafficMeter(options, 0);
  for (let i = 1; i <= 1_000; i++) {
    expect(meter.isOver({ ...nothing, writtenBytes: i * 16_384, readBytes: i * 2 * 13 }, i)).toBe(false);
  }
});

test('a message is followed through chunks of any sizes', () => {
  const sizes = fc.array(fc.nat(40), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sizes, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (lengths, steps) => {
      const bytes = Buffer.concat(
        lengths.map((length) => {
          const message = Buffer.alloc(5 + length, 0xff);
          message.writeUInt8(1, 0);
          message.writeUInt32BE(length, 1);
          return message;
        }),
      );
      // Where messages end, computed without looking at bytes.
      const ends = lengths.map((_, i) =>
        lengths.slice(0, i + 1).reduce((sum, length) => sum + 5 + length, 0),
      );
      const progress = new MessageProgress();
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const to = Math.min(bytes.length, at + (steps[i % steps.length] ?? 1));
        const passed = ends.filter((end) => end <= to);
        expect(progress.push(bytes.subarray(at, to))).toBe(passed.some((end) => end > at));
        expect(progress.unfinishedBytes).toBe(to - (passed.at(-1) ?? 0));
        at = to;
      }
    }),
  );
});

test('a length of almost 4 GiB is one long message', () => {
  const progress = new MessageProgress();
  expect(progress.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]))).toBe(false);
  expect(progress.unfinishedBytes).toBe(8);
});

test('debts add up, whatever is paid, forgiven, or paid after it was forgiven', () => {
  const debtors = Array.from({ length: 4 }, (_, id) => ({ id }));
  const step = fc.record({
    debtor: fc.constantFrom(...debtors),
    kind: fc.constantFrom('add', 'pay', 'forgive'),
    bytes: fc.nat(100),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const debts = new Debts<object>();
      const owed = new Map<object, number>();
      steps.forEach(({ debtor, kind, bytes }, now) => {
        const before = owed.get(debtor);
        if (kind === 'add') {
          debts.add(debtor, bytes, now);
          owed.set(debtor, (before ?? 0) + bytes);
        } else if (kind === 'forgive') {
          debts.forgive(debtor);
          owed.delete(debtor);
        } else if (before !== undefined) {
          debts.pay(debtor, bytes);
          if (bytes >= before) owed.delete(debtor);
          else owed.set(debtor, before - bytes);
        }
        expect(debts.total).toBe([...owed.values()].reduce((sum, one) => sum + one, 0));
        expect(debts.oldest()?.debtor).toBe([...owed.keys()][0]);
      });
    }),
  );
});

test('of those who owe much the oldest goes first; who owes little is spared, however old', () => {
  const [little, old, young] = [{ id: 1 }, { id: 2 }, { id: 3 }];
  const debts = new Debts<object>();
  debts.add(little, 10, 1);
  debts.add(old, 1_000, 2);
  debts.add(young, 5_000, 3);
  expect(debts.oldestLarge()).toBe(young);
  debts.add(old, 3_000, 4);
  expect(debts.oldestLarge()).toBe(old);
  debts.forgive(old);
  expect(debts.oldestLarge()).toBe(young);
  debts.forgive(young);
  expect(debts.oldestLarge()).toBe(little);
});
