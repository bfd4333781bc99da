import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BoltWriter } from '@quorate/bolt';
import { Client } from '@quorate/client';
import { etcdBinFolder, freePort, startRealEtcd, type StartedServer } from '@quorate/client/testing';
import { fromUtf8 } from '@quorate/std';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { etcdctl, quoratectl, type Tool } from './differential/tools.ts';

// Servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-ctl-'));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

describe.skipIf(etcdBinFolder === undefined)('snapshot save (set QUORATE_ETCD_BIN to run)', () => {
  let server: StartedServer;
  let folder: string;

  beforeAll(async () => {
    server = await startRealEtcd(etcdBinFolder ?? '');
    await using client = new Client({ endpoints: [server.endpoint] });
    for (let i = 0; i < 8; i++) await client.put(`k${i}`, new Uint8Array(300_000).fill(i));
  });

  afterAll(() => server[Symbol.asyncDispose]());

  beforeEach(async () => {
    folder = await newFolder();
  });

  test('writes the very file that etcdctl writes, for its owner alone, and leaves no other', async () => {
    // The first one makes the server write what is pending.
    const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')];
    const save = (tool: Tool, file: string) =>
      tool({ argv: ['snapshot', 'save', file, `--endpoints=${server.endpoint}`] });
    await save(etcdctl(etcdBinFolder ?? ''), theirs);
    await save(etcdctl(etcdBinFolder ?? ''), theirs);
    expect(await save(quoratectl, ours)).toEqual({
      stdout: `Snapshot saved at ${ours}\n`,
      stderr: '',
      code: 0,
    });
    const [expected, actual] = [await readFile(theirs), await readFile(ours)];
    // The first two pages count the snapshots that were made.
    const pagesOf = (bytes: Buffer) => bytes.subarray(2 * 4096, -32);
    expect(actual.length).toBe(expected.length);
    expect(pagesOf(actual).equals(pagesOf(expected))).toBe(true);
    const sha256 = createHash('sha256').update(actual.subarray(0, -32)).digest();
    expect(sha256.equals(actual.subarray(-32))).toBe(true);
    expect((await stat(ours)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['ours', 'theirs']);
  });

  test('replaces an older file', async () => {
    const file = join(folder, 'twice');
    const argv = ['snapshot', 'save', file, `--endpoints=${server.endpoint}`];
    await quoratectl({ argv });
    const { size } = await stat(file);
    expect((await quoratectl({ argv })).code).toBe(0);
    expect((await stat(file)).size).toBe(size);
    expect(await readdir(folder)).toEqual(['twice']);
  });
});

test('a snapshot that nobody sends leaves no file behind', async () => {
  const folder = await newFolder();
  const endpoint = `--endpoints=127.0.0.1:${await freePort()}`;
  const argv = ['snapshot', 'save', join(folder, 'none'), endpoint, '--dial-timeout=50ms'];
  const { stdout, stderr, code } = await quoratectl({ argv });
  expect([stdout, code]).toEqual(['', 5]);
  expect(stderr).toMatch(/^Error: .+\n$/);
  expect(await readdir(folder)).toEqual([]);
});

describe('snapshot status', () => {
  let file: string;

  /** A database of two buckets, with its checksum behind it. */
  async function database(): Promise<Buffer> {
    const key = (main: number) => {
      const bytes = Buffer.alloc(17, '_');
      bytes.writeBigInt64BE(BigInt(main));
      return bytes;
    };
    const writer = await BoltWriter.plan([
      {
        name: 'key',
        rows: async function* () {
          yield [
            [key(2), fromUtf8('a')],
            [key(258), fromUtf8('b')],
          ];
        },
      },
      {
        name: 'meta',
        rows: async function* () {
          yield [[fromUtf8('term'), fromUtf8('1')]];
        },
      },
    ]);
    const bytes = Buffer.concat(await Array.fromAsync(writer.chunks()));
    return Buffer.concat([bytes, createHash('sha256').update(bytes).digest()]);
  }

  const status = (...flags: string[]) => quoratectl({ argv: ['snapshot', 'status', file, ...flags] });

  beforeEach(async () => {
    file = join(await newFolder(), 'snapshot.db');
  });

  test('tells hash, revision, rows of all buckets and size, with and without a checksum', async () => {
    const bytes = await database();
    await writeFile(file, bytes);
    const whole = await status('-w', 'json');
    expect(JSON.parse(whole.stdout)).toMatchObject({
      revision: 258,
      totalKey: 3,
      totalSize: bytes.length - 32,
    });
    await writeFile(file, bytes.subarray(0, -32));
    expect(await status('-w', 'json')).toEqual(whole);
  });

  test('finds a byte that is not what it was when the snapshot was taken', async () => {
    const bytes = await database();
    const at = bytes.length - 33;
    bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
    await writeFile(file, bytes);
    const { stdout, stderr, code } = await status();
    expect([stdout, code]).toEqual(['', 1]);
    expect(stderr).toMatch(/^Error: expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}\n$/);
  });

  test('refuses a database that was cut off', async () => {
    const bytes = await database();
    await writeFile(file, bytes.subarray(0, bytes.length - 32 - 4096));
    const { stderr, code } = await status();
    expect(stderr).toMatch(/^Error: snapshot file integrity check failed\. .+\n$/);
    expect(code).toBe(1);
  });

  test('refuses what is no database, and what is not there', async () => {
    expect((await status()).stderr).toBe(`Error: stat ${file}: no such file or directory\n`);
    await writeFile(file, 'x'.repeat(10_000));
    expect((await status()).stderr).toBe('Error: invalid database\n');
    await writeFile(file, '');
    expect((await status()).stderr).toBe('Error: invalid database\n');
    file = await newFolder();
    expect((await status()).code).toBe(1);
  });

  test('has no protobuf form', async () => {
    await writeFile(file, await database());
    expect(await status('-w', 'protobuf')).toEqual({
      stdout: '',
      stderr: 'Error: protobuf not supported as output format\n',
      code: 4,
    });
  });

  test('takes one file', async () => {
    const { stderr, code } = await quoratectl({ argv: ['snapshot', 'status'] });
    expect([stderr, code]).toEqual(['Error: snapshot status requires exactly one argument\n', 128]);
  });

  test.skipIf(etcdBinFolder === undefined)(
    'says what etcdutl says of files of real etcd and of ours (set QUORATE_ETCD_BIN to run)',
    async () => {
      await using server = await startRealEtcd(etcdBinFolder ?? '');
      await using client = new Client({ endpoints: [server.endpoint] });
      const { ID } = await client.lease.grant({ ttlSeconds: 1000 });
      for (let i = 0; i < 1_500; i++) await client.put(`k${i % 700}`, `${i}`.repeat(i % 90), { lease: ID });
      await client.put('large', new Uint8Array(1_000_000).fill(7));
      await client.delete({ prefix: 'k1' });
      await client.kv.compact({ revision: 300n, physical: true });
      const saved = `${file}-of-etcd`;
      await quoratectl({ argv: ['snapshot', 'save', saved, `--endpoints=${server.endpoint}`] });
      await writeFile(file, await database());
      for (const path of [saved, file]) {
        for (const format of ['simple', 'json', 'fields', 'table']) {
          const argv = ['snapshot', 'status', path, '-w', format];
          const { stdout } = await promisify(execFile)(join(etcdBinFolder ?? '', 'etcdutl'), argv, {
            encoding: 'latin1',
          });
          expect(await quoratectl({ argv })).toEqual({ stdout, stderr: '', code: 0 });
        }
      }
    },
  );
});
