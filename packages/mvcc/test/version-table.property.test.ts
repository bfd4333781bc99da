import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VersionTable } from '../src/version-table.ts';

test('a version is found in its chain at any revision, also after the chain was cut and numbers used again', () => {
  const step = fc.oneof(
    { weight: 9, arbitrary: fc.record({ kind: fc.constant('add' as const), gap: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), keep: fc.nat(30) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const table = new VersionTable();
      let chain: { id: number; main: number; sub: number }[] = [];
      let main = 2 ** 32 - 20;
      let sub = 0;
      for (const { kind, ...options } of steps) {
        const head = chain.at(-1)?.id ?? 0;
        if (kind === 'add') {
          const gap = 'gap' in options ? options.gap : 0;
          sub = gap === 0 ? sub + 1 : 0;
          main += gap;
          chain.push({ id: table.add(main, sub, false, head), main, sub });
        } else if (chain.length > 0) {
          const keep = 'keep' in options ? options.keep : 0;
          const last = chain.at(-1 - keep) ?? chain[0];
          if (last === undefined) continue;
          for (let id = table.cutBehind(head, last.id); id !== 0;) id = table.remove(id);
          chain = chain.slice(chain.indexOf(last));
        }
        expect(table.count).toBe(chain.length);
        for (const { main: at } of chain) {
          const newest = chain.findLast((version) => version.main <= at)?.id ?? 0;
          expect(table.atOrBefore(chain.at(-1)?.id ?? 0, at)).toBe(newest);
        }
        const before = (chain[0]?.main ?? 1) - 1;
        expect(table.atOrBefore(chain.at(-1)?.id ?? 0, before)).toBe(0);
      }
    }),
  );
});

test('the oldest of a hundred thousand versions of a key is found in a few dozen steps', () => {
  class CountingTable extends VersionTable {
    steps = 0;
    override main(id: number): number {
      this.steps++;
      return super.main(id);
    }
  }
  const table = new CountingTable();
  let head = 0;
  for (let main = 2; main < 100_002; main++) head = table.add(main, 0, false, head);
  table.steps = 0;
  expect(table.main(table.atOrBefore(head, 7))).toBe(7);
  expect(table.steps).toBeLessThan(150);
});
