import { cp, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RocksLevel, rocksAvailable } from '../src/index.ts';

/** Rows of a batch, beside the one that counts the batches. */
const batchRows = 5;
const batchCount = 60;

const directory = await mkdtemp(join(tmpdir(), 'rocks-level-crash-'));
const original = join(directory, 'original');
let made = 0;

/**
 * Batch `n` sets rows `n/0` … `n/4`, deletes those of the batch before, and sets `count` to `n`: whatever is
 * missing or left over shows.
 */
async function writeBatches(db: RocksLevel): Promise<void> {
  for (let n = 1; n <= batchCount; n++) {
    const batch = db.batch();
    for (let row = 0; row < batchRows; row++) {
      batch.put(`${n}/${row}`, 'x'.repeat(100 * n));
      batch.del(`${n - 1}/${row}`);
    }
    await batch.put('count', String(n)).write();
  }
}

/** What is there must be what exactly one batch left. */
async function checkWhole(location: string): Promise<number> {
  await using db = new RocksLevel(location);
  await db.open();
  const count = Number(db.getSync('count') ?? '0');
  const expected = count === 0 ? [] : Array.from({ length: batchRows }, (_, row) => `${count}/${row}`);
  expect(await db.keys({ lt: 'count' }).all()).toEqual(expected);
  for (const value of await db.values({ lt: 'count' }).all()) expect(value).toHaveLength(100 * count);
  return count;
}

async function newestLog(location: string): Promise<string> {
  const logs = (await readdir(location)).filter((file) => file.endsWith('.log')).sort();
  return join(location, logs.at(-1) ?? '');
}

describe.skipIf(!rocksAvailable())('after a loss of power', () => {
  beforeAll(async () => {
    const location = join(directory, 'live');
    await using db = new RocksLevel(location);
    await db.open();
    await writeBatches(db);
    // The files as they are while the database is open: nothing was closed in order.
    await cp(location, original, { recursive: true });
    await rm(join(original, 'LOCK'), { force: true });
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const crashed = async (damage: (log: string, size: number) => Promise<void>): Promise<number> => {
    const location = join(directory, `crashed-${made++}`);
    await cp(original, location, { recursive: true });
    const log = await newestLog(location);
    await damage(log, (await stat(log)).size);
    const count = await checkWhole(location);
    await rm(location, { recursive: true });
    return count;
  };

  test('nothing is missing when the log is whole', async () => {
    expect(await crashed(async () => {})).toBe(batchCount);
  });

  test('batches are missing from the end, and whole ones, wherever the log was cut off', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), async (part) => {
        await crashed(async (log, size) => {
          await using file = await open(log, 'r+');
          await file.truncate(Math.floor(size * part));
        });
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  test('batches are missing from the end, and whole ones, when blocks of the log were never written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(512, 4096),
        async (part, hole) => {
          const count = await crashed(async (log, size) => {
            await using file = await open(log, 'r+');
            await file.write(new Uint8Array(hole), 0, hole, Math.floor(Math.max(0, size - hole) * part));
          });
          expect(count).toBeLessThan(batchCount);
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);
});
