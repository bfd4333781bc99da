import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { MemoryLevel } from 'memory-level';
import { afterAll, expect, test, vi } from 'vitest';
import { RocksLevel, rocksAvailable } from '@quorate/rocksdb-level';
import { etcdRowsOf, MvccStore, stageEtcdRows, unboundedEnd } from '@quorate/mvcc';
import {
  ChangeList,
  fromUtf8,
  toUtf8,
  type Backend,
  type BackendReader,
  type BucketChange,
} from '@quorate/std';
import { backendSuite, MemoryBackend } from '@quorate/std/testing';
import { BackendError, LevelBackend, type BytesLevel } from '../src/level-backend.ts';

const all = { start: '', endExclusive: unboundedEnd };
const bytes = { keyEncoding: 'view', valueEncoding: 'view' } as const;
const directory = await mkdtemp(join(tmpdir(), 'level-backend-'));
let made = 0;
const nextLocation = (): string => join(directory, String(made++));

afterAll(() => rm(directory, { recursive: true, force: true }));

type Level = MemoryLevel<Uint8Array, Uint8Array>;
const newMemoryLevel = (): Level => new MemoryLevel({ ...bytes, storeEncoding: 'view' });
const openClassic = (location = nextLocation()): Promise<LevelBackend> =>
  openAt(location, new ClassicLevel<Uint8Array, Uint8Array>(location, bytes));
const openRocks = (location = nextLocation()): Promise<LevelBackend> =>
  openAt(location, new RocksLevel<Uint8Array, Uint8Array>(location, bytes));

const levels = new WeakMap<LevelBackend, Level>();
async function openMemory(level = newMemoryLevel()): Promise<LevelBackend> {
  const backend = await LevelBackend.open(level);
  levels.set(backend, level);
  return backend;
}

async function crashMemory(backend: LevelBackend): Promise<LevelBackend> {
  const copy = newMemoryLevel();
  for await (const [key, value] of levels.get(backend)!.iterator()) await copy.put(key, value);
  return openMemory(copy);
}

const locations = new WeakMap<LevelBackend, string>();
async function openAt(location: string, level: BytesLevel): Promise<LevelBackend> {
  const backend = await LevelBackend.open(level);
  locations.set(backend, location);
  return backend;
}

/** The files as they are while the database is open: nothing was closed in order. */
async function crashedLocation(backend: LevelBackend): Promise<string> {
  const location = nextLocation();
  // A file may go in the middle: the database removes what it needs no more. Then once more, from the start.
  while (!(await copied(locations.get(backend)!, location)))
    await rm(location, { recursive: true, force: true });
  await rm(join(location, 'LOCK'), { force: true });
  return location;
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    await cp(from, to, { recursive: true });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

await backendSuite('LevelBackend over MemoryLevel', openMemory, crashMemory);
await backendSuite('LevelBackend over ClassicLevel', openClassic, async (backend) =>
  openClassic(await crashedLocation(backend)),
);
if (rocksAvailable()) {
  await backendSuite('LevelBackend over RocksLevel', openRocks, async (backend) =>
    openRocks(await crashedLocation(backend)),
  );
} else test.skip('LevelBackend over RocksLevel: this platform has no prebuilt RocksDB');

for (const [name, open] of [
  ['ClassicLevel', openClassic],
  ['RocksLevel', openRocks],
] as const) {
  const testOn = test.skipIf(name === 'RocksLevel' && !rocksAvailable());

  testOn(`what was written over ${name} is there after closing and opening again`, async () => {
    const location = nextLocation();
    {
      await using backend = await open(location);
      await backend.write([{ bucket: 'meta', key: fromUtf8('a'), value: fromUtf8('1') }], { sync: false });
    }
    await using backend = await open(location);
    expect(backend.get('meta', fromUtf8('a'))).toEqual(Buffer.from('1'));
  });

  testOn(`a second opener of a location of ${name} learns that it is locked`, async () => {
    const location = nextLocation();
    await using _first = await open(location);
    const error: unknown = await open(location).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BackendError);
    expect(codesOf(error)).toContain('LEVEL_LOCKED');
  });
}

test('disposing waits for writes that are under way, and twice is harmless', async () => {
  const backend = await openClassic();
  const write = backend.write([{ bucket: 'key', key: fromUtf8('a'), value: fromUtf8('1') }], { sync: true });
  await backend[Symbol.asyncDispose]();
  await expect(write).resolves.toBeUndefined();
  await backend[Symbol.asyncDispose]();
});

test('a closed backend answers with a BackendError that carries its cause', async () => {
  const backend = await openMemory();
  await backend[Symbol.asyncDispose]();
  expect(() => backend.get('key', fromUtf8('a'))).toThrow(BackendError);
  expect(() => backend.scan('key')).toThrow(BackendError);
  const error: unknown = await backend
    .write([{ bucket: 'key', key: fromUtf8('a'), value: undefined }], { sync: false })
    .catch((reason: unknown) => reason);
  expect(codesOf(error)).toEqual(['BACKEND_FAILED', 'LEVEL_DATABASE_NOT_OPEN']);
});

test('after a write that failed no later one goes through, so that no hole can survive', async () => {
  class FailingLevel extends MemoryLevel<Uint8Array, Uint8Array> {
    failures = 1;
    async _batch(): Promise<void> {
      if (this.failures-- > 0) throw new Error('disk full');
    }
  }
  await using backend = await LevelBackend.open(new FailingLevel({ ...bytes, storeEncoding: 'view' }));
  const change = [{ bucket: 'key', key: fromUtf8('a'), value: fromUtf8('1') }] as const;
  await expect(backend.write(change, { sync: false })).rejects.toThrow('disk full');
  await expect(backend.write(change, { sync: false })).rejects.toThrow('disk full');
});

test('a database whose keys are text is refused', async () => {
  const level = new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'utf8' });
  await expect(LevelBackend.open(level)).rejects.toThrow('keys of a backend are bytes');
});

test('rows as they were before there were two slots are the present ones', async () => {
  const level = newMemoryLevel();
  await level.put(fromUtf8('k/a'), fromUtf8('1'));
  await level.put(fromUtf8('t/b'), fromUtf8('2'));
  await using backend = await openMemory(level);
  expect(backend.get('key', fromUtf8('a'))).toEqual(fromUtf8('1'));
  expect(backend.get('meta', fromUtf8('b'))).toEqual(fromUtf8('2'));
  await (await backend.stage()).discard();
  expect(await keysOf(level)).toEqual(['k/a', 't/b']);
});

test('installing is one synced batch, the only one that touches what names the slots', async () => {
  const level = newMemoryLevel();
  const batch = vi.spyOn(level, 'batch');
  await using backend = await openMemory(level);
  const stage = await backend.stage();
  await stage.write([{ bucket: 'key', key: fromUtf8('a'), value: fromUtf8('1') }]);
  await stage.seal();
  await stage.install();
  await backend.write([{ bucket: 'key', key: fromUtf8('b'), value: fromUtf8('1') }], { sync: false });
  const seen = batch.mock.calls.map(([operations = [], options]: Parameters<BytesLevel['batch']> | []) => ({
    keys: operations.map(({ key }) => toUtf8(key)),
    isSync: options?.sync === true,
  }));
  expect(seen).toEqual([
    { keys: ['K/a'], isSync: false },
    { keys: ['!sealed'], isSync: true },
    { keys: ['!present', '!sealed'], isSync: true },
    { keys: ['K/b'], isSync: false },
  ]);
});

test('what is staged is synced now and then, so that the disk keeps up', async () => {
  const level = newMemoryLevel();
  const batch = vi.spyOn(level, 'batch');
  await using backend = await openMemory(level);
  const stage = await backend.stage();
  const value = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 32; i++) await stage.write([{ bucket: 'key', key: fromUtf8(`${i}`), value }]);
  const syncs = batch.mock.calls.filter(
    ([, options]: Parameters<BytesLevel['batch']> | []) => options?.sync === true,
  );
  expect(syncs).toHaveLength(4);
});

test('what is left of a stage, or of rows that were replaced, is removed when it is opened again', async () => {
  const level = newMemoryLevel();
  for (const key of ['!present', 'A/a', 'K/a', 'K/b', 'X/z', 'k/old', 't/old']) {
    await level.put(fromUtf8(key), fromUtf8('1'));
  }
  await using backend = await openMemory(level);
  expect(backend.get('key', fromUtf8('old'))).toBeUndefined();
  await (await backend.stage()).discard();
  expect(await keysOf(level)).toEqual(['!present', 'A/a', 'K/a', 'K/b', 'X/z']);
});

const oneRow = [{ bucket: 'key', key: fromUtf8('a'), value: fromUtf8('1') }] as const;

test('nobody waits for the removal of old rows but a new stage', async () => {
  const level = newMemoryLevel();
  const backend = await openMemory(level);
  await backend.write(oneRow, { sync: false });
  const removal = Promise.withResolvers<void>();
  const clear = level.clear.bind(level);
  vi.spyOn(level, 'clear').mockImplementation(async (range) => {
    await removal.promise;
    await clear({ ...range });
  });
  const first = await backend.stage();
  await first.seal();
  await first.install();
  await backend.write(oneRow, { sync: true });
  expect(await keysOf(level)).toEqual(['!present', 'K/a', 'k/a']);
  let isStaged = false;
  const second = backend.stage().then(() => (isStaged = true));
  await new Promise(setImmediate);
  expect(isStaged).toBe(false);
  removal.resolve();
  await second;
  expect(await keysOf(level)).toEqual(['!present', 'K/a']);
  await backend[Symbol.asyncDispose]();
});

test('when the removal of old rows fails, only staging does, until it is opened again', async () => {
  const level = newMemoryLevel();
  const backend = await openMemory(level);
  await backend.write(oneRow, { sync: false });
  vi.spyOn(level, 'clear').mockRejectedValue(new Error('disk full'));
  const first = await backend.stage();
  await first.seal();
  await first.install();
  await expect(backend.stage()).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  await backend.write(oneRow, { sync: true });
  await using next = await crashMemory(backend);
  await (await next.stage()).discard();
  expect(await keysOf(levels.get(next)!)).toEqual(['!present', 'K/a']);
  await backend[Symbol.asyncDispose]();
});

test.each([
  ['!present', '2'],
  ['!present', ''],
  ['!sealed', '0'],
])('a store whose row %s says %j is refused', async (key, value) => {
  const level = newMemoryLevel();
  await level.put(fromUtf8(key), fromUtf8(value));
  await expect(LevelBackend.open(level)).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
});

test('wherever a crash falls between two batches, the rows are the old ones or the new ones, and whole', async () => {
  const level = newMemoryLevel();
  const backend = await openMemory(level);
  const moments: { step: string; raw: [Uint8Array, Uint8Array][] }[] = [];
  const note = async (step: string): Promise<void> => {
    moments.push({ step, raw: await level.iterator().all() });
  };
  const rowsNamed = (name: string): BucketChange[] =>
    Array.from({ length: 5 }, (_, i) => ({
      bucket: 'key',
      key: fromUtf8(`${name}${i}`),
      value: fromUtf8('1'),
    }));
  await backend.write(rowsNamed('old'), { sync: true });
  await note('nothing');
  const stage = await backend.stage();
  for (const change of rowsNamed('new')) {
    await stage.write([change]);
    await note('filling');
  }
  await stage.seal();
  await note('sealed');
  vi.spyOn(level, 'clear').mockResolvedValue(); // So that no old row is gone yet.
  await stage.install();
  await note('installed');
  const { raw } = moments.at(-1)!;
  for (let removed = 1; removed <= 5; removed++) {
    moments.push({ step: 'removing', raw: raw.toSpliced(raw.length - removed, removed) });
  }
  await backend[Symbol.asyncDispose]();

  for (const { step, raw } of moments) {
    const crashed = newMemoryLevel();
    for (const [key, value] of raw) await crashed.put(key, value);
    await using next = await openMemory(crashed);
    const isInstalled = step === 'installed' || step === 'removing';
    expect(await textKeys(next)).toEqual(
      Array.from({ length: 5 }, (_, i) => `${isInstalled ? 'new' : 'old'}${i}`),
    );
    const found = await next.sealedStage();
    if (step !== 'sealed') expect(found).toBeUndefined();
    else expect(await textKeys(found!)).toEqual(['new0', 'new1', 'new2', 'new3', 'new4']);
    const again = await next.stage();
    expect(await textKeys(again)).toEqual([]);
  }
});

async function textKeys(reader: BackendReader): Promise<string[]> {
  return (await Array.fromAsync(reader.scan('key'))).flat().map(([key]) => toUtf8(key));
}

for (const [name, open] of [
  ['ClassicLevel', openClassic],
  ['RocksLevel', openRocks],
] as const) {
  test.skipIf(name === 'RocksLevel' && !rocksAvailable())(
    `the rows of a store go to a stage over ${name} and a second store goes on there`,
    async () => {
      const source = new MemoryBackend();
      const first = await MvccStore.open({ backend: source });
      for (let i = 0; i < 500; i++) await putAndStore(first, source, `k${i % 50}`, new Uint8Array(i));
      await using backend = await open();
      await backend.write([{ bucket: 'key', key: fromUtf8('of the old store'), value: fromUtf8('1') }], {
        sync: false,
      });
      await using snapshot = source.snapshot();
      const stage = await backend.stage();
      await stageEtcdRows(etcdRowsOf(snapshot), (changes) => stage.write(changes));
      const second = await MvccStore.open({ backend: stage, valueBudgetBytes: 0 });
      expect(second.range(all)).toEqual(first.range(all));
      await stage.seal();
      await stage.install();
      expect(second.range(all)).toEqual(first.range(all));
      for (const store of [first, second]) {
        await putAndStore(store, store === first ? source : backend, 'k1', fromUtf8('new'));
      }
      const third = await MvccStore.open({ backend });
      expect(await third.hashKv(0)).toEqual(await first.hashKv(0));
      expect(third.range(all)).toEqual(first.range(all));
    },
  );
}

async function putAndStore(
  store: MvccStore,
  backend: Backend,
  key: string,
  value: Uint8Array,
): Promise<void> {
  const txn = store.beginWrite();
  txn.put(fromUtf8(key), value, 0n);
  txn.end();
  const changes = new ChangeList();
  const token = store.drain(changes);
  await backend.write(changes.changes, { sync: false });
  store.markFlushed(token);
}

async function keysOf(level: Level): Promise<string[]> {
  return (await level.keys().all()).map((key) => toUtf8(key));
}

/** The codes of an error and of what caused it, outermost first. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code);
  }
  return codes;
}
