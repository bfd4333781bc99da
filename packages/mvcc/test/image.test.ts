import { ChangeList, concatBytes, crc32c, fromLatin1, toHex } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { expect, test } from 'vitest';
import { MvccStore, unboundedEnd, type ImageBlock } from '../src/index.ts';

const tuning = { slabBytes: 4096, rowRevisionsMax: 4 };

function put(store: MvccStore, key: string, value: string): void {
  const txn = store.beginWrite();
  txn.put(fromLatin1(key), fromLatin1(value), 0n);
  txn.end();
}

async function drain(store: MvccStore, backend: MemoryBackend): Promise<void> {
  const list = new ChangeList();
  const token = store.drain(list);
  await backend.write(list.changes);
  store.markFlushed(token);
}

async function stored(): Promise<{ store: MvccStore; backend: MemoryBackend }> {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend, tuning });
  for (let i = 0; i < 500; i++) put(store, `key-${String(i % 300).padStart(5, '0')}`, `value ${i}`);
  await drain(store, backend);
  return { store, backend };
}

const imageOf = (store: MvccStore): ImageBlock[] =>
  [...(store.image([]) ?? [])].map(({ kind, bytes }) => ({ kind, bytes: bytes.slice() }));

async function* streamOf(blocks: readonly ImageBlock[]): AsyncGenerator<ImageBlock> {
  yield* blocks;
}

const open = (backend: MemoryBackend, blocks: readonly ImageBlock[]): Promise<MvccStore> =>
  MvccStore.open({ backend, tuning, image: streamOf(blocks) });

const refused: unknown = expect.objectContaining({ code: 'MVCC_DAMAGED_IMAGE' });

test('a store opened from its image reads no row before a value is asked for, and is the same', async () => {
  const { store, backend } = await stored();
  const opened = await open(backend, imageOf(store));
  expect(opened.valueMemoryBytes).toBe(0);
  expect([opened.currentRevision, opened.keyCount, opened.sizeBytes]).toEqual([501, 300, store.sizeBytes]);
  expect(await opened.hashKv(0)).toEqual(await store.hashKv(0));
  const all = { start: '', endExclusive: unboundedEnd };
  expect(opened.range(all).kvs.map(toHex)).toEqual(store.range(all).kvs.map(toHex));
  opened.checkInvariants();
});

test('an image of an image is the same again, whatever was read and written between', async () => {
  const { store, backend } = await stored();
  const opened = await open(backend, imageOf(store));
  opened.latest('key-00007');
  put(opened, 'key-00009', 'another');
  await drain(opened, backend);
  const again = await open(backend, imageOf(opened));
  again.checkInvariants();
  expect((await again.hashKv(0)).hash).toBe(
    (await (await MvccStore.open({ backend, tuning })).hashKv(0)).hash,
  );
});

test('what is read while its image is taken moves no value of a store to where another one will be', async () => {
  const { store, backend } = await stored();
  const cold = await open(backend, imageOf(store)); // Every value is in a row.
  const blocks: ImageBlock[] = [];
  for (const { kind, bytes } of cold.image([])!) {
    blocks.push({ kind, bytes: bytes.slice() });
    cold.range({ start: '', endExclusive: unboundedEnd });
  }
  const opened = await open(backend, blocks);
  for (let i = 0; i < 300; i++) put(opened, `new-${i}`, `another value ${i}`);
  const last = { start: 'key-', endExclusive: 'key.' };
  expect(opened.range(last).kvs.map(toHex)).toEqual(store.range(last).kvs.map(toHex));
  opened.checkInvariants();
});

test('an image of the same revisions with other values is refused', async () => {
  const { store } = await stored();
  const other = new MemoryBackend();
  const namesake = await MvccStore.open({ backend: other, tuning });
  for (let i = 0; i < 500; i++) put(namesake, `key-${String(i % 300).padStart(5, '0')}`, `other ${i}`);
  await drain(namesake, other);
  await expect(open(other, imageOf(store))).rejects.toEqual(refused);
});

test('there is no image while a compaction is at work, and one from before it is refused', async () => {
  const { store, backend } = await stored();
  const before = imageOf(store);
  const changes = new ChangeList();
  store.scheduleCompaction(400, changes);
  expect(store.image([])).toBeUndefined();
  await backend.write(changes.changes);
  await expect(open(backend, before)).rejects.toEqual(refused);
  const cleaning = new ChangeList();
  while (store.compactSlice(cleaning));
  await backend.write(cleaning.changes);
  await expect(open(backend, before)).rejects.toEqual(refused);
  (await open(backend, imageOf(store))).checkInvariants();
});

test('an image without one of its blocks, or with two in the wrong order, is refused', async () => {
  const { store, backend } = await stored();
  const blocks = imageOf(store);
  expect(new Set(blocks.map(({ kind }) => kind)).size).toBe(5); // No lease is there.
  for (const [i, block] of blocks.entries()) {
    if (block.kind === 4) continue; // Of leaves no count is kept: its file knows which blocks there are.
    await expect(open(backend, blocks.toSpliced(i, 1)), `block ${i}`).rejects.toEqual(refused);
    const bytes = block.bytes.subarray(0, Math.max(0, block.bytes.length - 3));
    if (bytes.length > 0)
      await expect(open(backend, blocks.with(i, { ...block, bytes }))).rejects.toEqual(refused);
  }
  await expect(open(backend, blocks.toReversed())).rejects.toEqual(refused);
});

test('blocks of another form need another magic in the file that the replica writes', async () => {
  const { store } = await stored();
  const all = concatBytes(imageOf(store).map(({ kind, bytes }) => concatBytes([Uint8Array.of(kind), bytes])));
  // Who changes this changes `magic` in image-file.ts of @quorate/replica: old images must not be taken for new ones.
  expect([all.length, crc32c(all)]).toEqual([21307, 2752754184]);
});

test('an image of rows that are not there is refused', async () => {
  const { store } = await stored();
  await expect(open(new MemoryBackend(), imageOf(store))).rejects.toEqual(refused);
});
