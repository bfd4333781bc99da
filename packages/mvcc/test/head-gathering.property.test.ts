import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeadGathering } from '../src/head-gathering.ts';
import { sortedPositions } from '../src/key-sort.ts';
import { KeyTree } from '../src/key-tree.ts';

const bytes = (...from: string[]) =>
  fc.array(fc.constantFrom(...from), { maxLength: 14 }).map((c) => c.join(''));
/** Keys that begin alike, that are the beginning of others, that end in zeros, and that are not ASCII. */
const key = fc.oneof(
  fc.nat(100_000).map((n) => `/registry/pods/default/pod-${String(n).padStart(12, '0')}`),
  fc.nat(100_000).map((n) => `/registry/pods/default/pod-${n}`),
  bytes('\0', 'a'),
  bytes('\0', '\u007f', '\u0080', '\u00ff'),
);
const keys = (maxLength: number) => fc.array(key, { maxLength, size: 'max' });

function entries(tree: KeyTree): [string, number][] {
  const found: [string, number][] = [];
  tree.seek('');
  for (let leaf: typeof tree.leaf | undefined = tree.leaf; leaf !== undefined; leaf = leaf.next) {
    leaf.keys.forEach((held, i) => found.push([held, leaf?.heads[i] ?? 0]));
  }
  return found;
}

test('keys are sorted as their bytes are', () => {
  fc.assert(
    fc.property(keys(800), (some) => {
      const distinct = [...new Set(some)];
      const sorted = [...sortedPositions(distinct)].map((position) => distinct[position]);
      expect(sorted).toEqual(distinct.toSorted());
    }),
  );
});

test('keys of which each is the beginning of the next are sorted', () => {
  const ones = Array.from({ length: 2000 }, (_, i) => 'a'.repeat(i)).toReversed();
  expect([...sortedPositions(ones)]).toEqual(ones.map((_, i) => ones.length - 1 - i));
  const zeros = ones.map((each) => each.replaceAll('a', '\0'));
  expect([...sortedPositions(zeros)]).toEqual(zeros.map((_, i) => zeros.length - 1 - i));
});

test.each([
  ['is what was gathered', { keysMax: Infinity, probesMax: 256 }],
  ['goes on from what was gathered when there are too many keys', { keysMax: 100, probesMax: 256 }],
  ['goes on from what was gathered when hashes collide', { keysMax: Infinity, probesMax: 2 }],
])('the tree %s', (_name, limits) => {
  fc.assert(
    fc.property(keys(1500), fc.boolean(), (some, ascending) => {
      const tree = new KeyTree();
      const gathering = new HeadGathering(tree, limits);
      const model = new Map<string, number>();
      (ascending ? some.toSorted() : some).forEach((each, i) => {
        const before = model.get(each) ?? 0;
        expect(gathering.head(each)).toBe(before);
        const head = before > 0 && i % 3 === 0 ? -(i + 1) : i + 1;
        gathering.setHead(each, head);
        model.set(each, head);
      });
      gathering.finish();
      tree.checkInvariants();
      expect(entries(tree)).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
    }),
  );
});

test('a hundred thousand keys in no order are gathered, and found again', () => {
  const tree = new KeyTree();
  const gathering = new HeadGathering(tree);
  const keyAt = (i: number) => `/k/${String(Math.imul(i, 0x9e37_79b1) >>> 0).padStart(10, '0')}`;
  for (let i = 0; i < 100_000; i++) {
    const at = i % 90_000;
    expect(gathering.head(keyAt(at))).toBe(i === at ? 0 : at + 1);
    gathering.setHead(keyAt(at), i + 1);
  }
  expect(tree.keyCount).toBe(0);
  gathering.finish();
  tree.checkInvariants();
  expect([tree.keyCount, tree.liveCount]).toEqual([90_000, 90_000]);
});
