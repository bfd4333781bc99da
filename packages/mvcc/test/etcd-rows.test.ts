import { ChangeList, crc32c, fromUtf8, toHex, type BackendRow } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { expect, test } from 'vitest';
import { EtcdRowPacker, MvccStore, singleKey, toEtcdRows } from '../src/index.ts';

/** A store with puts, tombstones and a large value, and what its rows are in etcd's format. */
async function filled(): Promise<{ store: MvccStore; rows: BackendRow[] }> {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend });
  for (let i = 0; i < 200; i++) {
    const txn = store.beginWrite();
    txn.put(fromUtf8(`k${i % 7}`), new Uint8Array(i === 100 ? 100_000 : i), BigInt(i % 3));
    if (i % 5 === 0) txn.deleteRange(singleKey(`k${i % 3}`));
    txn.end();
  }
  const list = new ChangeList();
  store.drain(list);
  await backend.write(list.changes);
  return { store, rows: (await Array.fromAsync(backend.scan('key'))).flat().flatMap(toEtcdRows) };
}

test('rows become those of etcd, one for each revision', async () => {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend });
  const txn = store.beginWrite();
  txn.put(fromUtf8('foo'), fromUtf8('bar'), 0n);
  txn.deleteRange(singleKey('foo'));
  txn.end();
  const list = new ChangeList();
  store.drain(list);
  await backend.write(list.changes);
  const rows = (await Array.fromAsync(backend.scan('key'))).flat().flatMap(toEtcdRows);
  expect(rows.map((row) => row.map(toHex))).toEqual([
    ['00000000000000025f0000000000000000', '0a03666f6f1002180220012a03626172'],
    ['00000000000000025f000000000000000174', '0a03666f6f'],
  ]);
});

test('HashKV is the checksum of those rows', async () => {
  const { store, rows } = await filled();
  const hash = rows.reduce((crc, [key, value]) => crc32c(value, crc32c(key, crc)), crc32c(fromUtf8('key')));
  expect(await store.hashKv(0)).toMatchObject({ hash });
});

test('a store starts from rows of etcd and is the same', async () => {
  const { store, rows } = await filled();
  const packer = new EtcdRowPacker();
  const packed = [...rows.map((row) => packer.add(row)), packer.finish()].filter((row) => row !== undefined);
  expect(packed.length).toBeLessThan(8);
  const backend = new MemoryBackend();
  await backend.write(packed.map(([key, value]) => ({ bucket: 'key', key, value })));
  const second = await MvccStore.open({ backend });
  second.checkInvariants();
  expect(await second.hashKv(0)).toEqual(await store.hashKv(0));
  expect(second.history({ from: 2, maxBytes: Infinity })).toEqual(
    store.history({ from: 2, maxBytes: Infinity }),
  );
  expect(packer.finish()).toBeUndefined();
});
