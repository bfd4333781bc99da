import { CertificateAuthority, type Issued } from '@quorate/tls/testing';
import { toUtf8 } from '@quorate/std';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { etcdctl } from '../src/etcdctl.ts';
import { etcdBin, freePort, startQuorate } from '../src/member-process.ts';
import { until } from '../src/cluster/until.ts';
import { runQuorate } from '../src/run-quorate.ts';
import { hasOpenssl, sClient } from '../src/tls/s-client.ts';
import { TlsCluster, type MemberFiles, type TlsMember } from '../src/tls/tls-cluster.ts';

const timeout = 120_000;
const etcdHint = '(set QUORATE_ETCD_BIN to run)';
const withEtcd = test.skipIf(etcdBin === undefined);
const withOpenssl = test.skipIf(!hasOpenssl);

/** Certificates of one authority on all sides, and a list of those that are revoked. */
const mutual = ({ ca, crl, cert, key }: MemberFiles): string[] =>
  ['', 'peer-'].flatMap((side) => [
    `--${side}cert-file=${cert}`,
    `--${side}key-file=${key}`,
    `--${side}trusted-ca-file=${ca}`,
    `--${side}client-cert-auth`,
    `--${side === '' ? 'client' : 'peer'}-crl-file=${crl}`,
  ]);

describe('three members with TLS and client certificates everywhere', () => {
  let cluster: TlsCluster;
  let good: Issued;

  beforeAll(async () => {
    cluster = await TlsCluster.start({ kinds: ['quorate', 'quorate', 'quorate'], flags: mutual });
    good = await cluster.ca.issue({ commonName: 'alice' });
  }, timeout);

  afterAll(() => cluster[Symbol.asyncDispose]());

  test('what is written through one is read through the others', { timeout }, async () => {
    await using client = cluster.client(good);
    for (const { clientPort } of cluster.members) {
      const endpoint = `https://127.0.0.1:${clientPort}`;
      await client.put('through', endpoint, { endpoint });
      for (const { clientPort: other } of cluster.members) {
        const found = await client.get('through', { endpoint: `https://127.0.0.1:${other}` });
        expect(toUtf8(found!.value)).toBe(endpoint);
      }
    }
  });

  test('JSON and metrics are served over HTTP/2 to whoever speaks nothing else', { timeout }, async () => {
    const { clientPort } = cluster.members[0]!;
    const { cert, key } = good;
    const session = connectHttp2(`https://127.0.0.1:${clientPort}`, {
      ...{ ca: cluster.ca.pem, cert, key },
    });
    await once(session, 'connect');
    const ask = async (path: string, body?: string): Promise<string> => {
      const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' });
      stream.end(body);
      let answer = '';
      for await (const chunk of stream.setEncoding('utf8')) answer += chunk;
      return answer;
    };
    expect(JSON.parse(await ask('/v3/kv/put', '{"key":"aDI=","value":"dg=="}'))).toHaveProperty(
      'header.revision',
    );
    expect(JSON.parse(await ask('/v3/kv/range', '{"key":"aDI="}'))).toMatchObject({
      kvs: [{ value: 'dg==' }],
    });
    expect(await ask('/metrics')).toMatch(
      /\ngrpc_server_handled_total\{.*grpc_method="Put".*grpc_code="OK"\} /,
    );
    session.destroy();
  });

  withEtcd(
    `the real etcdctl works with its certificate, and not without ${etcdHint}`,
    { timeout },
    async () => {
      const { cert, key } = cluster.folder.writePair('alice', good);
      const { ca } = cluster.members[0]!.files;
      const endpoints = cluster.members.map(({ clientPort }) => `https://127.0.0.1:${clientPort}`).join(',');
      const shown = [`--cacert=${ca}`, `--cert=${cert.path}`, `--key=${key.path}`];
      const ctl = (args: string[]) => etcdctl(endpoints, { args });
      expect(await ctl([...shown, 'put', 'fruit', 'apple'])).toMatchObject({ stdout: 'OK\n', code: 0 });
      expect(await ctl([...shown, 'get', 'fruit', '--print-value-only'])).toMatchObject({
        stdout: 'apple\n',
      });
      const health = await ctl([...shown, 'endpoint', 'health']);
      expect(health).toMatchObject({ code: 0 });
      expect((await ctl([...shown, 'member', 'list'])).stdout.match(/started/g)).toHaveLength(3);
      const refused = await ctl([
        `--cacert=${ca}`,
        '--dial-timeout=1s',
        '--command-timeout=2s',
        'get',
        'fruit',
      ]);
      expect(refused.code).not.toBe(0);
    },
  );

  describe('openssl s_client', () => {
    const file = (name: string, text: string): string => cluster.folder.write(name, text).path;
    const showing = (name: string, { cert, key }: Issued): string[] => [
      '-cert',
      file(`${name}.crt`, cert),
      '-key',
      file(`${name}.key`, key),
    ];
    const ports = ['client', 'peer'] as const;
    const portOf = (kind: (typeof ports)[number], member: TlsMember): [number, string] =>
      kind === 'client' ? [member.clientPort, '/health'] : [member.peerPort, '/version'];

    const clients: Record<string, () => Promise<string[]>> = {
      'no certificate': async () => [],
      'a certificate of another authority': async () =>
        showing('other', await (await CertificateAuthority.create('other')).issue({ commonName: 'alice' })),
      'an expired certificate': async () =>
        showing('expired', await cluster.ca.issue({ fromDays: -9, toDays: -1 })),
      'a certificate that is not valid yet': async () =>
        showing('early', await cluster.ca.issue({ fromDays: 1 })),
      'a certificate for servers only': async () =>
        showing('purpose', await cluster.ca.issue({ usage: ['server'] })),
      'a revoked certificate': async () => {
        const revoked = await cluster.ca.issue({ commonName: 'mallory' });
        await cluster.revoke([revoked.serial]);
        return showing('revoked', revoked);
      },
      'TLS 1.1': async () => [...showing('good', good), ...['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0']],
      'a weak cipher': async () => [
        ...showing('good', good),
        ...['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'],
      ],
    };
    const cases = ports.flatMap((port) => Object.keys(clients).map((client) => ({ port, client })));

    withOpenssl.each(cases)(
      'is refused at the $port port with $client',
      { timeout },
      async ({ port, client }) => {
        const args = await clients[client]!();
        for (const version of client === 'TLS 1.1' || client === 'a weak cipher'
          ? [[]]
          : [['-tls1_2'], ['-tls1_3']]) {
          const { answer } = await sClient(...portOf(port, cluster.members[0]!), [...args, ...version]);
          expect(answer).toBe('');
        }
      },
    );

    withOpenssl.each(ports)('gets in at the %s port with a good certificate', { timeout }, async (port) => {
      for (const version of ['-tls1_2', '-tls1_3']) {
        const args = [...showing('good', good), version];
        const { answer } = await sClient(...portOf(port, cluster.members[0]!), args);
        expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      }
    });

    withOpenssl('may offer HTTP/2, and gets it when it offers nothing else', { timeout }, async () => {
      const args = [...showing('good', good), '-alpn', 'h2'];
      const { answer } = await sClient(cluster.members[0]!.clientPort, '/health', args);
      // What answers to a request of HTTP/1 there is nobody.
      expect(answer).toBe('');
    });
  });

  test('refusals are counted and logged, and the log shows no keys', { timeout }, async () => {
    const [member] = cluster.members;
    await using nobody = cluster.client({}, [member!]);
    await expect(nobody.get('fruit', { timeoutMs: 1_000 })).rejects.toThrow();
    expect(member!.process.output).toContain('refused a TLS connection');
    expect(member!.process.output).not.toContain('PRIVATE KEY');
  });

  test(
    'a renewed certificate is shown without a restart, and an open watch goes on',
    { timeout },
    async () => {
      const [member] = cluster.members;
      const { clientPort, files } = member!;
      await using client = cluster.client(good, [member!]);
      const { header } = await client.put('renewed/before', '');
      const watch = client.watch({ prefix: 'renewed/', startRevision: header.revision });
      const events = watch[Symbol.asyncIterator]();
      expect(toUtf8((await events.next()).value!.kv.key)).toBe('renewed/before');

      const renewed = await cluster.ca.issue({ commonName: files.name });
      cluster.folder.writePair(files.name, renewed);
      const socket = connect({ host: '127.0.0.1', port: clientPort, ca: cluster.ca.pem, ...good });
      await once(socket, 'secureConnect');
      expect(socket.getPeerCertificate().serialNumber.toLowerCase()).toBe(renewed.serial);
      socket.destroy();
      expect(member!.process.output).toContain('read changed certificates');

      await client.put('renewed/after', '');
      expect(toUtf8((await events.next()).value!.kv.key)).toBe('renewed/after');
      await events.return?.();
    },
  );
});

withEtcd(`etcd and Quorate are one cluster with TLS ${etcdHint}`, { timeout }, async () => {
  await using cluster = await TlsCluster.start({ kinds: ['etcd', 'quorate', 'quorate'], flags: mutual });
  await sameEverywhere(cluster, await cluster.ca.issue({ commonName: 'alice' }));
});

test('a member joins a cluster with TLS, and asks it who it is', { timeout }, async () => {
  await using cluster = await TlsCluster.start({ kinds: ['quorate'], flags: mutual });
  const shown = await cluster.ca.issue({ commonName: 'alice' });
  await using client = cluster.client(shown);
  await cluster.add('quorate', { flags: mutual }, client);
  await sameEverywhere(cluster, shown);
});

withEtcd(
  `etcd and Quorate are one cluster with certificates that they made ${etcdHint}`,
  { timeout },
  async () => {
    await using cluster = await TlsCluster.start({
      kinds: ['quorate', 'etcd', 'quorate'],
      flags: ({ cert, key }) => [`--cert-file=${cert}`, `--key-file=${key}`, '--peer-auto-tls'],
    });
    await sameEverywhere(cluster, {});
  },
);

test('members let in only whom they are told to', { timeout }, async () => {
  await using cluster = await TlsCluster.start({
    kinds: ['quorate', 'quorate', 'quorate'],
    flags: (files) => [...mutual(files), '--peer-cert-allowed-cn=m1,m2,m3'],
  });
  const stranger = await cluster.ca.issue({ commonName: 'm4' });
  const member = await cluster.ca.issue({ commonName: 'm2' });
  const { peerPort } = cluster.members[0]!;
  const answered = async ({ cert, key }: Issued): Promise<boolean> => {
    const socket = connect({ host: '127.0.0.1', port: peerPort, ca: cluster.ca.pem, cert, key });
    socket.on('error', () => {});
    socket.write('GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    let text = '';
    socket.setEncoding('utf8').on('data', (data: string) => (text += data));
    await new Promise((closed) => socket.once('close', closed));
    return text.startsWith('HTTP/1.1 200 ');
  };
  expect(await answered(stranger)).toBe(false);
  expect(await answered(member)).toBe(true);
});

describe('one member', () => {
  const dirs: string[] = [];
  afterAll(() => {
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
  });
  const newDir = (): string => {
    const dir = mkdtempSync(join(tmpdir(), 'quorate-tls-'));
    dirs.push(dir);
    return dir;
  };

  test('listens on unix sockets, for clients and for members', { timeout }, async () => {
    const dir = newDir();
    const [client, secure, peer] = ['client.sock', 'secure.sock', 'peer.sock'].map((name) => join(dir, name));
    await using _member = await startQuorate({
      dataDir: join(dir, 'data'),
      flags: [
        `--listen-client-urls=unix://${client},unixs://${secure}`,
        `--advertise-client-urls=unix://${client}`,
        '--auto-tls',
        `--listen-peer-urls=unixs://${peer}`,
        `--initial-advertise-peer-urls=unixs://${peer}`,
        `--initial-cluster=default=unixs://${peer}`,
        '--peer-auto-tls',
      ],
    });
    expect(await ask({ socketPath: client!, path: '/health' })).toMatchObject({ status: 200 });
    const socket = connect({ path: secure!, rejectUnauthorized: false });
    socket.on('error', () => {}); // The answer is all that counts.
    socket.write('GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const answer = await new Promise((resolve) => socket.setEncoding('utf8').once('data', resolve));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('serves HTTP and metrics on URLs of their own', { timeout }, async () => {
    const dir = newDir();
    const [httpPort, metricsPort] = [await freePort(), await freePort()];
    await using member = await startQuorate({
      dataDir: join(dir, 'data'),
      flags: [
        `--listen-client-http-urls=http://127.0.0.1:${httpPort}`,
        `--listen-metrics-urls=http://127.0.0.1:${metricsPort}`,
        '--host-whitelist=127.0.0.1',
        '--cors=https://console.example',
      ],
    });
    const clientPort = Number(member.endpoint.split(':')[1]);
    const at = (port: number, path: string, headers: Record<string, string> = {}) =>
      ask({ host: '127.0.0.1', port, path, headers });
    expect(await at(httpPort, '/version')).toMatchObject({ status: 200 });
    expect(await at(metricsPort, '/metrics')).toMatchObject({ status: 200 });
    expect(await at(metricsPort, '/version')).toMatchObject({ status: 404 });
    await expect(at(clientPort, '/health')).rejects.toThrow();
    expect(await at(httpPort, '/health', { Host: 'evil.example' })).toMatchObject({ status: 421 });
    const { headers } = await at(httpPort, '/health', { Origin: 'https://console.example' });
    expect(headers['access-control-allow-origin']).toBe('https://console.example');
  });

  test(
    'is not kept from its clients by silent connections, and they are gone at the deadline',
    { timeout },
    async () => {
      const dir = newDir();
      const port = await freePort();
      await using member = await startQuorate({
        dataDir: join(dir, 'data'),
        flags: [
          `--listen-client-urls=https://127.0.0.1:${port}`,
          `--advertise-client-urls=https://127.0.0.1:${port}`,
          '--auto-tls',
          '--connection-timeout=3s',
        ],
      });
      const silent: Socket[] = [];
      for (let i = 0; i < 2_000; i++) {
        const socket = connectPlain(port, '127.0.0.1');
        socket.on('error', () => {});
        silent.push(socket);
        if (i % 100 === 99) await once(socket, 'connect');
      }
      const health = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      health.write('GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect(String((await once(health, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
      health.destroy();
      await until('all silent connections to be closed', async () =>
        silent.every(({ closed }) => closed) ? true : undefined,
      );
      expect(member.output).toContain('"reason":"timeout"');
    },
  );

  test('says what is wrong with its certificates', { timeout }, async () => {
    const dir = newDir();
    const urls = ['--listen-client-urls=https://127.0.0.1:1', '--advertise-client-urls=https://127.0.0.1:1'];
    const { code, stderr } = await runQuorate([
      `--data-dir=${join(dir, 'data')}`,
      ...urls,
      '--cert-file=/nowhere/a.crt',
      '--key-file=/nowhere/a.key',
    ]);
    expect(code).toBe(1);
    expect(stderr.split('\n').at(-2)).toMatch(
      /^quorate: --cert-file: cannot read \/nowhere\/a\.crt \(ENOENT.*\): check the path and who may read it$/,
    );
  });
});

/** Writes through each member, and compares what all of them then have. */
async function sameEverywhere(cluster: TlsCluster, shown: Partial<Issued>): Promise<void> {
  await using client = cluster.client(shown);
  const endpoints = cluster.members.map(({ clientPort }) => `https://127.0.0.1:${clientPort}`);
  for (const endpoint of endpoints) await client.put(`from ${endpoint}`, '', { endpoint });
  const { header } = await client.put('last', '');
  const { revision } = header;
  const hashes = await until('all members to have the last write', async () =>
    Promise.all(
      endpoints.map(async (endpoint) => (await client.maintenance.hashKv({ revision }, { endpoint })).hash),
    ),
  );
  expect(new Set(hashes).size).toBe(1);
}

function ask(options: {
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
}): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...options, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    });
    request.on('error', reject);
    request.end();
  });
}
