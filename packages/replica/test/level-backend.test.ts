import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { MemoryLevel } from 'memory-level';
import { afterAll, expect, test, vi } from 'vitest';
import { RocksLevel, rocksAvailable } from '@quorate/rocksdb-level';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { backendSuite } from '@quorate/std/testing';
import { BackendError, LevelBackend, type BytesLevel } from '../src/level-backend.ts';

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
  await cp(locations.get(backend)!, location, { recursive: true });
  await rm(join(location, 'LOCK'), { force: true });
  return location;
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
