import { ChangeList, crc32c, fromUtf8, singleKey, type BackendRow } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeRevisionKey,
  encodeRevisionKey,
  EtcdRowPacker,
  finishedCompactKey,
  hashEtcdRows,
  MvccStore,
  scheduledCompactKey,
  toEtcdRows,
} from '../src/index.ts';

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ put: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ delete: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ compact: fc.double({ min: 0, max: 1, noNaN: true }) }) },
);
type Step = { put: number } | { delete: number } | { compact: number };

/** A store after these steps, its compactions finished but for the last, and its rows in etcd's format. */
async function storeAfter(
  steps: readonly Step[],
  { finish }: { finish: boolean },
): Promise<{ store: MvccStore; backend: MemoryBackend }> {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend });
  for (const each of steps) {
    const changes = new ChangeList();
    if ('compact' in each) {
      const revision = Math.max(1, Math.floor(store.currentRevision * each.compact));
      if (revision <= store.compactedRevision) continue;
      store.scheduleCompaction(revision, changes);
      while (store.compactSlice(changes));
    } else {
      const txn = store.beginWrite();
      if ('put' in each) txn.put(fromUtf8(`k${each.put}`), fromUtf8('v'), 0n);
      else txn.deleteRange(singleKey(`k${each.delete}`));
      txn.end();
    }
    store.drain(changes);
    await backend.write(changes.changes);
  }
  if (!finish && store.currentRevision > Math.max(1, store.compactedRevision)) {
    const changes = new ChangeList();
    store.scheduleCompaction(store.currentRevision, changes); // And nothing is cleaned.
    await backend.write(changes.changes);
  }
  return { store, backend };
}

async function compactedOf(backend: MemoryBackend): Promise<number> {
  const revisions = [finishedCompactKey, scheduledCompactKey].map((key) => {
    const stored = backend.get('meta', key);
    return stored === undefined ? -1 : decodeRevisionKey(stored).main;
  });
  return Math.max(...revisions);
}

test('rows at rest have the hashes of the store that they are of, at each revision', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, finish) => {
      const { backend } = await storeAfter(steps, { finish });
      // Opened anew: a store remembers the hashes of compactions it has made.
      const store = await MvccStore.open({ backend });
      const rows = async function* () {
        for await (const packed of backend.scan('key')) yield packed.flatMap(toEtcdRows);
      };
      const compactedRevision = await compactedOf(backend);
      for (let revision = 0; revision <= store.currentRevision + 1; revision++) {
        const [theirs] = await Promise.allSettled([store.hashKv(revision)]);
        const [ours] = await Promise.allSettled([hashEtcdRows(rows, { revision, compactedRevision })]);
        expect(ours).toEqual(theirs);
      }
    }),
    { numRuns: 150 },
  );
});

test('rows out of order, without a revision or without a KeyValue are refused', async () => {
  const put = (main: number): BackendRow => [encodeRevisionKey(main, 0), fromUtf8('\x0a\x01k')];
  const hash = (rows: BackendRow[]) =>
    hashEtcdRows(
      async function* () {
        yield rows;
      },
      { revision: 0, compactedRevision: 1 },
    );
  await expect(hash([put(3), put(2)])).rejects.toMatchObject({ code: 'MVCC_DAMAGED_ROW' });
  await expect(hash([[fromUtf8('nonsense'), fromUtf8('')]])).rejects.toMatchObject({
    code: 'MVCC_DAMAGED_ROW',
  });
  await expect(hash([[encodeRevisionKey(2, 0), fromUtf8('x')]])).rejects.toMatchObject({
    code: 'MVCC_DAMAGED_ROW',
  });
});

test('a revision without a KeyValue, as a restore that raises revisions leaves it, counts and is no key', async () => {
  const { backend: before } = await storeAfter([{ put: 1 }, { put: 2 }], { finish: true });
  const mark: BackendRow = [encodeRevisionKey(1_000, 0), new Uint8Array(0)];
  const etcdRows = [...(await Array.fromAsync(before.scan('key'))).flat().flatMap(toEtcdRows), mark];
  const packer = new EtcdRowPacker();
  const packed = [...etcdRows.map((row) => packer.add(row)), packer.finish()].filter(
    (row) => row !== undefined,
  );
  const backend = new MemoryBackend();
  const list = new ChangeList();
  for (const [key, value] of packed) list.put('key', key, value);
  list.put('meta', scheduledCompactKey, encodeRevisionKey(1_000, 0));
  await backend.write(list.changes);
  const store = await MvccStore.open({ backend });
  expect([store.currentRevision, store.compactedRevision]).toEqual([1_000, 1_000]);
  const count = () => store.range({ start: '\0', endExclusive: '\u0100' }).count;
  expect(count()).toBe(2);
  const expected = etcdRows.reduce(
    (crc, [key, value]) => crc32c(value, crc32c(key, crc)),
    crc32c(fromUtf8('key')),
  );
  expect(await store.hashKv(0)).toMatchObject({
    hash: expected,
    compactRevision: 1_000,
    hashRevision: 1_000,
  });
  const changes = new ChangeList();
  while (store.compactSlice(changes));
  const txn = store.beginWrite();
  txn.put(fromUtf8('k1'), fromUtf8('later'), 0n);
  txn.end();
  store.drain(changes);
  await backend.write(changes.changes);
  store.checkInvariants();
  expect([store.currentRevision, count()]).toEqual([1_001, 2]);
  expect(store.history({ from: 1_000 }).changes.map(({ revision }) => revision)).toEqual([1_001]);
  const again = await MvccStore.open({ backend });
  expect(await again.hashKv(0)).toEqual(await store.hashKv(0));
  expect((await Array.fromAsync(backend.scan('key'))).flat().flatMap(toEtcdRows)).toContainEqual(mark);
});
