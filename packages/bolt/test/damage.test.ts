import { expect, test } from 'vitest';
import { fromUtf8 } from '@quorate/std';
import { BoltError, type BoltRow } from '../src/index.ts';
import { encodeBucket } from '../src/bucket-value.ts';
import { elementFlag } from '../src/page.ts';
import { branch, fileOf, freelist, leaf, pageSize, patched, root, type Pages } from './craft.ts';
import { codeOf, contentsOf, openBytes, row } from './helpers.ts';

const two = [row('a', '1'), row('b', '2')];

/** A sound file: a bucket with a branch page and two leaves, and one with a large row. */
const sound: Pages = {
  2: root(2, { key: 3, large: 6 }),
  3: branch(3, [
    ['a', 4],
    ['c', 5],
  ]),
  4: leaf(4, two),
  5: leaf(5, [row('c', '3'), row('d', '4')]),
  6: leaf(6, [row('l', new Uint8Array(2000))], { overflow: 1 }),
};

/** The sound file with one page changed from an offset on. */
function changed(page: number, offset: number, changes: readonly number[]): Uint8Array {
  return fileOf({ ...sound, [page]: patched(sound[page]!, offset, changes) });
}

function repeated(rows: readonly BoltRow[], count: number): BoltRow[] {
  return Array.from({ length: count }, () => rows).flat();
}

/** Offsets in a page: of the header's fields, and of those of the first element. */
const at = { id: 0, flags: 8, count: 10, overflow: 12, first: 16 };
const inLeaf = { flags: at.first, pos: at.first + 4, keySize: at.first + 8, valueSize: at.first + 12 };
const inBranch = { pos: at.first, keySize: at.first + 4, child: at.first + 8 };

/** What is wrong, the page that must be named, and a word of the reason. */
const damages: readonly [what: string, file: Uint8Array, page: number, reason: RegExp][] = [
  ['a page that says it is another', changed(4, at.id, [5]), 4, /says that it is page 5/],
  ['a page of zeros', fileOf({ ...sound, 4: new Uint8Array(pageSize) }), 4, /says that it is page 0/],
  ['a page without flags', changed(4, at.flags, [0]), 4, /flags 0x0/],
  ['a page with two flags', changed(4, at.flags, [3]), 4, /flags 0x3/],
  ['a meta page in a tree', changed(4, at.flags, [4]), 4, /flags 0x4/],
  ['a leaf with more elements than there are', changed(4, at.count, [3]), 4, /not behind/],
  ['a leaf with fewer elements than there are', changed(4, at.count, [1]), 4, /not behind/],
  ['a leaf with endless elements', changed(4, at.count, [0xff, 0xff]), 4, /no room for 65535/],
  ['a branch with endless elements', changed(3, at.count, [0xff, 0xff]), 3, /no room for 65535/],
  ['a branch without children', changed(3, at.count, [0]), 3, /without children/],
  ['overflow beyond the file', changed(5, at.overflow, [3]), 5, /beyond the last page/],
  ['endless overflow', changed(4, at.overflow, [255, 255, 255, 255]), 4, /beyond the last page/],
  ['overflow that is not used', changed(4, at.overflow, [2]), 4, /2 overflow pages/],
  ['too little overflow', changed(6, at.overflow, [0]), 6, /beyond the end of the page/],
  ['an element with foreign flags', changed(4, inLeaf.flags, [2]), 4, /flags 0x2/],
  ['data at another place', changed(4, inLeaf.pos, [33]), 4, /not behind/],
  ['data far behind', changed(4, inLeaf.pos, [255, 255, 255, 255]), 4, /not behind/],
  ['a row without a key', changed(4, inLeaf.keySize, [0]), 4, /key of 0 bytes/],
  ['an endless key', changed(4, inLeaf.keySize, [255, 255, 255, 255]), 4, /key of 4294967295 bytes/],
  ['an endless value', changed(4, inLeaf.valueSize, [255, 255, 255, 255]), 4, /value of 4294967295 bytes/],
  ['a value beyond its page', changed(5, inLeaf.valueSize + 16, [255, 255]), 5, /beyond the end/],
  ['a branch key at another place', changed(3, inBranch.pos, [31]), 3, /not behind/],
  ['a branch without a key', changed(3, inBranch.keySize, [0]), 3, /key of 0 bytes/],
  ['an endless branch key', changed(3, inBranch.keySize, [1, 128]), 3, /key of 32769 bytes/],
  ['a branch key beyond its page', changed(3, inBranch.keySize + 16, [0, 127]), 3, /beyond the end/],
  ['a child that is a meta page', changed(3, inBranch.child, [1]), 1, /only pages 2 to 7/],
  ['a child beyond the file', changed(3, inBranch.child, [8]), 8, /only pages 2 to 7/],
  ['an endless child', changed(3, inBranch.child, [255, 255, 255, 255, 255, 255, 255, 255]), 2 ** 64, /only/],
  ['rows in the wrong order', fileOf({ ...sound, 4: leaf(4, two.toReversed()) }), 4, /do not ascend/],
  ['a row twice', fileOf({ ...sound, 4: leaf(4, repeated(two.slice(0, 1), 2)) }), 4, /do not ascend/],
  ['a row below its branch', fileOf({ ...sound, 5: leaf(5, [row('b', '')]) }), 5, /first key is below/],
  [
    'a row beyond its branch',
    fileOf({ ...sound, 4: leaf(4, [...two, row('c', '')]) }),
    4,
    /last key is not below/,
  ],
  [
    'branch keys in the wrong order',
    fileOf({
      ...sound,
      3: branch(3, [
        ['c', 5],
        ['a', 4],
      ]),
    }),
    3,
    /do not ascend/,
  ],
  [
    'two buckets with the same tree',
    fileOf({ ...sound, 2: root(2, { key: 3, large: 3 }) }),
    3,
    /reached twice/,
  ],
  [
    'a tree within an overflow page',
    fileOf({ ...sound, 2: root(2, { key: 6, large: 7 }), 7: leaf(7, []) }),
    7,
    /twice/,
  ],
  ['a branch that is its own child', fileOf({ ...sound, 3: branch(3, [['a', 3]]) }), 3, /reached twice/],
  [
    'rows in the wrong order in a large page',
    fileOf({
      ...sound,
      2: root(2, { key: 3, large: 8 }),
      8: leaf(8, [row('b', new Uint8Array(400_000)), row('a', new Uint8Array(400_000))], { overflow: 781 }),
    }),
    8,
    /do not ascend/,
  ],
  [
    'a value one byte beyond its page',
    fileOf({ ...sound, 5: leaf(5, [row('c', new Uint8Array(992))]) }),
    5,
    /beyond/,
  ],
  [
    'a branch page larger than any that bbolt makes',
    fileOf({
      ...sound,
      2: root(2, { key: 8 }),
      8: branch(
        8,
        Array.from({ length: 10 }, (_, i) => [String.fromCharCode(97 + i).repeat(20_000), 4]),
      ),
    }),
    8,
    /beyond the end of the page/,
  ],
  [
    'an inline bucket whose rows are in the wrong order',
    fileOf({
      2: leaf(2, [[fromUtf8('key'), encodeBucket({ kind: 'inline', rows: two.toReversed() })]], {
        rowFlags: elementFlag.bucket,
      }),
    }),
    2,
    /do not ascend/,
  ],
  [
    'a bucket with half a value',
    fileOf({
      ...sound,
      2: leaf(2, [[fromUtf8('key'), new Uint8Array(8)]], { rowFlags: elementFlag.bucket }),
    }),
    2,
    /value of 8 bytes/,
  ],
  [
    'an inline bucket without a page',
    fileOf({
      ...sound,
      2: leaf(2, [[fromUtf8('key'), new Uint8Array(20)]], { rowFlags: elementFlag.bucket }),
    }),
    2,
    /has no page/,
  ],
  ['a tree of buckets with a plain row', fileOf({ ...sound, 2: leaf(2, two) }), 2, /element 0 has flags 0x0/],
  ['a root page that is a meta page', fileOf(sound, { rootPage: 0 }), 0, /only pages/],
  ['a root page beyond the file', fileOf(sound, { rootPage: 2 ** 52 }), 2 ** 52, /only pages/],
  ['a list of free pages beyond the file', fileOf(sound, { freelistPage: 9 }), 9, /only pages/],
  [
    'overflow of a list of free pages that is not used',
    fileOf({ ...sound, 8: patched(freelist(8, []), at.overflow, [2]) }, { freelistPage: 8, pageCount: 11 }),
    8,
    /0 ids, but 2 overflow pages/,
  ],
  ['a list of free pages that is a leaf', fileOf(sound, { freelistPage: 4 }), 4, /flags 0x2/],
  [
    'an endless list of free pages',
    fileOf(
      {
        ...sound,
        8: patched(freelist(8, [], { longForm: true }), 16, [255, 255, 255, 255, 255, 255, 255, 255]),
      },
      { freelistPage: 8 },
    ),
    8,
    /no room for the ids/,
  ],
];

test('the file that the others are made of is sound', async () => {
  const check = await (await openBytes(fileOf(sound))).check();
  expect(check).toEqual({ pageCount: 8, freePageCount: 0, bucketCount: 2, rowCount: 5, rowSizeBytes: 2009 });
});

test.each(damages)('the check finds %s, and says where', async (_what, file, page, reason) => {
  const damaged = await openBytes(file);
  await expect(damaged.check()).rejects.toMatchObject({
    name: 'BoltDamagedError',
    code: 'BOLT_DAMAGED',
    page,
    reason: expect.stringMatching(reason) as string,
  });
});

test.each(damages)('reading a file with %s ends', async (_what, file) => {
  try {
    await contentsOf(await openBytes(file));
  } catch (error) {
    expect(error).toBeInstanceOf(BoltError);
  }
});

test('a bucket within a bucket is told from damage', async () => {
  const nested = fileOf({ 2: root(2, { key: 3 }), 3: root(3, { inner: 4 }), 4: leaf(4, two) });
  expect(await codeOf((await openBytes(nested)).check())).toBe('BOLT_UNSUPPORTED');
  expect(await codeOf(contentsOf(await openBytes(nested)))).toBe('BOLT_UNSUPPORTED');
  const itself = fileOf({ 2: root(2, { key: 2 }) });
  expect(await codeOf((await openBytes(itself)).check())).toBe('BOLT_UNSUPPORTED');
});

test('a bucket whose name is no text is refused by name', async () => {
  const value = root(2, { k: 3 }).subarray(33);
  const rows: BoltRow[] = [[Uint8Array.of(0xc3, 0x28), value]];
  const file = fileOf({ 2: leaf(2, rows, { rowFlags: elementFlag.bucket }), 3: leaf(3, two) });
  const opened = await openBytes(file);
  await expect(opened.bucketNames()).rejects.toMatchObject({
    code: 'BOLT_UNSUPPORTED',
    message: expect.stringContaining('c328') as string,
  });
  await opened.check();
});
