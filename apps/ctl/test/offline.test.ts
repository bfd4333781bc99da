import { BoltWriter, type BoltRow } from '@quorate/bolt';
import { etcdBinFolder } from '@quorate/client/testing';
import { openStore } from '@quorate/data-dir';
import { buckets, crc32c, fromHex, fromUtf8 } from '@quorate/std';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { quoratectl, utf8, type Outcome } from './differential/tools.ts';

const keyRows: readonly BoltRow[] = [
  [fromHex('00000000000000025f0000000000000000'), fromHex('0a01611002180220012a0178')],
  [fromHex('00000000000000035f0000000000000000'), fromHex('0a01621003180320012a0179')],
];
const hash = keyRows.reduce((crc, [key, value]) => crc32c(value, crc32c(key, crc)), crc32c(fromUtf8('key')));

let folder: string;
/** A snapshot with two keys, at revision 3, compacted at 2. */
let snapshot: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-ctl-offline-'));
  snapshot = join(folder, 'snapshot.db');
  const database = await databaseOf({
    key: keyRows,
    meta: [
      [fromUtf8('confState'), fromUtf8('{"voters":[1],"auto_leave":false}')],
      [fromUtf8('finishedCompactRev'), fromHex('00000000000000025f0000000000000000')],
      [fromUtf8('scheduledCompactRev'), fromHex('00000000000000025f0000000000000000')],
      [fromUtf8('term'), fromHex('0000000000000002')],
    ],
  });
  writeFileSync(snapshot, Buffer.concat([database, createHash('sha256').update(database).digest()]));
  writeFileSync(join(folder, 'bare.db'), database);
  writeFileSync(join(folder, 'cut.db'), Buffer.from(database).subarray(0, 4096));
  const bad = Buffer.concat([database, createHash('sha256').update(database).digest()]);
  bad.writeUInt8(bad.readUInt8(9_000) ^ 1, 9_000);
  writeFileSync(join(folder, 'bad.db'), bad);
  mkdirSync(join(folder, 'full'));
  writeFileSync(join(folder, 'full/file'), 'precious');
});
afterAll(() => rmSync(folder, { recursive: true }));

let dataDir: string;
let count = 0;
beforeEach(() => {
  dataDir = join(folder, `data-${++count}`);
});

/** Runs a command line in which `{…}` are names of files in the folder, and `{data}` is a new data directory. */
const run = (line: string): Promise<Outcome> => quoratectl({ argv: argvOf(line) });

describe('snapshot restore', () => {
  test('makes a member, and says on stderr which', async () => {
    const { stdout, stderr, code } = await run('snapshot restore {snapshot.db} --data-dir={data}');
    expect({ stdout, stderr, code }).toEqual({
      stdout: '',
      stderr: `Restored to ${dataDir}: member 8e9e05c52164694d of cluster cdf818194e3a8c32, revision 3\n`,
      code: 0,
    });
    expect(readdirSync(join(dataDir, 'member')).sort()).toEqual(['snap', 'store', 'wal']);
  });

  test('raises revisions, and keeps the log where it is told to', async () => {
    const bump = '--bump-revision=1000 --mark-compacted';
    const wal = `--wal-dir=${dataDir}.wal`;
    expect((await run(`snapshot restore {snapshot.db} --data-dir={data} ${bump} ${wal}`)).stderr).toContain(
      'revision 1003',
    );
    expect(existsSync(join(dataDir, 'member/wal'))).toBe(false);
    expect(readdirSync(`${dataDir}.wal`)).toHaveLength(1);
    expect((await run('hashkv {data}')).stdout).toMatch(/^\d+, 1003, 1003\n$/);
  });

  test('names other members', async () => {
    const cluster = '--initial-cluster=a=http://127.0.0.1:1,b=http://127.0.0.1:2 --initial-cluster-token=t';
    const self = '--name=b --initial-advertise-peer-urls=http://127.0.0.1:2';
    expect(
      (await run(`snapshot restore {bare.db} --skip-hash-check --data-dir={data} ${cluster} ${self}`)).code,
    ).toBe(0);
  });
});

describe('at rest', () => {
  test('hash and status are told in all formats, of a file and of a directory', async () => {
    await run('snapshot restore {snapshot.db} --data-dir={data}');
    for (const source of ['{snapshot.db}', '{data}', '--data-dir={data}']) {
      expect(await run(`hashkv ${source}`)).toMatchObject({
        stdout: `${hash}, 3, 2\n`,
        stderr: '',
        code: 0,
      });
    }
    expect((await run('hashkv {data} -w json')).stdout).toBe(
      `{"hash":${hash},"hashRevision":3,"compactRevision":2}\n`,
    );
    expect((await run('hashkv {data} -w fields')).stdout).toBe(
      `"Hash" : ${hash}\n"Hash revision" : 3\n"Compact revision" : 2\n`,
    );
    expect((await run('hashkv {data} -w table')).stdout).toContain(
      utf8(`│ ${hash} │             3 │                2 │`),
    );
    expect(await run('hashkv {data} -w protobuf')).toMatchObject({
      stderr: 'Error: protobuf not supported as output format\n',
      code: 4,
    });
    expect(JSON.parse((await run('snapshot status {data} -w json')).stdout)).toMatchObject({ revision: 3 });
  });

  test('a hash that cannot be is refused in the words of etcd', async () => {
    const errors = { '--rev=1': 'has been compacted', '--rev=9': 'is a future revision' };
    for (const [flag, text] of Object.entries(errors)) {
      expect(await run(`hashkv {snapshot.db} ${flag}`)).toMatchObject({
        stderr: `Error: mvcc: required revision ${text}\n`,
        code: 1,
      });
    }
  });

  test('defrag and migrate of a data directory leave the hash as it is', async () => {
    await run('snapshot restore {snapshot.db} --data-dir={data}');
    expect(await run('defrag --data-dir={data}')).toMatchObject({
      stdout: '',
      stderr: `Finished defragmenting ${dataDir}\n`,
      code: 0,
    });
    const migrate = (version: string) => run(`migrate --data-dir={data} --target-version=${version}`);
    expect((await migrate('3.6')).stderr).toBe('updated storage version from 3.5 to 3.6\n');
    expect((await migrate('3.6')).stderr).toBe('storage version up-to-date (3.6)\n');
    expect(await migrate('3.6.0')).toMatchObject({
      stderr: 'Error: wrong target version format, expected "X.Y", got "3.6.0"\n',
      code: 128,
    });
    expect(await migrate('3.4')).toMatchObject({
      stderr: 'Error: target version "3.4" not supported. Minimal "3.5"\n',
      code: 128,
    });
    expect(await run('migrate --data-dir={data}')).toMatchObject({
      stderr: 'Error: required flag(s) "target-version" not set\n',
      code: 1,
    });
    expect((await run('hashkv {data}')).stdout).toBe(`${hash}, 3, 2\n`);
  });

  test('what is not there, or something else, is said so', async () => {
    cpSync(join(folder, 'full'), dataDir, { recursive: true });
    const none = `${dataDir} holds no member: neither the store of Quorate (member/store) nor the database of an etcd (member/snap/db)`;
    expect((await run('hashkv {data}')).stderr).toBe(`Error: ${none}\n`);
    expect(await run('defrag --data-dir={data}')).toMatchObject({
      stderr: `Error: Failed to defragment etcd data[${dataDir}] (${none})\n`,
      code: 1,
    });
    expect((await run('hashkv {missing}')).stderr).toBe(
      `Error: stat ${join(folder, 'missing')}: no such file or directory\n`,
    );
    expect((await run('hashkv')).stderr).toBe(
      'Error: accepts 1 arg(s), received 0: give a file, or --data-dir\n',
    );
    expect((await run('hashkv {full} --data-dir={full}')).code).toBe(1);
    expect(readdirSync(dataDir)).toEqual(['file']);
  });
});

describe.skipIf(etcdBinFolder === undefined)('beside etcdutl (set QUORATE_ETCD_BIN to run)', () => {
  test.each([
    'snapshot restore {snapshot.db} --data-dir={full}',
    'snapshot restore {snapshot.db} --data-dir={data} --wal-dir={full}',
    'snapshot restore {missing} --data-dir={data}',
    'snapshot restore {bare.db} --data-dir={data}',
    'snapshot restore {cut.db} --data-dir={data}',
    'snapshot restore {bad.db} --data-dir={data}',
    'snapshot restore {bad.db} --data-dir={data} --bump-revision=1',
    'snapshot restore {bad.db} --data-dir={data} --mark-compacted',
    'snapshot restore {snapshot.db} {bare.db} --data-dir={data}',
    'snapshot restore {snapshot.db} --data-dir={data} --name=other',
    'snapshot restore {snapshot.db} --data-dir={data} --initial-cluster=default=http://127.0.0.1',
    'snapshot restore {snapshot.db} --data-dir={data} --initial-cluster=default=http://127.0.0.1:1,b=http://127.0.0.1:1 --initial-advertise-peer-urls=http://127.0.0.1:1',
    'snapshot status {snapshot.db}',
    'snapshot status {bare.db} -w json',
    'snapshot status {bare.db} -w fields',
    'snapshot status {bare.db} -w table',
    'snapshot status {bare.db} -w protobuf',
    'snapshot status {full/file}',
    'snapshot status {missing}',
    'snapshot status',
  ])('`%s` prints the same, with the same exit code', async (line) => {
    const ours = await run(line);
    const left = existsSync(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
    const theirs = await etcdutl(argvOf(line));
    expect({ ...ours, stderr: ours.stderr.trimEnd() }).toEqual(theirs);
    expect(left).toBe(false);
    expect(readdirSync(join(folder, 'full'))).toEqual(['file']);
  });
});

function argvOf(line: string): string[] {
  return line
    .split(' ')
    .map((word) =>
      word.replace(/\{(.*?)\}/, (_, name: string) => (name === 'data' ? dataDir : join(folder, name))),
    );
}

/** What etcdutl prints; of what it writes to stderr the last line, behind its log. */
function etcdutl(argv: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(join(etcdBinFolder ?? '', 'etcdutl'), [...argv], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
      const [bytes, last] = [stdout, stderr.trimEnd().split('\n').at(-1) ?? ''];
      resolve({
        stdout: Buffer.from(bytes).toString('latin1'),
        stderr: Buffer.from(last).toString('latin1'),
        code,
      });
    });
  });
}

async function databaseOf(rows: Readonly<Record<string, readonly BoltRow[]>>): Promise<Buffer> {
  const writer = await BoltWriter.plan(
    buckets.map((name) => ({
      name,
      rows: async function* () {
        yield rows[name] ?? [];
      },
    })),
  );
  return Buffer.concat(await Array.fromAsync(writer.chunks()));
}

describe('data that somebody has open', () => {
  const commands = [
    ['hashkv', (dir: string) => `hashkv --data-dir=${dir}`],
    ['snapshot status', (dir: string) => `snapshot status ${dir}`],
    ['defrag', (dir: string) => `defrag --data-dir=${dir}`],
    ['migrate', (dir: string) => `migrate --data-dir=${dir} --target-version=3.6`],
  ] as const;

  test.each(commands)('are waited for by %s, for as long as --timeout says', async (_, lineOf) => {
    await run('snapshot restore {snapshot.db} --data-dir={data}');
    const store = await openStore(join(dataDir, 'member/store'), { warn() {} });
    await store.open();
    const refused = await run(`${lineOf(dataDir)} --timeout=1ms`);
    expect(refused).toMatchObject({ stdout: '', code: 1 });
    expect(refused.stderr).toContain(`${dataDir} is in use`);
    const patient = run(`${lineOf(dataDir)} --timeout=0s`);
    await store.close();
    expect((await patient).code).toBe(0);
  });
});
