import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { RocksLevel, rocksAvailable, type RocksLevelOptions } from '../src/index.ts';

const directory = await mkdtemp(join(tmpdir(), 'rocks-level-'));
let made = 0;
const nextLocation = (): string => join(directory, String(made++));

// Some tests start processes, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

afterAll(() => rm(directory, { recursive: true, force: true }));

async function open(
  location = nextLocation(),
  options?: RocksLevelOptions<string, string>,
): Promise<RocksLevel> {
  const db = new RocksLevel(location, options);
  await db.open();
  return db;
}

describe.skipIf(!rocksAvailable())('RocksLevel', () => {
  test('runs from the prebuilt engine, without its install script', () => {
    const engine = dirname(createRequire(import.meta.url).resolve('@nxtedition/rocksdb/package.json'));
    expect(existsSync(join(engine, 'build'))).toBe(false);
    expect(existsSync(join(engine, 'prebuilds', `${process.platform}-${process.arch}`))).toBe(true);
  });

  test('refuses a location that is no place', () => {
    expect(() => new RocksLevel('')).toThrow(TypeError);
  });

  test('reads several keys at once, now', async () => {
    await using db = await open();
    await db.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'put', key: 'b', value: '2' },
    ]);
    expect(db.getManySync(['b', 'nothing', 'a'])).toEqual(['2', undefined, '1']);
    expect(db.getManySync(['a'], { fillCache: false })).toEqual(['1']);
  });

  test('reads synchronously only while it is open', async () => {
    const db = await open();
    await db.close();
    const closed = expect.objectContaining({ code: 'LEVEL_DATABASE_NOT_OPEN' }) as Error;
    expect(() => db.getSync('a')).toThrow(closed);
    expect(() => db.getManySync(['a'])).toThrow(closed);
    expect(() => db.sizeBytes()).toThrow(closed);
  });

  test('keeps values of any size, in one batch', async () => {
    await using db = await open();
    const large = 'x'.repeat(3 * 1024 * 1024);
    await db.batch([
      { type: 'put', key: 'large', value: large },
      { type: 'put', key: 'small', value: '' },
    ]);
    expect(db.getSync('large')).toBe(large);
    expect(db.getSync('small')).toBe('');
    await db.put('after', '1');
    expect(db.getSync('after')).toBe('1');
  });

  test('a batch that a bad operation stops leaves nothing behind, not in the next one either', async () => {
    await using db = await open();
    const bad = { type: 'put', key: 'b', value: null as unknown as string } as const; // What JavaScript can do.
    await expect(db.batch([{ type: 'put', key: 'a', value: '1' }, bad])).rejects.toThrow();
    await db.put('c', '3');
    expect(await db.keys().all()).toEqual(['c']);
  });

  test('grows with what is stored, and tells properties of the engine', async () => {
    await using db = await open();
    const before = db.sizeBytes();
    for (let i = 0; i < 100; i++) await db.put(`key ${i}`, String(i).repeat(10_000));
    expect(db.sizeBytes()).toBeGreaterThan(before + 1_000_000);
    expect(Number(db.getProperty('rocksdb.estimate-num-keys'))).toBe(100);
    expect(db.getProperty('no such property')).toBe('');
  });

  test('an iterator stops early at a mark of bytes and goes on where it was', async () => {
    await using db = await open();
    for (let i = 0; i < 10; i++) await db.put(String(i), 'x'.repeat(1000));
    await using iterator = db.iterator({ highWaterMarkBytes: 2500 });
    const sizes: number[] = [];
    for (let rows = await iterator.nextv(100); rows.length > 0; rows = await iterator.nextv(100)) {
      sizes.push(rows.length);
    }
    expect(sizes).toEqual([3, 3, 3, 1]);
  });

  test('closing waits for reads that are under way', async () => {
    const db = await open();
    await db.put('a', '1');
    const reads = Array.from({ length: 100 }, () => db.get('a'));
    await Promise.resolve();
    await db.close();
    expect(new Set(await Promise.all(reads))).toEqual(new Set(['1']));
  });

  test('takes all tuning that it offers', async () => {
    const location = nextLocation();
    const options = {
      blockCacheSize: 1024 * 1024,
      compression: 'zstd' as const,
      writeBufferSize: 1024 * 1024,
      blockSize: 4096,
      backgroundThreads: 2,
    };
    await using db = await open(location, options);
    for (let i = 0; i < 64; i++) await db.put(`key ${i}`, String(i).repeat(32 * 1024));
    expect(await db.keys().all()).toHaveLength(64);
  });

  test.each([
    [undefined, ''],
    ['zstd', 'kNoCompression:kNoCompression:kZSTD:'],
    ['none', ''],
  ] as const)('packs the colder levels, or nothing: compression %s', async (compression, perLevel) => {
    const location = nextLocation();
    await (await open(location, { compression })).close();
    const file = (await readdir(location)).find((name) => name.startsWith('OPTIONS-')) ?? '';
    const options = await readFile(join(location, file), 'utf8');
    expect(/compression_per_level=(\S+)/.exec(options)?.[1] ?? '').toContain(perLevel);
    expect(/\n {2}compression=(\w+)/.exec(options)?.[1]).toBe(
      compression === 'zstd' ? 'kZSTD' : 'kNoCompression',
    );
    expect(options).toContain('\n  wal_compression=kNoCompression');
    expect(options).toContain('\n  wal_recovery_mode=kPointInTimeRecovery');
  });

  test('what the log alone had is there after opening again', async () => {
    const location = nextLocation();
    {
      await using db = await open(location);
      await db.put('a', '1');
    }
    await using db = await open(location);
    expect(db.getSync('a')).toBe('1');
  });

  test('a location that somebody has open is locked, in this process and in others', async () => {
    const location = nextLocation();
    await using _first = await open(location);
    const locked = {
      code: 'LEVEL_DATABASE_NOT_OPEN',
      cause: expect.objectContaining({ code: 'LEVEL_LOCKED' }) as Error,
    };
    await expect(open(location)).rejects.toMatchObject(locked);
    const { code } = await inOtherProcess(`
      const db = new RocksLevel(${JSON.stringify(location)});
      await db.open().then(
        () => process.exit(1),
        (error) => process.exit(error.cause.code === 'LEVEL_LOCKED' ? 42 : 2),
      );
    `);
    expect(code).toBe(42);
  });

  test.each([false, true])('what was written (sync: %s) outlives the death of the process', async (sync) => {
    const location = nextLocation();
    const { signal } = await inOtherProcess(`
      const db = new RocksLevel(${JSON.stringify(location)});
      for (let i = 0; i < 100; i++) {
        await db.batch([{ type: 'put', key: String(i), value: 'x' }], { sync: ${sync} });
      }
      const chained = db.batch().put('chained', 'y');
      await chained.write({ sync: ${sync} });
      process.kill(process.pid, 'SIGKILL');
    `);
    expect(signal).toBe('SIGKILL');
    await using db = await open(location);
    expect(await db.keys().all()).toHaveLength(101);
    expect(db.getSync('chained')).toBe('y');
  });

  test('clears a range, all of it or the first few rows', async () => {
    await using db = await open();
    for (const key of 'abcdef') await db.put(key, key);
    await db.clear({ gte: 'b', limit: 2 });
    expect(await db.keys().all()).toEqual(['a', 'd', 'e', 'f']);
    await db.clear({ limit: 1, reverse: true });
    expect(await db.keys().all()).toEqual(['a', 'd', 'e']);
    await db.clear({ lt: 'e' });
    expect(await db.keys().all()).toEqual(['e']);
    await db.clear();
    expect(await db.keys().all()).toEqual([]);
  });

  test('an unfinished location opens only when it may be made', async () => {
    const location = nextLocation();
    await expect(open(location, { createIfMissing: false })).rejects.toMatchObject({
      code: 'LEVEL_DATABASE_NOT_OPEN',
    });
    await (await open(location)).close();
    expect((await readdir(location)).some((file) => file.endsWith('.log'))).toBe(true);
    await expect(open(location, { errorIfExists: true })).rejects.toMatchObject({
      code: 'LEVEL_DATABASE_NOT_OPEN',
    });
  });
});

/** Runs a module that may use `RocksLevel`, in this package's folder. */
async function inOtherProcess(code: string): Promise<{ code: unknown; signal: unknown }> {
  const module = `import { RocksLevel } from '@quorate/rocksdb-level';\n${code}`;
  const child = spawn(
    process.execPath,
    ['--no-warnings', '--input-type=module-typescript', '--eval', module],
    { cwd: import.meta.dirname, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [exitCode, signal] = (await once(child, 'exit')) as unknown[]; // The event's arguments.
  return { code: exitCode, signal };
}
