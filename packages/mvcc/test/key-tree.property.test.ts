import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyTree } from '../src/key-tree.ts';
import { unboundedEnd } from '../src/types.ts';

/** Keys with long common prefixes, ends within them, zero bytes and bytes that are not ASCII. */
const key = fc.oneof(
  fc.nat(400).map((n) => `/registry/pods/default/pod-${n}`),
  fc.nat(400).map((n) => `/registry/pods/default/pod-${String(n).padStart(12, '0')}`),
  fc.nat(80).map((n) => '/registry/pods/default/'.slice(0, n)),
  fc.array(fc.constantFrom('\0', 'a', '\u007f', '\u0080', '\u00ff'), { maxLength: 8 }).map((c) => c.join('')),
);
const command = fc.record({
  kind: fc.constantFrom('set', 'set', 'set', 'kill', 'remove', 'look'),
  key,
});

/** What the tree should hold. */
class Model {
  readonly heads = new Map<string, number>();

  rank(bound: string): number {
    return [...this.heads].filter(([held, head]) => held < bound && head > 0).length;
  }

  sorted(): [string, number][] {
    return [...this.heads].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

function entries(tree: KeyTree): [string, number][] {
  const found: [string, number][] = [];
  tree.seek('');
  for (let leaf: typeof tree.leaf | undefined = tree.leaf; leaf !== undefined; leaf = leaf.next) {
    leaf.keys.forEach((held, i) => found.push([held, leaf?.heads[i] ?? 0]));
  }
  return found;
}

function run(tree: KeyTree, model: Model, { kind, key }: { kind: string; key: string }, id: number): void {
  if (kind === 'set' || (kind === 'kill' && model.heads.has(key))) {
    const head = kind === 'set' ? id : -id;
    tree.seek(key);
    tree.setHead(key, head);
    model.heads.set(key, head);
  } else if (kind === 'remove' && model.heads.has(key)) {
    tree.remove(key);
    model.heads.delete(key);
  }
  tree.seek(key);
  expect(tree.head).toBe(model.heads.get(key) ?? 0);
}

test('the tree holds what a sorted array holds, and counts what is live', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 50, maxLength: 600, size: 'max' }), (commands) => {
      const tree = new KeyTree();
      const model = new Model();
      commands.forEach((each, i) => {
        run(tree, model, each, i + 1);
        if (each.kind === 'look') expect(tree.liveRank(each.key)).toBe(model.rank(each.key));
        if (i % 50 === 0) tree.checkInvariants();
      });
      tree.checkInvariants();
      expect(entries(tree)).toEqual(model.sorted());
      expect(tree.liveRank(unboundedEnd)).toBe(tree.liveCount);
      const live = model.sorted().flatMap(([held, head]) => (head > 0 ? [held] : []));
      expect([...live, undefined]).toEqual([...live, undefined].map((_, rank) => tree.liveKeyAt(rank)));
      expect(tree.keyCount).toBe(model.heads.size);
    }),
    { numRuns: 150 },
  );
});

test('a tree of packed leaves is the one that they were taken from, whatever is asked of it first', () => {
  fc.assert(
    fc.property(
      fc.array(command, { minLength: 50, maxLength: 600, size: 'max' }),
      fc.array(command, { maxLength: 60 }),
      fc.array(command, { maxLength: 60 }),
      (before, between, after) => {
        let tree = new KeyTree();
        const model = new Model();
        let id = 0;
        for (const commands of [before, between, after]) {
          for (const each of commands) {
            run(tree, model, each, ++id);
            if (id % 3 === 0) tree.packIdle({ visits: 1 + (id % 7), packs: 2 });
            if (each.kind === 'look') expect(tree.liveRank(each.key)).toBe(model.rank(each.key));
          }
          // Leaves that nobody came to are passed on as they are.
          const leaves = [...tree.packedLeaves()].map((packed) => packed.slice());
          tree = new KeyTree();
          tree.buildPacked(leaves);
          expect([tree.keyCount, tree.liveCount]).toEqual([model.heads.size, model.rank(unboundedEnd)]);
        }
        expect(entries(tree)).toEqual(model.sorted());
        tree.checkInvariants();
      },
    ),
    { numRuns: 100 },
  );
});

test.each([
  ['ascending', (i: number) => i],
  ['descending', (i: number) => 20_000 - i],
  ['mixed', (i: number) => Math.imul(i, 0x9e37_79b1) >>> 0],
])('many keys in %s order go in, and out again, in any order', (_name, order) => {
  const tree = new KeyTree();
  const count = 20_000;
  const keys = Array.from({ length: count }, (_, i) => `/k/${String(order(i)).padStart(10, '0')}`);
  keys.forEach((each, i) => {
    tree.seek(each);
    tree.setHead(each, i + 1);
  });
  tree.checkInvariants();
  const sorted = keys.toSorted();
  for (let i = 0; i < count; i += 997) expect(tree.liveRank(sorted[i] ?? '')).toBe(i);
  for (let i = 0; i < count; i++) {
    tree.remove(keys[(i * 7919) % count] ?? '');
    if (i % 2500 === 0) tree.checkInvariants();
  }
  tree.checkInvariants();
  expect([tree.keyCount, tree.liveCount]).toEqual([0, 0]);
});

test.each([0, 1, 47, 48, 49, 64, 65, 64 * 64, 64 * 64 + 1, 20_000])(
  'a tree that is built of %i keys is one that they were inserted into',
  (count) => {
    const keys = Array.from({ length: count }, (_, i) => `/k/${String(i * 3).padStart(8, '0')}`);
    const heads = keys.map((_, i) => (i % 5 === 2 ? -(i + 1) : i + 1));
    const inserted = new KeyTree();
    keys.forEach((each, i) => {
      inserted.seek(each);
      inserted.setHead(each, heads[i] ?? 0);
    });
    for (const nodes of ['roomy', 'full'] as const) {
      const tree = new KeyTree();
      tree.build(keys, heads, nodes);
      tree.checkInvariants();
      expect(entries(tree)).toEqual(entries(inserted));
      expect([tree.keyCount, tree.liveCount]).toEqual([inserted.keyCount, inserted.liveCount]);
      for (let i = 0; i <= count; i += 1 + (count >>> 6)) {
        for (const bound of [
          `/k/${String(i * 3).padStart(8, '0')}`,
          `/k/${String(i * 3 + 1).padStart(8, '0')}`,
        ]) {
          expect(tree.liveRank(bound)).toBe(inserted.liveRank(bound));
        }
      }
      changeAfterBuild(tree, keys);
    }
  },
);

/** Puts a key behind each of a tree's keys, and takes all of them out again. */
function changeAfterBuild(tree: KeyTree, keys: readonly string[]): void {
  const both = keys.flatMap((each) => [each, `${each}-`]);
  const { liveCount } = tree;
  both.forEach((each, i) => {
    tree.seek(each);
    expect(tree.found).toBe(i % 2 === 0);
    if (!tree.found) tree.setHead(each, keys.length + i);
  });
  tree.checkInvariants();
  expect([tree.keyCount, tree.liveCount]).toEqual([both.length, liveCount + keys.length]);
  for (let i = 0; i < both.length; i++) {
    tree.remove(both[(i * 7919) % both.length] ?? '');
    if (i % 2500 === 0) tree.checkInvariants();
  }
  tree.checkInvariants();
  expect([tree.keyCount, tree.liveCount]).toEqual([0, 0]);
}
