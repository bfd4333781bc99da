import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { BoltWriter, type BoltFile } from '../src/index.ts';
import { EtcdProcess, etcdBin, etcdutl, type JsonCount, type JsonKeyValue } from './etcd-process.ts';
import { liveKeys, statusHash } from './etcd-rows.ts';
import { bucketsOf, contentsOf, manyRows, openBytes, row, rowsOf, write, type Contents } from './helpers.ts';

/**
 * A database that etcd 3.5.30 wrote in the life that `live` is, stopped: with free pages, overflow pages, tombstones,
 * inline buckets and a file that was grown ahead. `REWRITE=1` with a real etcd makes it and what is known of it anew.
 */
const vector = new URL('./vectors/etcd-3.5.30.db.gz', import.meta.url);
const vectorFacts = new URL('./vectors/etcd-3.5.30.json.gz', import.meta.url);

/** What a real etcd says of a database. */
interface Facts {
  readonly hash: number;
  readonly revision: number;
  readonly kvs: readonly JsonKeyValue[];
}

/** A file must hold just what etcd says it does. */
async function expectFacts(file: BoltFile, facts: Facts): Promise<void> {
  const check = await file.check();
  expect(check.bucketCount).toBe(10);
  expect(await statusHash(file)).toBe(facts.hash);
  const kvs = facts.kvs.map(({ key, value = '', mod_revision }) => ({
    key,
    value,
    mod_revision: Number(mod_revision),
  }));
  expect(liveKeys(await rowsOf(file, 'key'))).toEqual(kvs);
}

/** All rows of a file, written anew. */
async function rewrite(file: BoltFile): Promise<Uint8Array> {
  const names = await file.bucketNames();
  return write(names.map((name) => ({ name, rows: () => file.rows(name) })));
}

test('a database that etcd 3.5.30 wrote is read row by row, free pages and all', async () => {
  const bytes = gunzipSync(await readFile(vector));
  const facts = JSON.parse(gunzipSync(await readFile(vectorFacts)).toString()) as Facts; // Written by `keepVector` below.
  const file = await openBytes(bytes);
  await expectFacts(file, facts);
  expect((await file.check()).freePageCount).toBeGreaterThan(10);
  expect(bytes.length).toBeGreaterThan(file.sizeBytes);
});

test('a database that etcd 3.5.30 wrote keeps its rows when it is written anew, in fewer pages', async () => {
  const theirs = await openBytes(gunzipSync(await readFile(vector)));
  const ours = await openBytes(await rewrite(theirs));
  expect(await statusHash(ours)).toBe(await statusHash(theirs));
  expect((await ours.check()).pageCount).toBeLessThan((await theirs.check()).pageCount);
  expect((await ours.check()).freePageCount).toBe(0);
});

if (etcdBin === undefined) {
  for (const name of [
    'databases of a living etcd are read as it answers: snapshots, free pages, after defragmentation',
    'etcdutl and a real etcd take what we write for their own, and go on in it',
    'a large database of ours is one that etcdutl reads',
    'etcdutl finds no fault in trees of any shape',
  ])
    test.skip(`${name} (set QUORATE_ETCD_BIN to its folder)`, () => undefined);
} else {
  const bin = etcdBin;

  test(
    'databases of a living etcd are read as it answers: snapshots, free pages, after defragmentation',
    { timeout: 120_000 },
    async () => {
      await inFolder(async (root) => {
        const data = join(root, 'data');
        const db = join(data, 'member/snap/db');
        const etcd = await EtcdProcess.start(bin, data);
        await using _ = etcd;
        await live(etcd);
        const { kvs, revision } = await etcd.all();
        const snapshot = join(root, 'snapshot');
        await etcd.ctl('snapshot', 'save', snapshot);
        const saved = await openBytes(await readFile(snapshot));
        await expectFacts(saved, { kvs, revision, hash: (await statusOf(bin, snapshot)).hash });
        expect(saved.sizeBytes + 32).toBe((await readFile(snapshot)).length);
        expect((await saved.check()).freePageCount).toBeGreaterThan(10);

        await etcd.stop();
        const facts = { kvs, revision, hash: (await statusOf(bin, db)).hash };
        await expectFacts(await openBytes(await readFile(db)), facts);
        await keepVector(db, facts);

        await etcdutl(bin, 'defrag', '--data-dir', data);
        const defragmented = await openBytes(await readFile(db));
        await expectFacts(defragmented, { kvs, revision, hash: (await statusOf(bin, db)).hash });
        expect((await defragmented.check()).pageCount).toBeLessThan((await saved.check()).pageCount);
      });
    },
  );

  test(
    'etcdutl and a real etcd take what we write for their own, and go on in it',
    { timeout: 120_000 },
    async () => {
      await inFolder(async (root) => {
        const data = join(root, 'data');
        const db = join(data, 'member/snap/db');
        let hashes: string[] = [];
        {
          await using etcd = await EtcdProcess.start(bin, data);
          await live(etcd);
          hashes = await hashesOf(etcd);
          await etcd.stop();
        }
        const theirs = join(root, 'theirs');
        await copyFile(db, theirs);
        const bytes = await rewrite(await openBytes(await readFile(db)));
        const ours = join(root, 'ours');
        await writeFile(ours, bytes);

        const status = await statusOf(bin, ours);
        expect(status).toMatchObject({ totalSize: bytes.length });
        expect({ ...status, totalSize: 0 }).toEqual({ ...(await statusOf(bin, theirs)), totalSize: 0 });

        // In the place of its own database.
        await writeFile(db, bytes);
        const kvs = await goOn(bin, data, async (etcd) => {
          expect(await hashesOf(etcd)).toEqual(hashes);
        });
        await expectFacts(await openBytes(await readFile(db)), {
          kvs,
          revision: 0,
          hash: (await statusOf(bin, db)).hash,
        });

        // Restored: without the checksum of a snapshot, and with it.
        const before = liveKeys(await rowsOf(await openBytes(bytes), 'key'));
        const trailer = createHash('sha256').update(bytes).digest();
        await writeFile(`${ours}-sealed`, Buffer.concat([bytes, trailer]));
        for (const args of [[ours, '--skip-hash-check'], [`${ours}-sealed`]]) {
          const restored = join(root, 'restored');
          await etcdutl(bin, 'snapshot', 'restore', ...args, '--data-dir', restored);
          const answered = await goOn(bin, restored, async (etcd) => {
            expect((await etcd.all()).kvs.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
          });
          const file = await openBytes(await readFile(join(restored, 'member/snap/db')));
          await file.check();
          expect(liveKeys(await rowsOf(file, 'key'))).toHaveLength(answered.length);
          await rm(restored, { recursive: true });
        }
      });
    },
  );

  test('a large database of ours is one that etcdutl reads', { timeout: 120_000 }, async () => {
    await inFolder(async (root) => {
      const theirs = await openBytes(gunzipSync(await readFile(vector)));
      const contents = await contentsOf(theirs);
      const count = 150_000;
      const buckets = Object.keys(contents).map((name) => ({
        name,
        async *rows() {
          if (name !== 'key') yield contents[name]!;
          else for (let i = 0; i < count; i += 1000) yield revisions(i + 2, i + 1002);
        },
      }));
      // Values of 200 bytes: some 9000 leaf pages, so that branch pages have branch pages above them.
      const writer = await BoltWriter.plan(buckets);
      const path = join(root, 'large');
      await writeFile(path, writer.chunks());
      const status = await statusOf(bin, path);
      expect(status).toMatchObject({ totalSize: writer.sizeBytes, revision: count + 1 });
      const file = await openBytes(await readFile(path));
      expect(status.hash).toBe(await statusHash(file));
      await file.check();
    });
  });

  test('etcdutl finds no fault in trees of any shape', { timeout: 120_000 }, async () => {
    await inFolder(async (root) => {
      const shapes: Contents = {
        empty: [],
        'inline and full': [row('k', new Uint8Array(991))],
        'long keys': manyRows(50, 10, 'k'.repeat(32_760)),
        'keys of half a page': manyRows(200, 100, 'k'.repeat(2000)),
        'large values': manyRows(20, 300_000),
        'one row': [row('k', new Uint8Array(100_000))],
        small: manyRows(100_000, 1),
      };
      const path = join(root, 'shapes');
      for (const options of [{}, { fillPercent: 0.3 }, { pageSizeBytes: 1024 }, { pageSizeBytes: 65_536 }]) {
        const bytes = await write(bucketsOf(shapes), options);
        await writeFile(path, bytes);
        const status = await statusOf(bin, path);
        expect(status.hash).toBe(await statusHash(await openBytes(bytes)));
        expect(status.totalSize).toBe(bytes.length);
      }
    });
  });
}

/** Puts of all sizes, deletes, a lease, users, compaction: leaves many free pages behind. */
async function live(etcd: EtcdProcess): Promise<void> {
  for (let i = 0; i < 1500; i++) await etcd.put(`key-${i % 300}`, `${i} `.repeat((i * 7) % 50));
  for (let i = 0; i < 300; i += 3) await etcd.delete(`key-${i}`);
  for (let i = 0; i < 6; i++) await etcd.put(`large-${i}`, String.fromCharCode(97 + i).repeat(3000 * 2 ** i));
  const { ID } = await etcd.call<{ ID: JsonCount }>('lease/grant', { TTL: 100_000 });
  await etcd.call('kv/put', { key: btoa('leased'), value: btoa('for long'), lease: ID });
  await etcd.ctl('user', 'add', 'root:secret');
  await etcd.ctl('role', 'add', 'reader');
  const { revision } = await etcd.all();
  await etcd.call('kv/compaction', { revision: revision - 100, physical: true });
  for (let i = 0; i < 100; i++) await etcd.put(`late-${i}`, 'x'.repeat(i));
}

/** HashKV at the newest revision and at some before it. */
async function hashesOf(etcd: EtcdProcess): Promise<string[]> {
  const { revision } = await etcd.all();
  const hashes: string[] = [];
  for (const back of [0, 1, 50, 99])
    hashes.push((await etcd.ctl('endpoint', 'hashkv', '--rev', String(revision - back))).split(', ').at(-1)!);
  return hashes;
}

/** Starts etcd on a directory, looks, and has it write, delete, compact and defragment; the keys at the end. */
async function goOn(
  bin: string,
  data: string,
  look: (etcd: EtcdProcess) => Promise<void> = () => Promise.resolve(),
): Promise<readonly JsonKeyValue[]> {
  await using etcd = await EtcdProcess.start(bin, data);
  await look(etcd);
  for (let i = 0; i < 300; i++) await etcd.put(`more-${i}`, 'm'.repeat(i * 5));
  for (let i = 0; i < 100; i++) await etcd.delete(`key-${i}`);
  const { revision } = await etcd.all();
  await etcd.call('kv/compaction', { revision, physical: true });
  await etcd.ctl('defrag');
  for (let i = 0; i < 100; i++) await etcd.put(`last-${i}`, 'l'.repeat(i));
  const { kvs } = await etcd.all();
  await etcd.stop();
  return kvs;
}

/** Rows of bucket `key`: one put a revision, of a key of its own. */
function revisions(first: number, endExclusive: number): [Uint8Array, Uint8Array][] {
  const rows: [Uint8Array, Uint8Array][] = [];
  for (let revision = first; revision < endExclusive; revision++) {
    const key = Buffer.alloc(17);
    key.writeBigUInt64BE(BigInt(revision));
    key[8] = 0x5f;
    const user = Buffer.from(`user-key-${String(revision).padStart(8, '0')}`);
    const number = Buffer.from([(revision & 0x7f) | 0x80, ((revision >> 7) & 0x7f) | 0x80, revision >> 14]);
    const value = Buffer.concat([
      Buffer.from([0x0a, user.length]),
      user,
      Buffer.from([0x10]),
      number,
      Buffer.from([0x18]),
      number,
      Buffer.from([0x20, 1, 0x2a, 0xc8, 0x01]),
      Buffer.alloc(200, revision),
    ]);
    rows.push([key, value]);
  }
  return rows;
}

interface Status {
  readonly hash: number;
  readonly revision: number;
  readonly totalKey: number;
  readonly totalSize: number;
}

async function statusOf(bin: string, path: string): Promise<Status> {
  return JSON.parse(await etcdutl(bin, 'snapshot', 'status', path, '-w', 'json')) as Status; // Its own format.
}

async function keepVector(db: string, facts: Facts): Promise<void> {
  if (process.env['REWRITE'] === undefined) return;
  await mkdir(new URL('.', vector), { recursive: true });
  await writeFile(vector, gzipSync(await readFile(db), { level: 9 }));
  await writeFile(vectorFacts, gzipSync(JSON.stringify(facts), { level: 9 }));
}

async function inFolder(action: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'quorate-bolt-etcd-'));
  try {
    await action(root);
  } finally {
    await rm(root, { recursive: true });
  }
}
