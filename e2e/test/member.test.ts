import * as grpc from '@grpc/grpc-js';
import { Client } from '@quorate/client';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Load } from '../src/load.ts';
import { freePort, startQuorate } from '../src/member-process.ts';
import { logLinesOf, run, runQuorate } from '../src/run-quorate.ts';

vi.setConfig({ testTimeout: 60_000 });

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'quorate-member-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Flags of a member that would serve, at free ports. */
async function someFlags(): Promise<string[]> {
  const [client, peer] = [await freePort(), await freePort()];
  return [
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
  ];
}

interface Answer {
  readonly status: number | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
}

function http(at: { port: number } | { socketPath: string }, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...at, host: '127.0.0.1', path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode, contentType: response.headers['content-type'], body }),
      );
    });
    sent.on('error', reject).end();
  });
}

const portOf = (endpoint: string): number => Number(endpoint.split(':')[1]);

describe('questions to the command', () => {
  test('--version prints the four lines of etcd', async () => {
    const { code, stdout, stderr } = await runQuorate(['--version']);
    expect(stdout).toMatch(
      /^etcd Version: 3\.\d+\.\d+\nGit SHA: \S+\nGo Version: .+\nGo OS\/Arch: \w+\/\w+\n$/,
    );
    expect([code, stderr]).toEqual([0, '']);
  });

  test('--help prints every flag and ends with 0', async () => {
    const { code, stdout, stderr } = await runQuorate(['--help']);
    expect(stdout).toMatch(/^Usage: quorate \[flags\]\n/);
    expect(stdout).toContain('--listen-client-urls <urls>');
    expect([code, stderr]).toEqual([0, '']);
  });

  test('npx quorate works from the root of the checkout', async () => {
    const { code, stdout } = await run('npx', ['quorate', '--version']);
    expect(stdout).toMatch(/^etcd Version: /);
    expect(code).toBe(0);
  });
});

describe('a start that is refused', () => {
  test.each([
    [['somewhere'], {}, 'quorate: "somewhere" is not a flag: every setting is given as --name=value\n'],
    [
      ['--name=x'],
      { ETCD_NAME: 'y' },
      'quorate: conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag "--name": unset one of them\n',
    ],
    [
      [],
      { ETCD_MEMORY_MLOCK: 'true' },
      'quorate: ETCD_MEMORY_MLOCK: Node cannot lock memory; forbid swapping to the member instead (MemorySwapMax=0 in its systemd unit, memory.swap.max of its cgroup)\n',
    ],
  ])('%j with %j ends with 1 and one sentence', async (args, env, sentence) => {
    expect(await runQuorate(args, env)).toEqual({ code: 1, stdout: '', stderr: sentence });
  });

  test('a flag that there is not ends with 2, as with etcd', async () => {
    expect(await runQuorate(['--nme=x'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'quorate: unknown flag --nme: did you mean --name?\n',
    });
  });

  /** The one sentence after the log. */
  async function refusal(args: readonly string[]): Promise<string> {
    const { code, stderr } = await runQuorate(args);
    expect(code).toBe(1);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.filter((line) => !line.startsWith('{'))).toHaveLength(1);
    return lines.at(-1) ?? '';
  }

  test('a second member on the same data directory is refused while the first lives on', async () => {
    await using member = await startQuorate({ dataDir: dir });
    await using client = new Client({ endpoints: [member.endpoint] });
    await client.put('a', '1');
    expect(await refusal([`--data-dir=${dir}`, ...(await someFlags())])).toMatch(
      /^quorate: the data directory is in use by another member .*: stop it first, or choose another --data-dir$/,
    );
    await client.put('b', '2');
    expect(await member.stop()).toBe(143);
  });

  test('a port in use is refused by flag and URL', async () => {
    await using member = await startQuorate({ dataDir: join(dir, 'first') });
    const flags = [...(await someFlags()), `--listen-client-urls=http://${member.endpoint}`];
    expect(await refusal([`--data-dir=${join(dir, 'second')}`, ...flags])).toBe(
      `quorate: --listen-client-urls: cannot listen on http://${member.endpoint} (another process listens there)`,
    );
  });

  test('the data directory of an etcd is refused and not overwritten', async () => {
    await mkdir(join(dir, 'member/snap'), { recursive: true });
    await writeFile(join(dir, 'member/snap/db'), 'a database');
    expect(await refusal([`--data-dir=${dir}`, ...(await someFlags())])).toMatch(
      /^quorate: --data-dir: .* holds the database of an etcd \(member\/snap\/db\), which this version cannot read/,
    );
    expect(await readdir(dir, { recursive: true })).toEqual(['member', 'member/snap', 'member/snap/db']);
  });

  test('a data directory that cannot be made is refused', async () => {
    await writeFile(join(dir, 'file'), '');
    expect(await refusal([`--data-dir=${join(dir, 'file/data')}`, ...(await someFlags())])).toMatch(
      /^quorate: --data-dir: cannot use .*file\/data \(/,
    );
  });
});

describe('a member that is asked to stop', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s under load ends it with %i and loses nothing', async (signal, code) => {
    const first = await startQuorate({ dataDir: dir });
    const load = new Load(first.endpoint, { writers: 8 });
    await load.acknowledged(200);
    process.kill(first.pid, signal);
    expect(await first.exited).toBe(code);
    await load.end();
    // A new cluster has members and a version, whose lines come when they come.
    const ofCluster = ['the members changed', 'set the cluster version'];
    const messages = logLinesOf(first.output).map(({ msg }) => String(msg));
    expect(messages.filter((msg) => !ofCluster.includes(msg))).toEqual([
      'starting',
      'ready to serve',
      'stopping',
      'stopped',
    ]);
    await using second = await startQuorate({ dataDir: dir });
    await load.verify(second.endpoint);
    expect(await second.stop()).toBe(143);
  });

  test('it stops although a watch is open', async () => {
    await using member = await startQuorate({ dataDir: dir });
    await using client = new Client({ endpoints: [member.endpoint] });
    const ended = new AbortController();
    const begun = Promise.withResolvers<void>();
    const watched = (async () => {
      for await (const _event of client.watch({ key: 'a', startRevision: 1n, signal: ended.signal }))
        begun.resolve();
    })();
    await client.put('a', '1');
    await begun.promise;
    expect(await member.stop()).toBe(143);
    ended.abort();
    await watched.catch(() => {}); // It ends with the reason of its signal.
  });
});

describe('where a member lies and listens', () => {
  test('directories are their owner’s alone, and the log lies where it is told to', async () => {
    const [dataDir, walDir] = [join(dir, 'data'), join(dir, 'log/of/it')];
    await using member = await startQuorate({ dataDir, flags: [`--wal-dir=${walDir}`] });
    await using client = new Client({ endpoints: [member.endpoint] });
    await client.put('a', '1');
    for (const path of [dataDir, join(dataDir, 'member'), join(dataDir, 'member/store'), walDir])
      expect([path, ((await stat(path)).mode & 0o777).toString(8)]).toEqual([path, '700']);
    expect(existsSync(join(dataDir, 'member/wal'))).toBe(false);
    expect(await member.stop()).toBe(143);
    await using again = await startQuorate({ dataDir, flags: [`--wal-dir=${walDir}`] });
    await using reader = new Client({ endpoints: [again.endpoint] });
    expect(toUtf8((await reader.get('a'))?.value ?? fromUtf8('nothing'))).toBe('1');
  });

  test('a unix socket and a second port serve the same keys', async () => {
    const socket = join(dir, 'client.sock');
    const port = await freePort();
    const urls = `unix://${socket},http://127.0.0.1:${port}`;
    await using member = await startQuorate({
      dataDir: join(dir, 'data'),
      flags: [`--listen-client-urls=${urls}`],
    });
    await using throughPort = new Client({ endpoints: [`127.0.0.1:${port}`] });
    await throughPort.put('a', '1');
    await using throughSocket = new Client({ endpoints: [`unix://${socket}`] });
    expect(toUtf8((await throughSocket.get('a'))?.value ?? fromUtf8('nothing'))).toBe('1');
    expect((await http({ socketPath: socket }, '/health')).body).toBe('{"health":"true","reason":""}');
    expect(await member.stop()).toBe(143);
  });

  test('HTTP answers on the client port as etcd does', async () => {
    await using member = await startQuorate({ dataDir: dir, flags: ['--metrics=extensive'] });
    await using client = new Client({ endpoints: [member.endpoint] });
    await client.put('a', '1');
    const at = { port: portOf(member.endpoint) };
    const version = await http(at, '/version');
    expect(version).toMatchObject({ status: 200, contentType: 'application/json' });
    expect(version.body).toMatch(
      /^\{"etcdserver":"3\.\d+\.\d+","etcdcluster":"3\.\d+\.0","storage":"3\.\d+\.0"\}$/,
    );
    expect(await http(at, '/health')).toMatchObject({ status: 200, body: '{"health":"true","reason":""}' });
    expect(await http(at, '/livez')).toMatchObject({ status: 200, body: 'ok\n' });
    const ready = await http(at, '/readyz?verbose');
    expect(ready.status).toBe(200);
    expect(ready.body.split('\n').sort()).toEqual([
      '',
      '[+]data_corruption ok',
      '[+]linearizable_read ok',
      '[+]non_learner ok',
      '[+]serializable_read ok',
      'ok',
    ]);
    expect(await http(at, '/health', 'POST')).toMatchObject({ status: 405 });
    expect(await http(at, '/v2/keys')).toMatchObject({ status: 404 });
    const metrics = await http(at, '/metrics');
    expect(metrics.contentType).toMatch(/^text\/plain; version=/);
    expect(metrics.body).toContain('\netcd_mvcc_put_total 1\n');
    expect(metrics.body).toContain('\netcd_server_has_leader 1\n');
    expect(metrics.body).toMatch(/\netcd_disk_wal_fsync_duration_seconds_count [1-9]/);
    expect(metrics.body).toMatch(/\ngrpc_server_handling_seconds_count\{.*grpc_method="Put".*\} 1\n/);
  });
});

describe('what a member logs', () => {
  test('slow requests are named; keys, values and tokens are not, at any level', async () => {
    const secrets = ['secret-key', 'secret-value', 'secret-token'];
    await using member = await startQuorate({
      dataDir: dir,
      flags: [
        '--log-level=debug',
        '--warning-unary-request-duration=1ns',
        '--warning-apply-duration=1ns',
        '--snapshot-count=20',
      ],
    });
    await using client = new Client({ endpoints: [member.endpoint] });
    for (let i = 0; i < 50; i++) await client.put(`${secrets[0]}-${i}`, `${secrets[1]}`);
    await client.get(`${secrets[0]}-1`);
    await client.kv.compact({ revision: 40n });
    await callWithToken(member.endpoint, `${secrets[2]}`);
    expect(await member.stop()).toBe(143);
    const lines = logLinesOf(member.output);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        msg: 'a request took long',
        method: '/etcdserverpb.KV/Put',
        status: 0,
      }),
    );
    expect(lines.filter(({ msg }) => msg === 'applying entries took long').length).toBeGreaterThan(10);
    for (const text of ['starting', 'ready to serve', 'stopping', 'stopped'])
      expect(lines.filter(({ msg }) => msg === text)).toHaveLength(1);
    for (const line of lines)
      expect(Object.keys(line)).toEqual(expect.arrayContaining(['level', 'time', 'member']));
    for (const secret of secrets) {
      expect(member.output).not.toContain(secret);
      expect(member.output).not.toContain(Buffer.from(secret).toString('base64').slice(0, 12));
    }
  });

  test('a variable that etcd does not know is warned of', async () => {
    await using member = await startQuorate({ dataDir: dir, env: { ETCD_UNKNOWN: '1' } });
    expect(logLinesOf(member.output)[0]).toMatchObject({
      level: 'warn',
      msg: 'unrecognized environment variable ETCD_UNKNOWN',
    });
  });
});

/** A call with a token that nobody gave out and a message that is none; its outcome does not matter. */
async function callWithToken(endpoint: string, token: string): Promise<void> {
  const client = new grpc.Client(endpoint, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  metadata.set('token', token);
  metadata.set('authorization', token);
  const same = (bytes: Buffer): Buffer => bytes;
  await new Promise<void>((done) => {
    client.makeUnaryRequest('/etcdserverpb.KV/Put', same, same, Buffer.from(token), metadata, () => done());
  });
  client.close();
}
