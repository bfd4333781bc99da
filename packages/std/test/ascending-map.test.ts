import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AscendingMap } from '../src/index.ts';

interface Value {
  readonly of: number;
}

test('it holds what a Map would, in the order of the numbers', () => {
  const command = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 9 }) }),
    // Of what was added lately, or long ago.
    fc.record({ take: fc.nat({ max: 200 }) }),
    fc.record({ takeAllBut: fc.nat({ max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300, size: 'max' }), (commands) => {
      const map = new AscendingMap<Value>();
      const model = new Map<number, Value>();
      let last = 0;
      const take = (number: number): void => {
        expect(map.take(number)).toBe(model.get(number));
        model.delete(number);
        expect(map.get(number)).toBeUndefined();
      };
      for (const step of commands) {
        if ('add' in step) {
          last += step.add;
          const value = { of: last };
          map.add(last, value);
          model.set(last, value);
        } else if ('take' in step) take(last - step.take);
        else for (const number of [...model.keys()].slice(step.takeAllBut)) take(number);
        expect(map.size).toBe(model.size);
        expect(map.get(last)).toBe(model.get(last));
        expect(map.values()).toEqual([...model.values()]);
      }
      for (let number = 0; number <= last + 1; number++) expect(map.get(number)).toBe(model.get(number));
    }),
  );
});

test('one value that stays does not keep the places of all that came and went behind it', () => {
  const map = new AscendingMap<Value>();
  const stays = { of: 0 };
  map.add(0, stays);
  for (let number = 1; number <= 100_000; number++) {
    map.add(number, { of: number });
    expect(map.take(number)?.of).toBe(number);
  }
  expect(map.values()).toEqual([stays]);
  expect(map.placeCount).toBeLessThan(64);
});

test('a number that is not above the others is a bug that stops us, also when those were taken out', () => {
  const map = new AscendingMap<Value>();
  map.add(7, { of: 7 });
  expect(() => map.add(7, { of: 7 })).toThrow('above the others');
  map.take(7);
  expect(() => map.add(6, { of: 6 })).toThrow('above the others');
});
