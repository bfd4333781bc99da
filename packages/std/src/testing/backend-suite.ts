import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { buckets, ChangeList, type Backend, type BackendRow, type Bucket } from '../backend.ts';
import { fromUtf8, toHex, toLatin1, toUtf8 } from '../bytes.ts';
import { all, pair, put, rowsOf, text } from './bucket-rows.ts';
import { defineStageSuite } from './stage-suite.ts';

/** See `backendSuite` in the door. */
export function defineBackendSuite<B extends Backend>(
  name: string,
  open: () => Promise<B>,
  crash: (backend: B) => Promise<B>,
): void {
  describe(`${name} is a backend`, () => {
    let backend: Backend | undefined;
    const fresh = async (): Promise<Backend> => (backend = await open());
    afterEach(async () => {
      await backend?.[Symbol.asyncDispose]();
      backend = undefined;
    });

    describe('get and write', () => pointTests(fresh));
    describe('scan', () => scanTests(fresh));
    test('it behaves like a sorted map under any batches', () => modelTest(open), 60_000);
    defineStageSuite(open, crash);
  });
}

function pointTests(fresh: () => Promise<Backend>): void {
  test('an absent key reads as undefined', async () => {
    const backend = await fresh();
    expect(backend.get('key', fromUtf8('nothing'))).toBeUndefined();
  });

  test('a completed write is read back, empty keys and values too', async () => {
    const backend = await fresh();
    await put(backend, 'meta', { a: '1', '': 'no key', empty: '' });
    expect(text(backend.get('meta', fromUtf8('a')))).toBe('1');
    expect(text(backend.get('meta', fromUtf8('')))).toBe('no key');
    expect(text(backend.get('meta', fromUtf8('empty')))).toBe('');
  });

  test('of the changes of one batch to a key the last one wins', async () => {
    const backend = await fresh();
    const changes = new ChangeList();
    changes.put('meta', fromUtf8('a'), fromUtf8('1'));
    changes.delete('meta', fromUtf8('a'));
    changes.put('meta', fromUtf8('a'), fromUtf8('2'));
    changes.put('meta', fromUtf8('b'), fromUtf8('1'));
    changes.delete('meta', fromUtf8('b'));
    await backend.write(changes.changes, { sync: false });
    expect(text(backend.get('meta', fromUtf8('a')))).toBe('2');
    expect(backend.get('meta', fromUtf8('b'))).toBeUndefined();
  });

  test('writes that were not waited for take effect in order', async () => {
    const backend = await fresh();
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 50; i++) writes.push(put(backend, 'meta', { a: String(i) }, i % 10 === 0));
    await Promise.all(writes);
    expect(text(backend.get('meta', fromUtf8('a')))).toBe('49');
  });

  test('what a batch was made of may change once it is written', async () => {
    const backend = await fresh();
    const [key, value] = [fromUtf8('a'), fromUtf8('1')];
    const changes = new ChangeList();
    changes.put('meta', key, value);
    await backend.write(changes.changes, { sync: false });
    key.fill(0);
    value.fill(0);
    expect(await all(backend, 'meta')).toEqual([['a', '1']]);
  });

  test('a synced write reads like any other', async () => {
    const backend = await fresh();
    await put(backend, 'meta', { a: '1' }, true);
    expect(text(backend.get('meta', fromUtf8('a')))).toBe('1');
  });

  test('an empty batch is a batch', async () => {
    const backend = await fresh();
    await backend.write([], { sync: true });
    expect(await all(backend, 'key')).toEqual([]);
  });

  test('one batch changes several buckets, and a key is its own in each', async () => {
    const backend = await fresh();
    const changes = new ChangeList();
    for (const bucket of buckets) changes.put(bucket, fromUtf8('same'), fromUtf8(bucket));
    await backend.write(changes.changes, { sync: false });
    for (const bucket of buckets) {
      expect(text(backend.get(bucket, fromUtf8('same')))).toBe(bucket);
      expect(await all(backend, bucket)).toEqual([['same', bucket]]);
    }
  });

  test('who gets a value owns it', async () => {
    const backend = await fresh();
    await put(backend, 'meta', { a: 'value' });
    backend.get('meta', fromUtf8('a'))!.fill(0);
    for await (const rows of backend.scan('meta')) {
      for (const [key, value] of rows) {
        key.fill(0);
        value.fill(0);
      }
    }
    expect(text(backend.get('meta', fromUtf8('a')))).toBe('value');
    expect(await all(backend, 'meta')).toEqual([['a', 'value']]);
  });

  test('the size grows with what is stored', async () => {
    const backend = await fresh();
    const before = backend.sizeBytes();
    const changes = new ChangeList();
    for (let i = 0; i < 64; i++) changes.put('key', fromUtf8(`key ${i}`), new Uint8Array(16 * 1024).fill(i));
    await backend.write(changes.changes, { sync: true });
    expect(backend.sizeBytes()).toBeGreaterThan(before + 512 * 1024);
  });
}

function scanTests(fresh: () => Promise<Backend>): void {
  test('an empty bucket has no rows', async () => {
    const backend = await fresh();
    await put(backend, 'auth', { a: '1' });
    expect(await all(backend, 'authUsers')).toEqual([]);
  });

  test('rows come in the order of their bytes', async () => {
    const backend = await fresh();
    const changes = new ChangeList();
    const keys = ['ff', '', '00', '7f', '80', '0000', 'ff00', 'ffff', '6b2f'];
    for (const key of keys) changes.put('key', Buffer.from(key, 'hex'), new Uint8Array(0));
    await backend.write(changes.changes, { sync: false });
    const found = (await rowsOf(backend, 'key')).map(([key]) => toHex(key));
    expect(found).toEqual(['', '00', '0000', '6b2f', '7f', '80', 'ff', 'ff00', 'ffff']);
  });

  test('the start is included and the end is not', async () => {
    const backend = await fresh();
    await put(backend, 'key', { a: '1', b: '2', c: '3', d: '4' });
    const range = { start: fromUtf8('b'), endExclusive: fromUtf8('d') };
    expect(await all(backend, 'key', range)).toEqual([
      ['b', '2'],
      ['c', '3'],
    ]);
    expect(await all(backend, 'key', { start: fromUtf8('d') })).toEqual([['d', '4']]);
    expect(await all(backend, 'key', { endExclusive: fromUtf8('b') })).toEqual([['a', '1']]);
    expect(await all(backend, 'key', { start: fromUtf8('c'), endExclusive: fromUtf8('b') })).toEqual([]);
  });

  test('many rows come in slices, complete and none of them empty', async () => {
    const backend = await fresh();
    const changes = new ChangeList();
    for (let i = 0; i < 3000; i++) changes.put('key', fromUtf8(String(i).padStart(6, '0')), fromUtf8(`${i}`));
    await backend.write(changes.changes, { sync: false });
    let next = 0;
    let sliceCount = 0;
    for await (const rows of backend.scan('key')) {
      expect(rows.length).toBeGreaterThan(0);
      sliceCount++;
      for (const [, value] of rows) expect(toUtf8(value)).toBe(String(next++));
    }
    expect(next).toBe(3000);
    expect(sliceCount).toBeGreaterThan(1);
  });

  test('a scan sees the rows as of its call', async () => {
    const backend = await fresh();
    await put(backend, 'key', { a: '1', b: '2' });
    const scan = backend.scan('key');
    const changes = new ChangeList();
    changes.put('key', fromUtf8('a'), fromUtf8('new'));
    changes.delete('key', fromUtf8('b'));
    changes.put('key', fromUtf8('c'), fromUtf8('3'));
    await backend.write(changes.changes, { sync: false });
    const rows: BackendRow[] = [];
    for await (const slice of scan) rows.push(...slice);
    expect(rows.map(pair)).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
  });

  test('a scan can be left early, and another begun', async () => {
    const backend = await fresh();
    await put(backend, 'key', { a: '1', b: '2' });
    for await (const rows of backend.scan('key')) {
      expect(rows.length).toBeGreaterThan(0);
      break;
    }
    expect(await all(backend, 'key')).toHaveLength(2);
  });
}

/** Random batches against a `Map` of each bucket. Few keys, so that changes meet. */
async function modelTest(open: () => Promise<Backend>): Promise<void> {
  const bytes = fc
    .array(fc.constantFrom(0, 0x2f, 0x30, 0x61, 0xff), { maxLength: 3 })
    .map((list) => Uint8Array.from(list));
  const change = fc.record({
    bucket: fc.constantFrom(...buckets),
    key: bytes,
    value: fc.option(fc.uint8Array({ maxLength: 8 }), { nil: undefined }),
  });
  const batches = fc.array(fc.record({ changes: fc.array(change, { maxLength: 20 }), sync: fc.boolean() }), {
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(batches, bytes, bytes, async (script, start, endExclusive) => {
      await using backend = await open();
      const model = new Map<Bucket, Map<string, string>>(buckets.map((bucket) => [bucket, new Map()]));
      for (const { changes, sync } of script) {
        for (const { bucket, key, value } of changes) {
          if (value === undefined) model.get(bucket)!.delete(toLatin1(key));
          else model.get(bucket)!.set(toLatin1(key), toLatin1(value));
        }
        await backend.write(
          changes.map(({ bucket, key, value }) => ({ bucket, key: key.slice(), value: value?.slice() })),
          { sync },
        );
      }
      for (const [bucket, rows] of model) {
        const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
        expect((await rowsOf(backend, bucket)).map(latin1)).toEqual(sorted);
        const inRange = sorted.filter(([key]) => key >= toLatin1(start) && key < toLatin1(endExclusive));
        expect((await rowsOf(backend, bucket, { start, endExclusive })).map(latin1)).toEqual(inRange);
        for (const [key, value] of sorted) {
          expect(toLatin1(backend.get(bucket, Buffer.from(key, 'latin1'))!)).toBe(value);
        }
      }
    }),
    { numRuns: 40 },
  );
}

function latin1([key, value]: BackendRow): [string, string] {
  return [toLatin1(key), toLatin1(value)];
}
