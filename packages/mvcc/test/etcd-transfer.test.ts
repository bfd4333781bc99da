import { ChangeList, fromHex, fromUtf8, toHex, type BackendRow, type BucketChange } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { encodeKeyValue } from '@quorate/wire';
import { expect, test } from 'vitest';
import { etcdRowsOf, MvccStore, singleKey, stageEtcdRows, unboundedEnd } from '../src/index.ts';

const all = { start: '', endExclusive: unboundedEnd };

/** etcd's key of a revision, in hex. */
function revisionKey(main: number, sub = 0): string {
  return `${main.toString(16).padStart(16, '0')}5f${sub.toString(16).padStart(16, '0')}`;
}

/** etcd's row of a put. */
function putRow(
  main: number,
  options: { sub?: number; modRevision?: number; size?: number } = {},
): BackendRow {
  const { sub = 0, modRevision = main, size = 3 } = options;
  const key = fromUtf8(`k${main}`);
  const value = new Uint8Array(size);
  const kv = { key, createRevision: modRevision, modRevision, version: 1, value, lease: 0n };
  return [fromHex(revisionKey(main, sub)), encodeKeyValue(kv)];
}

async function* slicesOf(...slices: BackendRow[][]): AsyncGenerator<BackendRow[], void> {
  yield* slices;
}

async function staged(rows: AsyncIterable<readonly BackendRow[]>): Promise<BucketChange[][]> {
  const batches: BucketChange[][] = [];
  await stageEtcdRows(rows, async (changes) => void batches.push([...changes]));
  return batches;
}

test('no rows are no batch, and a bucket without rows is none of etcd either', async () => {
  expect(await staged(slicesOf())).toEqual([]);
  expect(await staged(slicesOf([]))).toEqual([]);
  expect(await Array.fromAsync(etcdRowsOf(new MemoryBackend()))).toEqual([]);
});

test('many rows are written in batches of about a megabyte, one after the other', async () => {
  const backend = new MemoryBackend();
  let isWriting = false;
  let batches = 0;
  const rows = Array.from({ length: 5000 }, (_, i) => putRow(i + 2, { size: 1000 }));
  const write = async (changes: readonly BucketChange[]): Promise<void> => {
    expect(isWriting).toBe(false);
    isWriting = true;
    batches++;
    expect(changes.reduce((sum, { value }) => sum + value!.length, 0)).toBeLessThan(1.2 * 1024 * 1024);
    await new Promise(setImmediate);
    await backend.write(changes);
    isWriting = false;
  };
  await stageEtcdRows(slicesOf(rows.slice(0, 1), [], rows.slice(1, 700), rows.slice(700)), write);
  expect(batches).toBe(5);
  let slices = 0;
  const found: BackendRow[] = [];
  for await (const slice of etcdRowsOf(backend)) {
    expect(slice.length).toBeLessThan(600);
    slices++;
    found.push(...slice);
  }
  expect(slices).toBeGreaterThan(8);
  expect(found.map((row) => row.map(toHex))).toEqual(rows.map((row) => row.map(toHex)));
});

test('a value larger than a batch is a row of its own', async () => {
  const rows = [putRow(2), putRow(3, { size: 3 * 1024 * 1024 }), putRow(4)];
  const batches = await staged(slicesOf(rows));
  expect(batches.map((changes) => changes.map(({ key }) => toHex(key)))).toEqual([
    [revisionKey(2), revisionKey(3)],
    [revisionKey(4)],
  ]);
});

test('what fails to be written or read fails the whole', async () => {
  const failure = new Error('disk full');
  const rows = slicesOf([putRow(2)]);
  await expect(stageEtcdRows(rows, () => Promise.reject(failure))).rejects.toBe(failure);
  const broken = (async function* (): AsyncGenerator<BackendRow[], void> {
    yield [putRow(2)];
    throw failure;
  })();
  await expect(staged(broken)).rejects.toBe(failure);
});

const tombstoneOfFoo = fromHex('0a03666f6f');

test.each<[string, BackendRow[], RegExp]>([
  ['a revision that comes twice', [putRow(2), putRow(2)], /after the row before it/],
  ['a revision that comes too late', [putRow(3), putRow(2)], /after the row before it/],
  ['revision 0', [putRow(0)], /after the row before it/],
  [
    'a put and a tombstone of one revision',
    [putRow(2), [fromHex(`${revisionKey(2)}74`), tombstoneOfFoo]],
    /after/,
  ],
  ['a KeyValue of another revision', [putRow(3, { modRevision: 2 })], /KeyValue is of revision 2/],
  ['a key that is no revision', [[fromUtf8('foo'), putRow(2)[1]]], /no revision/],
  ['a revision key with another mark', [[fromHex(`${revisionKey(2)}75`), tombstoneOfFoo]], /no revision/],
  ['a value that is no KeyValue', [[fromHex(revisionKey(2)), fromHex('ffffff')]], /no KeyValue/],
  ['a KeyValue that is cut off', [[fromHex(revisionKey(2)), putRow(2)[1].slice(0, -1)]], /no KeyValue/],
  ['a tombstone without a key', [[fromHex(`${revisionKey(2)}74`), new Uint8Array(0)]], /start with a key/],
  ['a KeyValue without a key', [[fromHex(revisionKey(2)), fromHex('1802')]], /start with a key/],
  ['a tombstone that has a value', [[fromHex(`${revisionKey(2)}74`), putRow(2)[1]]], /only its key/],
])('%s is no row of etcd', async (_name, rows, message) => {
  const error: unknown = await staged(slicesOf(rows)).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'MVCC_DAMAGED_ROW',
    message: expect.stringMatching(message) as unknown,
  });
});

test('rows of ours that overlap are not exported', async () => {
  const backend = new MemoryBackend();
  await stageEtcdRows(slicesOf([putRow(2), putRow(5)]), (changes) => backend.write(changes));
  await stageEtcdRows(slicesOf([putRow(4), putRow(6)]), (changes) => backend.write(changes));
  await expect(Array.fromAsync(etcdRowsOf(backend))).rejects.toMatchObject({ code: 'MVCC_DAMAGED_ROW' });
});

test('a store opens on a stage, and goes on when that is installed, also with what memory does not hold', async () => {
  const backend = new MemoryBackend();
  await backend.write([{ bucket: 'key', key: fromHex(revisionKey(9)), value: fromUtf8('of the old store') }]);
  const stage = await backend.stage();
  await stageEtcdRows(slicesOf([putRow(2), putRow(3), putRow(4)]), (changes) => stage.write(changes));
  const store = await MvccStore.open({ backend: stage, valueBudgetBytes: 0, tuning: { slabBytes: 64 } });
  const seen = store.range(all).kvs.map(toHex);
  expect(seen).toHaveLength(3);
  await stage.seal();
  await stage.install();
  expect(store.range(all).kvs.map(toHex)).toEqual(seen);

  for (let i = 0; i < 20; i++) {
    const txn = store.beginWrite();
    txn.put(fromUtf8(`new ${i}`), new Uint8Array(50), 0n);
    if (i === 10) txn.deleteRange(singleKey('k2'));
    txn.end();
  }
  const changes = new ChangeList();
  const token = store.drain(changes);
  await backend.write(changes.changes);
  store.markFlushed(token);
  store.checkInvariants();
  const reopened = await MvccStore.open({ backend });
  expect(reopened.range(all)).toEqual(store.range(all));
  expect(await reopened.hashKv(0)).toEqual(await store.hashKv(0));
});
