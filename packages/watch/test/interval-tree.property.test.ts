import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntervalTree } from '../src/interval-tree.ts';

const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\0', '\xff'), maxLength: 3 });
const range = fc.record({ start: key, endExclusive: fc.oneof(key, fc.constant('\u0100')) });

test('finds the ranges with a key in them as a walk over all does, and stays balanced', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ range, isAdded: fc.integer({ max: 3, min: 0 }) }), {
        size: 'max',
        maxLength: 150,
      }),
      fc.array(key, { minLength: 1 }),
      (steps, keys) => {
        const tree = new IntervalTree<string>();
        const model = new Map<string, { start: string; endExclusive: string }>();
        for (const { range, isAdded } of steps) {
          const name = `${range.start}..${range.endExclusive}`;
          if (isAdded > 0) {
            tree.set(range, name);
            model.set(name, range);
          } else {
            tree.delete(range);
            model.delete(name);
          }
          expect(tree.findFault()).toBeUndefined();
          expect(tree.size).toBe(model.size);
        }
        for (const k of keys) {
          const hits: string[] = [];
          tree.stab(k, hits);
          const due = [...model].filter(([, r]) => r.start <= k && k < r.endExclusive).map(([name]) => name);
          expect(hits.sort()).toEqual(due.sort());
        }
        for (const [name, r] of model) expect(tree.get(r)).toBe(name);
      },
    ),
  );
});
