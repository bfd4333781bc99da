import { ChangeList, fromHex, fromUtf8, toHex, type BucketChange } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { expect, test } from 'vitest';
import { keyRange, MvccStore, prefixEnd, unboundedEnd } from '../src/index.ts';
import { decodeRevisionKey, encodeRevisionKey } from '../src/revision-key.ts';

// What etcd 3.5.30 answers, or what follows from its formats.

async function openStore(backend = new MemoryBackend()): Promise<MvccStore> {
  return MvccStore.open({ backend });
}

function put(store: MvccStore, key: string, value: string): Uint8Array {
  const txn = store.beginWrite();
  txn.put(fromUtf8(key), fromUtf8(value), 0n);
  return txn.end().changes[0]?.kv ?? new Uint8Array(0);
}

function del(store: MvccStore, key: string): void {
  const txn = store.beginWrite();
  txn.deleteRange(keyRange(fromUtf8(key), new Uint8Array(0)));
  txn.end();
}

function compact(store: MvccStore, revision: number): BucketChange[] {
  const list = new ChangeList();
  store.scheduleCompaction(revision, list);
  while (store.compactSlice(list));
  return list.changes;
}

test('revision keys are those of etcd', () => {
  expect(toHex(encodeRevisionKey(2, 0))).toBe('00000000000000025f0000000000000000');
  expect(toHex(encodeRevisionKey(4, 0, true))).toBe('00000000000000045f000000000000000074');
  const large = { main: 2 ** 53 - 1, sub: 2 ** 29 - 1, tombstone: true };
  expect(decodeRevisionKey(encodeRevisionKey(large.main, large.sub, true))).toEqual(large);
});

test('bytes that are no revision key are refused', () => {
  const invariantError = withCode('INVARIANT');
  expect(() => decodeRevisionKey(new Uint8Array(16))).toThrow(invariantError);
  expect(() => decodeRevisionKey(new Uint8Array(17))).toThrow(invariantError);
  expect(() => decodeRevisionKey(fromHex('00000000000000045f000000000000000075'))).toThrow(invariantError);
});

test('a prefix ends where etcd says', () => {
  expect(prefixEnd('foo')).toBe('fop');
  expect(prefixEnd('a\u00ff\u00ff')).toBe('b');
  expect(prefixEnd('\u00ff\u00ff')).toBe(unboundedEnd);
});

test('KeyValues are encoded as etcd does', async () => {
  const store = await openStore();
  expect(toHex(put(store, 'foo', 'bar'))).toBe('0a03666f6f1002180220012a03626172');
  expect(toHex(put(store, 'foo', 'baz'))).toBe('0a03666f6f1002180320022a0362617a');
});

test('HashKV is that of etcd, of puts and tombstones', async () => {
  const store = await openStore();
  put(store, 'foo', 'bar');
  const first = { hash: 3305255506, compactRevision: -1, hashRevision: 2, currentRevision: 2 };
  expect(await store.hashKv(0)).toEqual(first);
  put(store, 'foo', 'baz');
  del(store, 'foo');
  const second = { hash: 3153096970, compactRevision: -1, hashRevision: 4, currentRevision: 4 };
  expect(await store.hashKv(0)).toEqual(second);
});

test('HashKV is that of etcd after compactions, which leave their own hashes behind', async () => {
  const store = await openStore();
  put(store, 'foo', 'bar');
  put(store, 'foo', 'baz');
  del(store, 'foo');
  put(store, 'a', '1');
  put(store, 'b', '2');
  put(store, 'a', '3');
  const atSix = { hash: 1173317658, compactRevision: -1, hashRevision: 6 };
  expect(await store.hashKv(6)).toEqual({ ...atSix, currentRevision: 7 });
  compact(store, 6);
  const atSeven = { hash: 525239313, compactRevision: 6, hashRevision: 7 };
  expect(await store.hashKv(0)).toEqual({ ...atSeven, currentRevision: 7 });
  expect(await store.hashKv(6)).toEqual({ ...atSix, currentRevision: 7 });
  await expect(store.hashKv(5)).rejects.toMatchObject({ code: 'MVCC_COMPACTED' });
  await expect(store.hashKv(8)).rejects.toMatchObject({ code: 'MVCC_FUTURE_REVISION' });
  put(store, 'a', '4');
  const open = { hash: 3673059266, compactRevision: 6, hashRevision: 8, currentRevision: 8 };
  expect(await store.hashKv(0)).toEqual(open);
  compact(store, 7);
  const closed = { hash: 2323433807, compactRevision: 7, hashRevision: 8, currentRevision: 8 };
  expect(await store.hashKv(0)).toEqual(closed);
  // Those of compactions answer even below the compacted revision.
  expect(await store.hashKv(6)).toEqual({ ...atSix, currentRevision: 8 });
  expect(await store.hashKv(7)).toEqual({ ...atSeven, currentRevision: 8 });
});

test('the hashes of the last ten compactions are kept', async () => {
  const store = await openStore();
  for (let revision = 2; revision <= 13; revision++) {
    put(store, 'k', String(revision));
    compact(store, revision);
  }
  await expect(store.hashKv(3)).rejects.toMatchObject({ code: 'MVCC_COMPACTED' });
  for (let revision = 4; revision <= 13; revision++) {
    expect(await store.hashKv(revision)).toMatchObject({
      hashRevision: revision,
      compactRevision: revision - 1,
    });
  }
});

test('a compaction says in bucket meta when it was asked for and when it is done', async () => {
  const store = await openStore();
  put(store, 'k', '1');
  put(store, 'k', '2');
  const meta = compact(store, 3)
    .filter(({ bucket }) => bucket === 'meta')
    .map(({ key, value }) => [new TextDecoder().decode(key), value && toHex(value)]);
  expect(meta).toEqual([
    ['scheduledCompactRev', '00000000000000035f0000000000000000'],
    ['finishedCompactRev', '00000000000000035f0000000000000000'],
  ]);
});

/** An error with this code. */
function withCode(code: string): unknown {
  return expect.objectContaining({ code });
}
