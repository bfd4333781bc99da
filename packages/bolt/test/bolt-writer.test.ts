import { expect, test } from 'vitest';
import { concatBytes, equalBytes, fromUtf8, toHex } from '@quorate/std';
import { BoltWriter, type BoltBucket, type BoltRow } from '../src/index.ts';
import { pageFlag, readPageHeader, viewOf } from '../src/page.ts';
import {
  bucketsOf,
  codeOf,
  contentsOf,
  describe,
  manyRows,
  openBytes,
  row,
  rowsOf,
  write,
} from './helpers.ts';

/** Headers of all pages of a file that has no free ones, in order. */
function pagesOf(bytes: Uint8Array, pageSize = 4096): ReturnType<typeof readPageHeader>[] {
  const pages: ReturnType<typeof readPageHeader>[] = [];
  for (let id = 2; id * pageSize < bytes.length; id += pages.at(-1)!.overflow + 1)
    pages.push(readPageHeader(viewOf(bytes), id * pageSize));
  return pages;
}

/** A bucket whose rows are others each time. */
function changing(...readings: readonly (readonly BoltRow[])[]): BoltBucket {
  let reading = 0;
  return {
    name: 'key',
    async *rows() {
      yield readings[Math.min(reading++, readings.length - 1)]!;
    },
  };
}

test('a small file has the bytes that the format asks for', async () => {
  const bytes = await write(bucketsOf({ cluster: [row('v', '3.5')] }), { pageSizeBytes: 1024 });
  expect(bytes.length).toBe(3 * 1024);
  const meta = (id: string): string =>
    `${id}00000000000000 0400 0000 00000000 edda0ced 02000000 00040000 00000000 0200000000000000 0000000000000000 ` +
    `ffffffffffffffff 0300000000000000 ${id}00000000000000`;
  const hex = (start: number, size: number): string => toHex(bytes.subarray(start, start + size));
  expect(hex(0, 72)).toBe(meta('00').replaceAll(' ', ''));
  expect(hex(1024, 72)).toBe(meta('01').replaceAll(' ', ''));
  const root =
    '0200000000000000 0200 0100 00000000 ' + // page 2, a leaf, 1 element
    '01000000 10000000 07000000 34000000 636c7573746572 ' + // a bucket, key `cluster`, value of 52 bytes
    '0000000000000000 0000000000000000 ' + // inline, sequence 0
    '0000000000000000 0200 0100 00000000 00000000 10000000 01000000 03000000 76 332e35'; // its page and its row
  const expected = root.replaceAll(' ', '');
  expect(hex(2048, expected.length / 2)).toBe(expected);
  expect(bytes.subarray(2048 + expected.length / 2).every((byte) => byte === 0)).toBe(true);
});

test('the same rows make the same bytes, however they are sliced and in whatever order the buckets come', async () => {
  const contents = { key: manyRows(3000, 150), a: manyRows(100, 3), lease: [], z: manyRows(5, 20_000) };
  const whole = await write(bucketsOf(contents, 10_000));
  expect(equalBytes(await write(bucketsOf(contents, 1)), whole)).toBe(true);
  expect(equalBytes(await write(bucketsOf(contents, 77).reverse()), whole)).toBe(true);
});

test('no buckets at all make a database', async () => {
  const bytes = await write([]);
  expect(await (await openBytes(bytes)).bucketNames()).toEqual([]);
  expect(bytes.length).toBe(3 * 4096);
});

test('buckets up to a quarter of a page are inline, larger ones have pages of their own', async () => {
  // A page header, and for the row: an element, a key of one byte, a value.
  const bucket = (size: number): BoltBucket[] =>
    bucketsOf({ b: [row('k', new Uint8Array(size - 16 - 16 - 1))] });
  expect(pagesOf(await write(bucket(1024)))).toHaveLength(1);
  expect(pagesOf(await write(bucket(1025)))).toHaveLength(2);
  expect(pagesOf(await write(bucketsOf({ empty: [] })))).toHaveLength(1);
});

test('pages are filled up to their last byte', async () => {
  const rows = [row('a', new Uint8Array(2000)), row('b', new Uint8Array(4096 - 16 - 32 - 2 - 2000))];
  expect(pagesOf(await write(bucketsOf({ key: rows })))).toMatchObject([
    { count: 2, overflow: 0 },
    { count: 1 },
  ]);
  const larger = [rows[0]!, row('b', new Uint8Array(rows[1]![1].length + 1))];
  expect(pagesOf(await write(bucketsOf({ key: larger })))).toMatchObject([
    { count: 1, flags: pageFlag.leaf },
    { count: 1, flags: pageFlag.leaf },
    { count: 2, flags: pageFlag.branch },
    { count: 1, flags: pageFlag.leaf },
  ]);
});

test('a lower fill leaves room on each page', async () => {
  const full = await write(bucketsOf({ key: manyRows(10_000, 20) }));
  const half = await write(bucketsOf({ key: manyRows(10_000, 20) }), { fillPercent: 0.5 });
  expect(half.length / full.length).toBeGreaterThan(1.9);
  expect(half.length / full.length).toBeLessThan(2.2);
});

test('a branch page has at least two children, whatever the number of leaves', async () => {
  for (const keySize of [8, 200, 900, 3000, 32_760]) {
    for (const count of [2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 42, 43, 44]) {
      const rows = Array.from({ length: count }, (_, i) =>
        row(String(i).padStart(8, '0') + 'k'.repeat(keySize - 8), new Uint8Array(1100)),
      );
      const bytes = await write(bucketsOf({ key: rows }), { pageSizeBytes: 1024 });
      const branches = pagesOf(bytes, 1024).filter((page) => page.flags === pageFlag.branch);
      for (const { count: children } of branches)
        expect(children, `${count} of ${keySize}`).toBeGreaterThan(1);
      const file = await openBytes(bytes);
      await file.check();
      expect(describe(await rowsOf(file, 'key'))).toEqual(describe(rows));
    }
  }
});

test('many buckets make a tree of buckets', async () => {
  const contents = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`bucket ${String(i).padStart(3, '0')}`, manyRows(i % 40, 30)]),
  );
  const file = await openBytes(await write(bucketsOf(contents)));
  await file.check();
  expect(await contentsOf(file)).toEqual(contents);
});

test('pages follow one another as they become full: children before parents, no page unused', async () => {
  const bytes = await write(bucketsOf({ key: manyRows(200_000, 1) }));
  const pages = pagesOf(bytes);
  expect(pages.map((page) => page.id)).toEqual(pages.map((_, i) => i + 2));
  expect(new Set(pages.map((page) => page.flags))).toEqual(new Set([pageFlag.leaf, pageFlag.branch]));
  const check = await (await openBytes(bytes)).check();
  expect(check).toMatchObject({ pageCount: pages.length + 2, freePageCount: 0, rowCount: 200_000 });
});

test('chunks have 128 KiB, and large values do not make them larger', async () => {
  const writer = await BoltWriter.plan(
    bucketsOf({ key: [...manyRows(500, 1000), row('z', new Uint8Array(5 << 20))] }),
  );
  const sizes: number[] = [];
  for await (const chunk of writer.chunks()) sizes.push(chunk.length);
  expect(new Set(sizes.slice(0, -1))).toEqual(new Set([128 * 1024]));
  expect(sizes.reduce((sum, size) => sum + size)).toBe(writer.sizeBytes);
  const wide = await BoltWriter.plan(bucketsOf({ key: manyRows(500, 1000) }), { pageSizeBytes: 1 << 18 });
  for await (const chunk of wide.chunks()) expect(chunk.length).toBe(1 << 18);
});

test('a file is written as it is asked for: rows are read no further than the chunks that were taken', async () => {
  let readCount = 0;
  const bucket: BoltBucket = {
    name: 'key',
    async *rows() {
      readCount = 0;
      for (let i = 0; i < 10_000; i += 10) {
        readCount += 10;
        yield manyRows(i + 10, 1000).slice(i);
      }
    },
  };
  const small: BoltBucket = { ...bucket, rows: () => limited(bucket.rows(), 200) };
  const writer = await BoltWriter.plan([small]);
  const chunks = writer.chunks()[Symbol.asyncIterator]();
  await chunks.next();
  expect(readCount).toBeLessThan(150);
  await chunks.return?.(undefined);
});

async function* limited<T>(slices: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  for await (const slice of slices) {
    yield slice;
    if (--count === 0) return;
  }
}

test('a chunk is the taker’s: the next ones are written elsewhere', async () => {
  const rows = manyRows(2000, 500);
  const writer = await BoltWriter.plan(bucketsOf({ key: rows }));
  const kept: Uint8Array[] = [];
  for await (const chunk of writer.chunks()) {
    kept.push(chunk.slice());
    chunk.fill(0xff);
  }
  const file = await openBytes(concatBytes(kept));
  expect(describe(await rowsOf(file, 'key'))).toEqual(describe(rows));
});

test('a plan can be written more than once', async () => {
  const writer = await BoltWriter.plan(bucketsOf({ key: manyRows(2000, 100) }));
  const [first, second] = [await Array.fromAsync(writer.chunks()), await Array.fromAsync(writer.chunks())];
  expect(equalBytes(concatBytes(first), concatBytes(second))).toBe(true);
});

test('long work lets the event loop turn', async () => {
  let turns = 0;
  const yieldToLoop = async (): Promise<void> => {
    turns++;
  };
  const writer = await BoltWriter.plan(bucketsOf({ key: manyRows(20_000, 100) }, 20_000), { yieldToLoop });
  expect(turns).toBeGreaterThan(10);
  turns = 0;
  for await (const chunk of writer.chunks()) expect(chunk.length).toBeGreaterThan(0);
  expect(turns).toBeGreaterThan(10);
});

test.each([
  ['BOLT_UNSORTED', [row('b', ''), row('a', '')]],
  ['BOLT_UNSORTED', [row('a', ''), row('a', '')]],
  ['BOLT_UNSORTED', [row('ab', ''), row('a', '')]],
  ['BOLT_EMPTY_KEY', [row('', 'value')]],
  ['BOLT_TOO_LARGE', [row('k'.repeat(32_769), '')]],
] as const)('%s: rows that bbolt would not take are refused', async (code, rows) => {
  for (const slice of [1, 10])
    expect(await codeOf(BoltWriter.plan(bucketsOf({ key: rows }, slice)))).toBe(code);
});

test('the longest key that bbolt takes is taken', async () => {
  const file = await openBytes(
    await write(bucketsOf({ key: [row('k'.repeat(32_768), 'v'), row('l', 'v')] })),
  );
  await file.check();
});

test('a value that a leaf element cannot tell the size of is refused', async () => {
  const huge = { length: 2 ** 31 - 1 } as Uint8Array; // Nobody has to have so much memory for this test.
  expect(await codeOf(BoltWriter.plan(bucketsOf({ key: [[fromUtf8('k'), huge]] })))).toBe('BOLT_TOO_LARGE');
});

test('names of buckets are keys, too', async () => {
  const bucket = (name: string): BoltBucket => bucketsOf({ key: [] }).map((b) => ({ ...b, name }))[0]!;
  expect(await codeOf(BoltWriter.plan([bucket('')]))).toBe('BOLT_EMPTY_KEY');
  expect(await codeOf(BoltWriter.plan([bucket('n'.repeat(32_769))]))).toBe('BOLT_TOO_LARGE');
  expect(await codeOf(BoltWriter.plan([bucket('a'), bucket('b'), bucket('a')]))).toBe(
    'BOLT_DUPLICATE_BUCKET',
  );
});

const rows = manyRows(300, 500);
test.each<[string, readonly BoltRow[]]>([
  ['more rows', [...rows, row('z', '')]],
  ['many more rows', [...rows, ...manyRows(300, 500, 'more-')]],
  ['fewer rows', rows.slice(1)],
  ['no rows', []],
  ['a larger value', [...rows.slice(0, -1), row('key-99999999', new Uint8Array(501))]],
  ['another key', [row('key-', new Uint8Array(500)), ...rows.slice(1)]],
  [
    'a value of another size, and one that makes up for it',
    [[rows[0]![0], new Uint8Array(499)], [rows[1]![0], new Uint8Array(501)], ...rows.slice(2)],
  ],
])('%s at the second reading are noticed', async (_what, second) => {
  const writer = await BoltWriter.plan([changing(rows, second)]);
  expect(await codeOf(Array.fromAsync(writer.chunks()))).toBe('BOLT_CHANGED');
});

test('a second reading that does not end is given up when it is longer than the first', async () => {
  let reading = 0;
  const bucket: BoltBucket = {
    name: 'key',
    async *rows() {
      reading++;
      for (let i = 0; reading > 1 || i < 10; i++)
        yield [row(String(i).padStart(9, '0'), new Uint8Array(1000))];
    },
  };
  const writer = await BoltWriter.plan([bucket]);
  expect(await codeOf(Array.fromAsync(writer.chunks()))).toBe('BOLT_CHANGED');
});

test('rows that are out of order at the second reading are noticed', async () => {
  const writer = await BoltWriter.plan([changing(rows, rows.toReversed())]);
  expect(await codeOf(Array.fromAsync(writer.chunks()))).toBe('BOLT_UNSORTED');
});

test('an error of the rows is passed on as it is', async () => {
  const failure = new Error('the store is closed');
  const failing = { name: 'key', rows: () => failingRows(failure) };
  await expect(BoltWriter.plan([failing])).rejects.toBe(failure);
});

async function* failingRows(failure: Error): AsyncGenerator<BoltRow[]> {
  yield manyRows(10, 10);
  throw failure;
}

test('options that make no sense are refused', async () => {
  for (const pageSizeBytes of [0, 512, 4097, 1 << 25, -4096, NaN])
    await expect(BoltWriter.plan([], { pageSizeBytes })).rejects.toBeInstanceOf(RangeError);
  for (const fillPercent of [0, -1, 1.1, NaN])
    await expect(BoltWriter.plan([], { fillPercent })).rejects.toBeInstanceOf(RangeError);
});
