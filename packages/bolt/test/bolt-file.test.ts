import { expect, test } from 'vitest';
import { concatBytes, fromHex, fromUtf8, toHex } from '@quorate/std';
import { BoltFile } from '../src/index.ts';
import { encodeMeta, type Meta } from '../src/meta.ts';
import { branch, fileOf, freelist, leaf, pageSize, patched, root } from './craft.ts';
import {
  bucketsOf,
  codeOf,
  contentsOf,
  describe,
  manyRows,
  MemorySource,
  openBytes,
  row,
  rowsOf,
  write,
} from './helpers.ts';

/** What bbolt makes a new database of: the four pages, 4096 bytes each; checksums known from elsewhere. */
function newDatabase(): Uint8Array {
  const meta = (id: string, txid: string, checksum: string): string =>
    `${id}00000000000000 0400 0000 00000000 edda0ced 02000000 00100000 00000000 0300000000000000 0000000000000000 ` +
    `0200000000000000 0400000000000000 ${txid}00000000000000 ${checksum}`;
  const pages = [
    meta('00', '00', toHex(fromHex('07516e114689fdee').reverse())),
    meta('01', '01', toHex(fromHex('264c351a5179480f').reverse())),
    '0200000000000000 1000 0000 00000000',
    '0300000000000000 0200 0000 00000000',
  ];
  const file = new Uint8Array(4 * 4096);
  for (const [i, page] of pages.entries()) file.set(fromHex(page), i * 4096);
  return file;
}

const small = bucketsOf({ cluster: [row('a', '1'), row('b', '2')], key: manyRows(500, 100) });

test('a database that bbolt has just made is an empty one', async () => {
  const file = await openBytes(newDatabase());
  expect(await file.bucketNames()).toEqual([]);
  expect(await rowsOf(file, 'key')).toEqual([]);
  expect(await file.check()).toEqual({
    pageCount: 4,
    freePageCount: 0,
    bucketCount: 0,
    rowCount: 0,
    rowSizeBytes: 0,
  });
});

test('an absent bucket has no rows, whether its name would come first, between others, or last', async () => {
  const file = await openBytes(await write(bucketsOf({ b: [row('k', 'v')], d: [row('k', 'v')] })));
  for (const name of ['', 'a', 'b\0', 'c', 'e']) expect(await rowsOf(file, name), name).toEqual([]);
  expect(await rowsOf(file, 'd')).toHaveLength(1);
});

test('the valid meta page with the larger txid counts', async () => {
  const pages = { 2: root(2, { old: 4 }), 3: root(3, { new: 4 }), 4: leaf(4, [row('k', 'v')]) };
  const file = fileOf(pages, { rootPage: 2 });
  const meta: Meta = {
    pageSizeBytes: pageSize,
    rootPage: 3,
    freelistPage: undefined,
    pageCount: 5,
    txid: 2n,
  };
  const newer = patched(file, 0, [...encodeMeta(meta)]);
  expect(await (await openBytes(newer)).bucketNames()).toEqual(['new']);
  const huge = patched(file, pageSize, [...encodeMeta({ ...meta, txid: 2n ** 63n + 1n })]);
  expect(await (await openBytes(huge)).bucketNames()).toEqual(['new']);
  // A write of it that was cut short: the one before it stands.
  for (const offset of [16, 20, 24, 32, 48, 56, 64, 72, 79]) {
    const torn = patched(newer, offset, [newer[offset]! ^ 0xff]);
    expect(await (await openBytes(torn)).bucketNames(), `byte ${offset}`).toEqual(['old']);
  }
});

test('a second meta page that tells of pages of another size does not count', async () => {
  const pages = { 2: root(2, { old: 4 }), 3: root(3, { new: 4 }), 4: leaf(4, [row('k', 'v')]) };
  const meta: Meta = { pageSizeBytes: 2048, rootPage: 3, freelistPage: undefined, pageCount: 2, txid: 3n };
  const file = await openBytes(patched(fileOf(pages), pageSize, [...encodeMeta(meta)]));
  expect(await file.bucketNames()).toEqual(['old']);
});

test.each([1024, 2048, 4096, 16_384, 65_536])(
  'pages of %i bytes are found without the first meta page',
  async (pageSizeBytes) => {
    const bytes = await write(small, { pageSizeBytes });
    const file = await openBytes(patched(bytes, 0, Array<number>(512).fill(0)));
    expect(file.pageSizeBytes).toBe(pageSizeBytes);
    expect(await rowsOf(file, 'key')).toHaveLength(500);
  },
);

test('what has no valid meta page is not a database', async () => {
  const bytes = await write(small);
  const bothTorn = patched(patched(bytes, 40, [9]), 4096 + 40, [9]);
  const otherVersion = patched(patched(bytes, 20, [3]), 4096 + 20, [3]);
  const inputs = [new Uint8Array(0), fromUtf8('etcd'), new Uint8Array(1 << 16), bothTorn, otherVersion];
  for (const input of [...inputs, bytes.subarray(0, 79), bytes.subarray(4096 + 32)])
    expect(await codeOf(openBytes(input))).toBe('BOLT_NOT_A_DATABASE');
});

test('a file that is shorter than its pages is refused when it is opened', async () => {
  const bytes = await write(small);
  await expect(openBytes(bytes.subarray(0, -1))).rejects.toMatchObject({ code: 'BOLT_DAMAGED', page: 1 });
  await expect(openBytes(bytes, { sizeBytes: bytes.length - 1 })).rejects.toMatchObject({
    code: 'BOLT_DAMAGED',
  });
});

test('what stands behind the last page is passed over', async () => {
  const bytes = await write(small);
  const plain = await contentsOf(await openBytes(bytes));
  for (const behind of [new Uint8Array(32).fill(0xaa), new Uint8Array(1 << 20)]) {
    const file = await openBytes(concatBytes([bytes, behind]));
    expect(file.sizeBytes).toBe(bytes.length);
    expect(await contentsOf(file)).toEqual(plain);
    await file.check();
    await openBytes(concatBytes([bytes, behind]), { sizeBytes: bytes.length });
  }
});

test('rows come in slices of some 256 KiB or 512 rows', async () => {
  const contents = { many: manyRows(5000, 10), wide: manyRows(3000, 1000), huge: manyRows(3, 1 << 20) };
  const file = await openBytes(await write(bucketsOf(contents)));
  for (const [name, rows] of Object.entries(contents)) {
    const slices = await Array.fromAsync(file.rows(name));
    expect(describe(slices.flat())).toEqual(describe(rows));
    for (const slice of slices) {
      const sizeBytes = slice.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      const last = slice.at(-1)![1].length;
      expect(slice.length).toBeLessThan(512 + 240);
      expect(sizeBytes - last).toBeLessThan(256 * 1024 + 4096);
    }
  }
});

test('pages that follow one another are read together, and a large value by itself', async () => {
  const source = new MemorySource(
    await write(bucketsOf({ key: manyRows(10_000, 200), large: manyRows(2, 3 << 20) })),
  );
  const file = await BoltFile.open(source);
  source.readCount = 0;
  await rowsOf(file, 'key');
  expect(source.readCount).toBeLessThan(40);
  expect(source.readSizeMax).toBeLessThanOrEqual(256 * 1024);
  await rowsOf(file, 'large');
  expect(source.readSizeMax).toBeLessThan((3 << 20) + 100);
});

test('branch pages that follow one another are read once, though the pages below lie elsewhere', async () => {
  const key = (i: number): string => String(i).padStart(3, '0');
  const pages: Record<number, Uint8Array> = { 2: root(2, { key: 3 }) };
  const branches: [string, number][] = [];
  for (let i = 0; i < 30; i++) {
    branches.push([key(2 * i), 4 + i]);
    const leaves = [2 * i, 2 * i + 1];
    pages[4 + i] = branch(
      4 + i,
      leaves.map((leafIndex) => [key(leafIndex), 100 + leafIndex]),
    );
    for (const leafIndex of leaves)
      pages[100 + leafIndex] = leaf(100 + leafIndex, [row(key(leafIndex), 'v')]);
  }
  const source = new MemorySource(fileOf({ ...pages, 3: branch(3, branches) }));
  const file = await BoltFile.open(source);
  expect(await rowsOf(file, 'key')).toHaveLength(60);
  expect(source.readTotal).toBeLessThan(source.bytes.length);
});

test('a large leaf page is read in parts', async () => {
  const rows = manyRows(4000, 900);
  const source = new MemorySource(await write(bucketsOf({ key: rows }), { pageSizeBytes: 4 << 20 }));
  const file = await BoltFile.open(source);
  await file.bucketNames();
  expect(describe(await rowsOf(file, 'key'))).toEqual(describe(rows));
});

test('bytes that were handed out do not change while reading goes on', async () => {
  const rows = manyRows(5000, 300);
  const file = await openBytes(await write(bucketsOf({ key: rows })));
  expect(describe(await rowsOf(file, 'key'))).toEqual(describe(rows));
});

test('several readers go through one file at the same time', async () => {
  const contents = { a: manyRows(3000, 50), b: manyRows(3000, 50, 'other-') };
  const file = await openBytes(await write(bucketsOf(contents)));
  const read = await Promise.all(['a', 'b', 'a', 'b'].map((name) => rowsOf(file, name)));
  expect(describe(read[0]!)).toEqual(describe(contents.a));
  expect(describe(read[3]!)).toEqual(describe(contents.b));
  expect(read[2]).toEqual(read[0]);
});

test('a reader may stop before the end', async () => {
  const source = new MemorySource(await write(bucketsOf({ key: manyRows(50_000, 100) })));
  const file = await BoltFile.open(source);
  for await (const slice of file.rows('key')) {
    expect(slice.length).toBeGreaterThan(0);
    break;
  }
  expect(source.readTotal).toBeLessThan(1 << 20);
});

test('an error of the source is passed on as it is', async () => {
  const source = new MemorySource(await write(small));
  const file = await BoltFile.open(source);
  const failure = new Error('EIO');
  source.read = () => Promise.reject(failure);
  await expect(rowsOf(file, 'key')).rejects.toBe(failure);
  await expect(file.check()).rejects.toBe(failure);
});

test('empty leaves within a tree are passed over, as bbolt does', async () => {
  const pages = {
    2: root(2, { key: 3 }),
    3: branch(3, [
      ['a', 4],
      ['c', 5],
      ['e', 6],
    ]),
    4: leaf(4, []),
    5: leaf(5, [row('c', '1'), row('d', '2')]),
    6: leaf(6, []),
  };
  const file = await openBytes(fileOf(pages));
  expect(await rowsOf(file, 'key')).toHaveLength(2);
  await file.check();
});

test('a branch may have a key below the first one of its child', async () => {
  const pages = {
    2: root(2, { key: 3 }),
    3: branch(3, [
      ['a', 4],
      ['c', 5],
    ]),
    4: leaf(4, [row('b', '1')]),
    5: leaf(5, [row('d', '2')]),
  };
  const file = await openBytes(fileOf(pages));
  expect(await rowsOf(file, 'key')).toHaveLength(2);
  await file.check();
});

test('long work lets the event loop turn', async () => {
  let turns = 0;
  const yieldToLoop = async (): Promise<void> => {
    turns++;
  };
  const file = await openBytes(await write(bucketsOf({ key: manyRows(20_000, 100) })), { yieldToLoop });
  await rowsOf(file, 'key');
  expect(turns).toBeGreaterThan(10);
  turns = 0;
  await file.check();
  expect(turns).toBeGreaterThan(10);
});

test('a list of free pages is checked against the pages in use, in both its forms', async () => {
  const pages = { 2: root(2, { key: 4 }), 4: leaf(4, [row('k', 'v')]) };
  for (const longForm of [false, true]) {
    const open = (ids: readonly number[]): Promise<BoltFile> =>
      openBytes(fileOf({ ...pages, 6: freelist(6, ids, { longForm }) }, { freelistPage: 6, pageCount: 8 }));
    expect(await (await open([3, 5, 7])).check()).toMatchObject({ freePageCount: 3, pageCount: 8 });
    await expect((await open([3, 4, 5, 7])).check()).rejects.toMatchObject({ page: 4 });
    await expect((await open([3, 5])).check()).rejects.toMatchObject({ page: 7 });
    await expect((await open([5, 7])).check()).rejects.toMatchObject({ page: 3 });
    await expect((await open([5, 3, 7])).check()).rejects.toMatchObject({ page: 6 });
    await expect((await open([3, 5, 7, 8])).check()).rejects.toMatchObject({ page: 6 });
    await expect((await open([1, 3, 5, 7])).check()).rejects.toMatchObject({ page: 6 });
    await expect((await open([3, 5, 6, 7])).check()).rejects.toMatchObject({ page: 6 });
  }
});

test('a long list of free pages is read in parts', async () => {
  const first = 200;
  const ids = Array.from({ length: 20_000 }, (_, i) => i + first);
  const list = freelist(first - 160, ids); // On 157 pages; the pages around it are free, too.
  const before = Array.from({ length: first - 164 }, (_, i) => i + 4);
  const behind = [first - 3, first - 2, first - 1];
  const whole = freelist(first - 160, [...before, ...behind, ...ids]);
  expect(Math.ceil(whole.length / pageSize)).toBe(Math.ceil(list.length / pageSize));
  const pages = { 2: root(2, { key: 3 }), 3: leaf(3, [row('k', 'v')]), [first - 160]: whole };
  const source = new MemorySource(
    fileOf(pages, { freelistPage: first - 160, pageCount: first + ids.length }),
  );
  const check = await (await BoltFile.open(source)).check();
  expect(check.freePageCount).toBe(ids.length + before.length + behind.length);
  expect(source.readSizeMax).toBeLessThanOrEqual(32 * 1024);
});
