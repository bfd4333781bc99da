import { Client, compare, EtcdError, op } from '@quorate/client';
import { freePorts } from '@quorate/client/testing';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, startServer, type RunningServer, type StartServerOptions } from '../src/index.ts';

const run = promisify(execFile);
const root = await mkdtemp(join(tmpdir(), 'quorate-start-'));
afterAll(() => rm(root, { recursive: true }));
const newFolder = (): Promise<string> => mkdtemp(join(root, 'of-'));

function clientOf({ endpoint }: RunningServer): Client {
  return new Client({ endpoints: [endpoint], requestTimeoutMs: 30_000 });
}

const textOf = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);

describe('in memory', () => {
  test('ten servers in one process know nothing of each other', async () => {
    const servers = await Promise.all(Array.from({ length: 10 }, () => startServer()));
    expect(new Set(servers.map(({ endpoint }) => endpoint)).size).toBe(10);
    const seen = await Promise.all(
      servers.map(async (server, i) => {
        await using client = clientOf(server);
        const { header } = await client.put('who', `number ${i}`);
        return [
          header.revision,
          textOf((await client.get('who'))?.value),
          await client.count({ prefix: '' }),
        ];
      }),
    );
    expect(seen).toEqual(servers.map((_, i) => [2n, `number ${i}`, 1n]));
    await Promise.all(servers.map((server) => server.close()));
  });

  test('it tells clients where it is, and who a default etcd would be', async () => {
    await using server = await startServer();
    await using client = clientOf(server);
    const { header, members } = await client.cluster.memberList({});
    expect(members.map(({ name, clientURLs }) => [name, clientURLs])).toEqual([
      ['default', server.endpoints],
    ]);
    // Made of the peer URL and the token, which have etcd's defaults.
    expect([header?.memberId.toString(16), header?.clusterId.toString(16)]).toEqual([
      '8e9e05c52164694d',
      'cdf818194e3a8c32',
    ]);
  });

  test('HTTP is served on the same port, and metrics are those of one server, not of the process', async () => {
    await using quiet = await startServer();
    await using busy = await startServer();
    await using client = clientOf(busy);
    await client.put('a', 'b');
    expect(await (await fetch(`${busy.endpoint}/health`)).json()).toEqual({ health: 'true', reason: '' });
    const putsOf = async ({ endpoint }: RunningServer): Promise<string | undefined> => {
      const text = await (await fetch(`${endpoint}/metrics`)).text();
      expect(text).not.toContain('nodejs_');
      return /^etcd_mvcc_put_total (\d+)/m.exec(text)?.[1];
    };
    expect([await putsOf(quiet), await putsOf(busy)]).toEqual(['0', '1']);
  });

  test('closing ends watches under way at once, and frees the port; twice is harmless', async () => {
    const server = await startServer();
    await using client = clientOf(server);
    const { header } = await client.put('a', 'b');
    const ended = new AbortController();
    const watching = (async () => {
      for await (const _ of client.watch({
        key: 'a',
        startRevision: header.revision,
        signal: ended.signal,
      })) {
        await Promise.all([server.close(), server.close()]);
        ended.abort();
      }
    })();
    await expect(watching).rejects.toThrow();
    await using next = await startServer({ listenClientUrls: server.endpoints });
    expect(next.endpoint).toBe(server.endpoint);
    await using other = clientOf(next);
    expect(await other.get('a')).toBeUndefined();
  });

  test('a process that has closed its server ends by itself, and was told nothing it did not ask for', async () => {
    const folder = await newFolder();
    const door = new URL('../src/index.ts', import.meta.url).href;
    const code = `
      import { startServer } from ${JSON.stringify(door)};
      import { Client } from '@quorate/client';
      const server = await startServer({ bcryptCost: 4 });
      const client = new Client({ endpoints: [server.endpoint] });
      await client.auth.users.add({ name: 'ann', password: 'a word' });
      await client.lease.grant({ ttlSeconds: 60n });
      const signals = process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');
      await client.close();
      await server.close();
      process.exitCode = signals === 0 ? 7 : 1;`;
    // In the folder of the app, so that packages are found; whatever it would leave behind would be seen there.
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const before = await readdir(cwd);
    const ended = run(process.execPath, ['--no-warnings', '--input-type=module-typescript', '--eval', code], {
      cwd,
      env: { ...process.env, TMPDIR: folder, ETCD_NAME: 'not read', ETCD_DATA_DIR: join(folder, 'not-used') },
    });
    await expect(ended).rejects.toMatchObject({ code: 7, stdout: '', stderr: '' });
    expect([await readdir(cwd), await readdir(folder)]).toEqual([before, []]);
  });
});

describe('on disk', () => {
  test('a restart on the same folder keeps data, revisions and the member', async () => {
    const dataDir = join(await newFolder(), 'data');
    const identities: unknown[] = [];
    for (let round = 1; round <= 3; round++) {
      await using server = await startServer({ dataDir });
      await using client = clientOf(server);
      const kv = await client.get('round');
      expect(textOf(kv?.value)).toBe(round === 1 ? undefined : String(round - 1));
      const { header } = await client.put('round', String(round));
      expect(header.revision).toBe(BigInt(round + 1));
      identities.push([header.memberId, header.clusterId]);
      const { members } = await client.cluster.memberList({});
      expect(members[0]?.clientURLs).toEqual([server.endpoint]);
    }
    expect(identities).toEqual(Array(3).fill(identities[0]));
  });

  test('a second server on a folder in use is refused, and the first one goes on', async () => {
    const dataDir = await newFolder();
    await using server = await startServer({ dataDir });
    await expect(startServer({ dataDir })).rejects.toThrow();
    await using client = clientOf(server);
    await client.put('a', 'still here');
    expect(textOf((await client.get('a'))?.value)).toBe('still here');
  });

  test('it makes a certificate for itself when asked to, and says that it serves https', async () => {
    await using server = await startServer({
      dataDir: await newFolder(),
      listenClientUrls: ['https://127.0.0.1:0'],
      autoTls: true,
    });
    expect(server.endpoint).toMatch(/^https:\/\/127\.0\.0\.1:[1-9]\d*$/);
    await using client = new Client({ endpoints: [server.endpoint], tls: { insecureSkipVerify: true } });
    await client.put('a', 'b');
    expect(await client.count({ prefix: '' })).toBe(1n);
  });

  test('it logs where and what it is told to', async () => {
    const log = join(await newFolder(), 'member.log');
    await using server = await startServer({ name: 'ann', logLevel: 'debug', logOutputs: log });
    await server.close();
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    const last: unknown = JSON.parse(lines.at(-1) ?? '');
    expect(last).toMatchObject({ level: 'info', member: 'ann', msg: 'stopped' });
  });
});

describe('options', () => {
  test("are etcd's flags, times in milliseconds", async () => {
    await using server = await startServer({
      maxTxnOps: 1,
      watchProgressIntervalMs: 100,
      featureGates: { CompactHashCheck: true },
      listenClientUrls: [
        'http://127.0.0.1:0',
        'http://[::1]:0',
        `unix://${join(await newFolder(), 'socket')}`,
      ],
    });
    expect(server.endpoints.map((url) => url.replace(/\d{3,}$/, 'N').replace(/of-.*/, 'F'))).toEqual([
      'http://127.0.0.1:N',
      'http://[::1]:N',
      `unix://${root}/F`,
    ]);
    for (const endpoint of server.endpoints) {
      await using client = new Client({ endpoints: [endpoint] });
      const created = compare.version('a', '=', 0n);
      const two = [op.put('a', '1'), op.put('b', '2')];
      await expect(client.txn({ compare: [created], success: two })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    await using client = clientOf(server);
    // As often as was asked for, and not after milliseconds that were taken for nanoseconds, or for seconds.
    for await (const { kind } of client.watch({ key: 'never', progressNotify: true }).batches()) {
      if (kind === 'progress') break;
    }
  });

  const refused: readonly (readonly [string, StartServerOptions, RegExp])[] = [
    ['a folder for the log in memory', { walDir: '/nowhere' }, /^walDir: .* give it a dataDir$/],
    ['a certificate of its own in memory', { autoTls: true }, /^autoTls: .* give it a dataDir$/],
    ['a folder without a name', { dataDir: '' }, /^dataDir: /],
    ['no place to listen', { listenClientUrls: [] }, /listen-client-urls/],
    ['a place that is no URL', { listenClientUrls: ['127.0.0.1'] }, /^listenClientUrls: .*is not a URL/],
    ['time that does not pass', { watchProgressIntervalMs: NaN }, /^watchProgressIntervalMs: /],
    ['time that goes backwards', { watchProgressIntervalMs: -1 }, /^watchProgressIntervalMs: /],
    ['a feature that is none', { featureGates: { Flying: true } }, /^featureGates: .*"Flying"/],
    ['heartbeats slower than elections', { heartbeatIntervalMs: 500 }, /election-timeout/],
  ];
  test.each(refused)('%s is refused by name', async (_, options, message) => {
    const refusal = startServer(options);
    await expect(refusal).rejects.toBeInstanceOf(ConfigError);
    await expect(refusal).rejects.toThrow(message);
  });

  test('a name that is no option is refused; one that is undefined is left out', async () => {
    const options: object = { qoutaBytes: 1 };
    await expect(startServer(options)).rejects.toThrow('qoutaBytes: there is no such option');
    await using server = await startServer({ dataDir: undefined, quotaBytes: undefined });
    expect(server.endpoint).toMatch(/^http:/);
  });

  test('a port that is taken is refused, and nothing stays open', async () => {
    await using server = await startServer();
    const refusal = startServer({ listenClientUrls: ['http://127.0.0.1:0', server.endpoint] });
    await expect(refusal).rejects.toThrow(/cannot listen on .* \(another process listens there\)/);
  });

  test('members of one cluster run in one process; one that is removed says so, and closes', async () => {
    const ports = await freePorts(3);
    const urls = ports.map(({ peer }) => `http://127.0.0.1:${peer}`);
    const removed = Promise.withResolvers<void>();
    const servers = await Promise.all(
      urls.map((url, i) =>
        startServer({
          name: `n${i}`,
          listenPeerUrls: [url],
          initialCluster: urls.map((peer, j) => `n${j}=${peer}`).join(','),
          strictReconfigCheck: false, // It would have the members know each other for a while first.
          onRemoved: i === 2 ? removed.resolve : undefined,
        }),
      ),
    );
    await using first = clientOf(servers[0]!);
    await using last = clientOf(servers[2]!);
    await persistently(() => first.put('a', 'everywhere'));
    expect(textOf((await last.get('a'))?.value)).toBe('everywhere');

    const { members } = await first.cluster.memberList({});
    const { ID } = members.find(({ name }) => name === 'n2')!;
    await persistently(() => first.cluster.memberRemove({ ID }));
    await removed.promise;
    await expect(fetch(`${servers[2]!.endpoint}/version`)).rejects.toThrow();
    // It may have been the one that led.
    await persistently(() => first.put('a', 'still served'));
    await Promise.all(servers.map((server) => server.close()));
  });
});

/** Does it, and once more where the leader was lost meanwhile; that it was done before is as good. */
async function persistently(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await work());
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      if (error.code === 'NOT_FOUND') return;
      if (error.code !== 'UNAVAILABLE') throw error;
    }
  }
}
