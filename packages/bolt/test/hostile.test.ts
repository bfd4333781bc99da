import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { compareBytes } from '@quorate/std';
import { BoltError, BoltFile, type BoltSource } from '../src/index.ts';
import { encodeMeta, type Meta } from '../src/meta.ts';
import { branch, fileOf, freelist, leaf, pageSize, patched, root, type Pages } from './craft.ts';
import { bucketsOf, codeOf, contentsOf, manyRows, MemorySource, row, write } from './helpers.ts';

/** How much more than the file is read at most: pages are read along, and gaps between them. */
const readFactor = 10;

/**
 * Reads all there is, by all ways: each must end in a `BoltError` or in rows of the right shape, and no read may ask
 * for more than the file has.
 */
async function readAll(bytes: Uint8Array): Promise<'error' | 'rows'> {
  const source = new MemorySource(bytes);
  let outcome: 'error' | 'rows' = 'rows';
  let bucketCount = 1;
  const attempt = async (action: (file: BoltFile) => Promise<unknown>): Promise<void> => {
    try {
      await action(await BoltFile.open(source));
    } catch (error) {
      if (!(error instanceof BoltError)) throw error;
      outcome = 'error';
    }
  };
  await attempt(async (file) => {
    const contents = await contentsOf(file);
    bucketCount += Object.keys(contents).length;
    for (const rows of Object.values(contents)) {
      for (const [i, [key, value]] of rows.entries()) {
        expect(key.length).toBeGreaterThan(0);
        expect(value).toBeInstanceOf(Uint8Array);
        if (i > 0) expect(compareBytes(rows[i - 1]![0], key)).toBe(-1);
      }
    }
  });
  await attempt((file) => file.check());
  expect(source.readSizeMax).toBeLessThanOrEqual(Math.max(bytes.length, 4096));
  expect(source.readTotal).toBeLessThan(readFactor * (bucketCount + 3) * (bytes.length + 4096));
  return outcome;
}

const samples: Record<string, Uint8Array> = {};

beforeAll(async () => {
  const contents = {
    cluster: [row('clusterVersion', '3.5.0')],
    key: manyRows(400, 60),
    lease: [],
    wide: [...manyRows(20, 2500), row('z', new Uint8Array(9000))],
  };
  samples['ours'] = await write(bucketsOf(contents), { pageSizeBytes: 1024 });
  samples['etcd'] = gunzipSync(await readFile(new URL('./vectors/etcd-3.5.30.db.gz', import.meta.url)));
  samples['etcd'] = samples['etcd'].subarray(
    0,
    (await BoltFile.open(new MemorySource(samples['etcd']))).sizeBytes,
  );
});

test('the samples are sound', async () => {
  for (const bytes of Object.values(samples)) expect(await readAll(bytes)).toBe('rows');
});

/** Where to strike, in favour of what tells the reader where to go: meta pages, headers and elements. */
const place = fc.record({
  page: fc.nat(10_000),
  offset: fc.oneof(fc.nat(15), fc.integer({ min: 16, max: 80 }), fc.nat(4095)),
  byte: fc.oneof(fc.constantFrom(0, 1, 2, 4, 16, 127, 128, 255), fc.nat(255)),
});

test.each(['ours', 'etcd'])(
  'reading a file with changed bytes ends in rows or in an error of ours (%s)',
  async (name) => {
    const bytes = samples[name]!;
    const size = name === 'ours' ? 1024 : 4096;
    await fc.assert(
      fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 4 }), async (places) => {
        const copy = bytes.slice();
        for (const { page, offset, byte } of places)
          copy[((page % (bytes.length / size)) * size + (offset % size)) % bytes.length] = byte;
        await readAll(copy);
      }),
      { numRuns: name === 'ours' ? 600 : 100 },
    );
  },
);

test('each single flipped bit in the first 96 bytes of each page is met', { timeout: 300_000 }, async () => {
  const bytes = await write(bucketsOf({ a: [row('k', 'v')], key: manyRows(60, 60), l: manyRows(2, 1500) }), {
    pageSizeBytes: 1024,
  });
  for (let start = 0; start < bytes.length; start += 1024) {
    for (let offset = start; offset < start + 96; offset++) {
      for (let bit = 0; bit < 8; bit++) {
        const copy = bytes.slice();
        copy[offset]! ^= 1 << bit;
        await readAll(copy);
      }
    }
  }
});

test('pages that are swapped, repeated or moved are met', async () => {
  const bytes = samples['ours']!;
  const count = bytes.length / 1024;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 5 }),
      async (moves) => {
        const copy = bytes.slice();
        for (const [from, to, rename] of moves) {
          const target = 2 + (to % (count - 2));
          copy.copyWithin(target * 1024, (from % count) * 1024, ((from % count) + 1) * 1024);
          // With the id it needs, so that it is taken for the page it replaces.
          if (rename) new DataView(copy.buffer).setUint32(target * 1024, target, true);
        }
        await readAll(copy);
      },
    ),
    { numRuns: 400 },
  );
});

test('a file that ends at any byte is refused', async () => {
  const bytes = await write(bucketsOf({ key: manyRows(30, 100) }), { pageSizeBytes: 1024 });
  for (let size = 0; size < bytes.length; size += 7)
    expect(await codeOf(BoltFile.open(new MemorySource(bytes.subarray(0, size)))), `${size} bytes`).toMatch(
      /^BOLT_(DAMAGED|NOT_A_DATABASE)$/,
    );
});

test('a source that turns out shorter than it said is met', async () => {
  const source = new MemorySource(samples['ours']!);
  const file = await BoltFile.open(source);
  source.read = async (offset, size) => source.bytes.slice(offset, Math.min(offset + size, 4000));
  expect(await codeOf(contentsOf(file))).toBe('BOLT_DAMAGED');
  expect(await codeOf(file.check())).toBe('BOLT_DAMAGED');
});

test('random bytes behind valid meta pages are met', async () => {
  const random = fc.uint8Array({ minLength: 1024, maxLength: 8 * 1024 });
  await fc.assert(
    fc.asyncProperty(random, fc.nat(9), fc.nat(9), async (bytes, rootPage, freelistPage) => {
      const pageCount = 2 + Math.floor(bytes.length / pageSize);
      await readAll(fileOf({ 2: bytes }, { rootPage, freelistPage, pageCount }));
    }),
  );
});

test('a page count beyond all files is refused', async () => {
  const body = { pageSizeBytes: 4096, rootPage: 2, freelistPage: undefined, txid: 0n };
  for (const pageCount of [2 ** 31, 2 ** 52, 2 ** 63]) {
    const file = new Uint8Array(3 * 4096);
    file.set(encodeMeta({ ...body, pageCount }));
    expect(await codeOf(BoltFile.open(new MemorySource(file)))).toBe('BOLT_DAMAGED');
  }
});

/** A bucket whose tree begins at page 3. */
function bucketOf(pages: Pages): Uint8Array {
  return fileOf({ 2: root(2, { key: 3 }), ...pages });
}

test('a tree that goes round in circles ends', async () => {
  const own = bucketOf({ 3: branch(3, [['a', 3]]) });
  const pair = bucketOf({ 3: branch(3, [['a', 4]]), 4: branch(4, [['a', 3]]) });
  for (const file of [own, pair]) expect(await readAll(file)).toBe('error');
  // With so many pages that it is the depth which ends it.
  const deep: Record<number, Uint8Array> = {};
  for (let id = 3; id < 200; id++) deep[id] = branch(id, [['a', id + 1]]);
  const file = await BoltFile.open(new MemorySource(bucketOf({ ...deep, 200: leaf(200, [row('a', '')]) })));
  await expect(contentsOf(file)).rejects.toMatchObject({
    code: 'BOLT_DAMAGED',
    reason: 'it lies too deep in its tree',
  });
});

test('a tree whose pages are all shared ends after as many pages as there are', async () => {
  // Each branch has many children, all of them the next branch, down to an empty leaf: 30^30 ways, and no key in any.
  const pages: Record<number, Uint8Array> = {};
  const depth = 30;
  for (let id = 3; id < 3 + depth; id++)
    pages[id] = branch(
      id,
      Array.from({ length: 30 }, (_, i) => [`${'m'.repeat(id - 3)}${String.fromCharCode(65 + i)}`, id + 1]),
    );
  pages[3 + depth] = leaf(3 + depth, []);
  expect(await readAll(bucketOf(pages))).toBe('error');
  const leaves = Array.from({ length: 50 }, (_, i): [string, number] => [String.fromCharCode(65 + i), 4]);
  expect(await readAll(bucketOf({ 3: branch(3, leaves), 4: leaf(4, []) }))).toBe('error');
});

test('pages within the overflow of others do not make more bytes than the file has', async () => {
  // Each leaf claims a value up to the end of the file, and the next leaf lies within it.
  const count = 50;
  const pages: Record<number, Uint8Array> = {
    3: branch(
      3,
      Array.from({ length: count }, (_, i) => [String.fromCharCode(65 + i), 4 + i]),
    ),
  };
  for (let i = 0; i < count; i++) {
    const valueSize = (count - i - 1) * pageSize;
    const page = leaf(4 + i, [row(String.fromCharCode(65 + i), new Uint8Array(valueSize))], {
      overflow: Math.ceil((valueSize + 33) / pageSize) - 1,
    });
    pages[4 + i] = page.subarray(0, 33);
  }
  const source = new MemorySource(fileOf({ 2: root(2, { key: 3 }), ...pages }));
  const file = await BoltFile.open(source);
  await expect(contentsOf(file)).rejects.toMatchObject({ reason: 'its tree has more pages than the file' });
  expect(source.readTotal).toBeLessThan(3 * source.bytes.length);
  expect(await codeOf(file.check())).toBe('BOLT_DAMAGED');
});

/** A file of 2^42 bytes, which are zeros but for those given. */
class HoleSource implements BoltSource {
  readonly #start: Uint8Array;
  largest = 0;

  constructor(pages: Pages, meta: Partial<Meta>) {
    this.#start = fileOf(pages);
    const whole = {
      pageSizeBytes: pageSize,
      rootPage: 2,
      freelistPage: undefined,
      pageCount: 2 ** 32,
      ...meta,
    };
    for (const txid of [0n, 1n]) this.#start.set(encodeMeta({ ...whole, txid }), Number(txid) * pageSize);
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    this.largest = Math.max(this.largest, size);
    const bytes = new Uint8Array(size);
    bytes.set(this.#start.subarray(offset, offset + size));
    return bytes;
  }

  async size(): Promise<number> {
    return 2 ** 32 * pageSize;
  }
}

test('a file of holes costs neither time nor memory for them', async () => {
  const endless = [0xf0, 0xff, 0xff, 0xff];
  const empty = patched(leaf(3, []), 12, endless);
  const list = patched(freelist(4, []), 12, endless);
  const sources = [
    new HoleSource({ 2: root(2, { key: 3 }) }, {}),
    new HoleSource({ 2: root(2, { key: 3 }), 3: empty }, {}),
    new HoleSource({ 2: root(2, { key: 3 }), 3: leaf(3, []), 4: list }, { freelistPage: 4 }),
    new HoleSource({ 2: root(2, { key: 3 }), 3: leaf(3, []), 4: freelist(4, []) }, { freelistPage: 4 }),
  ];
  for (const source of sources) {
    const file = await BoltFile.open(source);
    expect(await codeOf(file.check())).toBe('BOLT_DAMAGED');
    expect(source.largest).toBeLessThanOrEqual(pageSize);
  }
});
