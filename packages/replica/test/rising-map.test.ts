import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RisingMap } from '../src/rising-map.ts';

test('whatever is added and taken, it holds what a Map would, and knows the lowest', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 700 }) }),
      fc.record({ take: fc.integer({ min: 0, max: 3000 }) }),
      fc.constant({ takeFirst: true }),
    ),
    { maxLength: 200 },
  );
  // Numbers start again at 0 behind the last one.
  const start = fc.constantFrom(0, 7, 2 ** 40 + 5, 2 ** 48 - 300);
  fc.assert(
    fc.property(start, steps, (first, all) => {
      const map = new RisingMap<{ number: number }>();
      const model = new Map<number, { number: number }>();
      let next = first;
      for (const step of all) {
        if ('add' in step) {
          next = (next + step.add) % 2 ** 48;
          const value = { number: next };
          map.add(next, value);
          model.set(next, value);
        } else {
          const number = 'take' in step ? (first + step.take) % 2 ** 48 : map.lowest % 2 ** 48;
          expect(map.take(number)).toBe(model.get(number));
          model.delete(number);
        }
        expect(map.size).toBe(model.size);
        const [oldest] = model;
        expect(map.first).toBe(oldest?.[1]);
        if (oldest !== undefined) expect(map.lowest % 2 ** 48).toBe(oldest[0]);
      }
      for (const [number, value] of model) expect(map.get(number)).toBe(value);
      expect(map.get(next + 1)).toBeUndefined();
      expect(map.get((first + 2 ** 47) % 2 ** 48)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('one that is never taken holds up nobody', () => {
  const map = new RisingMap<{ number: number }>();
  map.add(1, { number: 1 });
  for (let number = 2; number < 200_000; number++) {
    map.add(number, { number });
    expect(map.take(number)?.number).toBe(number);
  }
  expect(map.take(1)?.number).toBe(1);
  expect([map.size, map.first]).toEqual([0, undefined]);
  map.add(2 ** 44, { number: 2 ** 44 });
  expect(map.get(2 ** 44)?.number).toBe(2 ** 44);
});

test('a number that does not rise is refused', () => {
  const map = new RisingMap<object>();
  map.add(5, {});
  map.add(7, {});
  expect(() => map.add(6, {})).toThrow('a number that is added is above the others');
  expect(() => map.add(7, {})).toThrow('a number that is added is above the others');
});
