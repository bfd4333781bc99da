import { expect, test } from 'vitest';
import { JsLoop, SocketLoop, type Calibration } from '../src/bench/calibration.ts';
import {
  costOf,
  cpuBaseline,
  expectedMicros,
  medianCalibration,
  ratioOf,
  type CpuSample,
} from '../src/bench/cpu-baseline.ts';
import { cpuKinds } from '../src/bench/cpu-kinds.ts';
import { verdictOfCpu } from '../src/bench/cpu-verdict.ts';
import { runInStep } from '../src/bench/in-step.ts';
import baselineJson from '../src/bench/cpu-baseline.json' with { type: 'json' };

const machine: Calibration = { jsMicros: 0.5, socketMicros: 10 };

/** A sample of an operation that costs 30 µs in JavaScript and 10 µs in the kernel on that machine. */
function sample(scale = 1, calibration = machine): CpuSample {
  return { micros: 40 * scale, userMs: 30, systemMs: 10, calibration };
}

test('what was recorded is what is expected on the same machine', () => {
  const cost = costOf([sample(), sample(), sample()]);
  expect(cost).toEqual({ micros: 40, jsLoops: 60, socketLoops: 1 });
  expect(expectedMicros(cost, machine)).toBe(40);
  expect(ratioOf(cost, [sample()])).toBe(1);
});

test('a machine that is slower in all counts expects more, and finds nothing dearer', () => {
  const cost = costOf([sample()]);
  const slow = { jsMicros: 1, socketMicros: 20 };
  expect(ratioOf(cost, [sample(2, slow)])).toBe(1);
});

test('of a machine with slow sockets only the share of the kernel is slower', () => {
  const cost = costOf([sample()]);
  expect(expectedMicros(cost, { jsMicros: 0.5, socketMicros: 30 })).toBe(60);
});

test('what costs twice as much is seen, whatever the machine', () => {
  const cost = costOf([sample()]);
  expect(ratioOf(cost, [sample(4, { jsMicros: 1, socketMicros: 20 })])).toBe(2);
});

test('samples that something else disturbed do not count as long as they are not most', () => {
  const cost = costOf([sample(), sample(), sample()]);
  expect(ratioOf(cost, [sample(3), sample(1), sample(5), sample(1), sample(2)])).toBe(1);
});

test('recording samples that lie apart makes their own ratio 1', () => {
  const samples = [sample(1), sample(1.2), sample(0.9), sample(1.5)];
  expect(ratioOf(costOf(samples), samples)).toBeCloseTo(1, 3);
});

test('the calibration of many samples is the median of each loop', () => {
  const at = (jsMicros: number, socketMicros: number) => sample(1, { jsMicros, socketMicros });
  expect(medianCalibration([at(1, 30), at(2, 10), at(9, 20)])).toEqual({ jsMicros: 2, socketMicros: 20 });
});

test('every kind of operation is recorded', () => {
  const { operations } = cpuBaseline.parse(baselineJson);
  expect(Object.keys(operations).toSorted()).toEqual(cpuKinds.map(({ name }) => name).toSorted());
});

test('an operation may cost its factor times what was recorded, and no more', () => {
  const kind = { name: 'put', factor: 1.6 };
  const baseline = { operations: { put: costOf([sample()]) } };
  expect(verdictOfCpu(kind, baseline, [sample(1.6)])).toEqual({
    text: 'put: 64.0 µs of CPU, 40.0 expected on this machine; 1.60 times what was recorded',
  });
  const { problem } = verdictOfCpu(kind, baseline, [sample(1.7)]);
  expect(problem).toContain('68.0 µs of CPU, 40.0 expected');
  expect(problem).toContain('npm run check:cpu -- --record');
});

test('an operation that was never recorded is a failure that says so', () => {
  const { problem } = verdictOfCpu({ name: 'put', factor: 1.6 }, { operations: {} }, [sample()]);
  expect(problem).toContain('put was never recorded');
});

test('a file that is no baseline is refused', () => {
  expect(() => cpuBaseline.parse({ operations: {} })).toThrow('recorded');
});

test('the loop of JavaScript does the same every time', () => {
  expect(new JsLoop().run(5000)).toBe(new JsLoop().run(5000));
  expect(new JsLoop().run(5000)).not.toBe(new JsLoop().run(4999));
});

test('the loop of sockets ends, and can be run again', async () => {
  await using sockets = await SocketLoop.open();
  await sockets.run(3);
  await expect(sockets.run(2)).resolves.toBeUndefined();
});

test('in step all answers have come before anything is asked again', async () => {
  const asked: number[] = [];
  let under = 0;
  let count = 0;
  await runInStep({
    batch: 3,
    sink: { record: () => ++count < 7 },
    ask: (slot, onAnswer) => {
      if (slot === 0) expect(under).toBe(0);
      asked.push(slot);
      under++;
      queueMicrotask(() => {
        under--;
        onAnswer();
      });
    },
  });
  expect(asked).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
});
