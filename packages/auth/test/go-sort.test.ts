import fc from 'fast-check';
import { expect, test } from 'vitest';
import { goSort } from '../src/go-sort.ts';

/**
 * What etcd 3.5.30 (Go 1.26) made of the permissions of a role when one more was granted: the ends of their ranges, whose
 * first letter is their key. Of 1,680 grants, those in which a pattern had to be broken.
 */
const vectors = [
  {
    list: 'a008 a010 a012 a013 a021 a022 a023 a025 a026 a027 a028 a029 a030 a031 a032 a033 a035 a038 a041 a042 a043 a044 b006 b009 b003 b007 b000 b016 b002 b011 b018 b004 b020 b005 b034 b024 b036 b037 b014 b039 b040 b015 b017 b019 b001 a045',
    sorted:
      'a028 a026 a012 a013 a021 a022 a023 a030 a029 a027 a010 a045 a025 a031 a032 a033 a035 a038 a041 a042 a043 a044 a008 b006 b003 b007 b000 b016 b002 b011 b018 b004 b020 b005 b034 b024 b036 b037 b014 b039 b040 b015 b017 b019 b001 b009',
  },
  {
    list: 'a017 a006 a007 a013 a014 a015 a025 a018 a021 a022 a023 a024 a005 b011 b003 b001 b016 b008 b002 b019 b020 b004 b010 b009 b012 b000 a026',
    sorted:
      'a005 a018 a007 a013 a014 a015 a025 a024 a021 a022 a023 a026 a006 a017 b012 b001 b016 b008 b002 b019 b020 b004 b010 b009 b011 b000 b003',
  },
  {
    list: 'a013 a003 a005 a006 a008 a012 a002 b001 b009 b010 b011 b000 b004 c007 b014',
    sorted: 'a002 a013 a005 a006 a008 a012 a003 b011 b009 b010 b001 b000 b004 b014 c007',
  },
  {
    list: 'a017 a004 a006 a008 a011 a012 a000 a015 a013 b005 b009 b010 b001 b003 b014 b002 b016 b007 a018',
    sorted: 'a013 a008 a006 a018 a011 a012 a000 a015 a004 a017 b009 b010 b001 b003 b014 b002 b016 b007 b005',
  },
  {
    list: 'a024 a005 a007 a001 a017 a019 a004 a026 a032 a035 b000 b009 b015 b036 b037 b039 c034 c029 c016 c020 c003 c028 c030 c023 c038 c018 d010 d011 d025 d012 d033 d022 d021 d008 d013 e014 e027 e031 e002 e006 a040',
    sorted:
      'a032 a035 a007 a001 a017 a019 a004 a026 a005 a040 a024 b009 b015 b036 b037 b039 b000 c003 c016 c020 c029 c028 c030 c023 c038 c018 c034 d025 d013 d012 d033 d022 d021 d008 d011 d010 e027 e031 e002 e006 e014',
  },
  {
    list: 'a016 a003 a004 a005 a006 a009 a000 a012 a011 b001 b007 b008 b010 b013 b014 b015 b002 a017',
    sorted: 'a011 a017 a004 a005 a006 a009 a000 a012 a003 a016 b007 b008 b010 b013 b014 b015 b002 b001',
  },
  {
    list: 'a025 a013 a002 a008 a023 a022 a026 b014 b011 b017 b019 b021 b006 b003 c015 c000 c020 c007 c024 c005 c010 d001 d004 d009 d012 d016 d018 d027 b028',
    sorted:
      'a026 a025 a002 a008 a023 a022 a013 b019 b028 b017 b014 b021 b006 b003 b011 c015 c020 c007 c024 c005 c010 c000 d004 d009 d012 d016 d018 d027 d001',
  },
];

const byFirstLetter = (a: string, b: string): boolean => a.charAt(0) < b.charAt(0);

test.each(vectors)('a list is left in the order that Go leaves it in: $list', ({ list, sorted }) => {
  expect(goSort(list.split(' '), byFirstLetter).join(' ')).toBe(sorted);
});

test('a short list, and one in order with one more behind it from fifty on, is sorted stably', () => {
  const item = fc.tuple(fc.nat(5), fc.nat()).map(([key, rest]) => ({ key, rest }));
  const isLess = (a: { readonly key: number }, b: { readonly key: number }): boolean => a.key < b.key;
  const stably = <T extends { readonly key: number }>(list: readonly T[]): T[] =>
    list.toSorted((a, b) => a.key - b.key);
  fc.assert(
    fc.property(fc.array(item, { maxLength: 12 }), (list) => {
      expect(goSort(list, isLess)).toEqual(stably(list));
    }),
  );
  fc.assert(
    fc.property(fc.array(item, { minLength: 49, maxLength: 120 }), item, (list, added) => {
      const grown = [...stably(list), added];
      expect(goSort(grown, isLess)).toEqual(stably(grown));
    }),
  );
});

test('whatever the list is, it comes out sorted, with all that was in it', () => {
  const lists = fc.oneof(
    fc.array(fc.nat(3), { maxLength: 400, size: 'max' }),
    fc.array(fc.nat(), { maxLength: 400, size: 'max' }),
    fc.nat(300).map((count) => Array.from({ length: count }, (_, i) => count - i)),
    fc.nat(300).map((count) => Array.from({ length: count }, (_, i) => (i * 7919) % 13)),
  );
  fc.assert(
    fc.property(lists, (list) => {
      expect(goSort(list, (a, b) => a < b)).toEqual(list.toSorted((a, b) => a - b));
    }),
    { numRuns: 500 },
  );
});
