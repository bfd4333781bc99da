import {
  startQuorate,
  startRealEtcd,
  etcdBinFolder,
  freePort,
  testCertificates,
  writeTestCertificates,
  type StartedServer,
  type TestCertificateFiles,
} from '@quorate/client/testing';
import { CertificateAuthority, CertificateFolder } from '@quorate/tls/testing';
import { Client } from '@quorate/client';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checked, Gateway } from '../src/index.ts';

const log = pino({ level: 'silent' });

function startGateway(given: Readonly<Record<string, unknown>>): Promise<Gateway> {
  return Gateway.start(checked({ listenUrls: 'http://127.0.0.1:0', ...given }), { log });
}

function urlOf(gateway: Gateway): string {
  return `http://127.0.0.1:${gateway.ports[0]}`;
}

function post(gateway: Gateway, path: string, body: object, headers: Readonly<Record<string, string>> = {}) {
  return fetch(`${urlOf(gateway)}${path}`, { method: 'POST', body: JSON.stringify(body), headers });
}

const kinds = [
  { kind: 'Quorate', start: () => startQuorate() },
  ...(etcdBinFolder === undefined
    ? []
    : [{ kind: 'a real etcd', start: () => startRealEtcd(etcdBinFolder!) }]),
];

const secureKinds = [
  { kind: 'Quorate', start: (certificates: TestCertificateFiles) => startQuorate({ certificates }) },
  ...(etcdBinFolder === undefined
    ? []
    : [
        {
          kind: 'a real etcd',
          start: (certificates: TestCertificateFiles) => startRealEtcd(etcdBinFolder!, { certificates }),
        },
      ]),
];

test.skipIf(etcdBinFolder !== undefined)(
  'with QUORATE_ETCD_BIN, a gateway is also in front of a real etcd',
  () => {},
);

describe.each(kinds)('in front of $kind', ({ start }) => {
  let member: StartedServer;
  let gateway: Gateway;
  beforeAll(async () => {
    member = await start();
    // The first of the endpoints is one where nobody is.
    gateway = await startGateway({ endpoints: `127.0.0.1:${await freePort()},${member.endpoint}` });
  }, 60_000);
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await member[Symbol.asyncDispose]();
  });

  test('requests go to the member that answers', async () => {
    expect((await post(gateway, '/v3/kv/put', { key: 'Zm9v', value: 'YmFy' })).status).toBe(200);
    const answer = (await (await post(gateway, '/v3/kv/range', { key: 'Zm9v' })).json()) as { kvs: object[] };
    expect(answer.kvs).toMatchObject([{ key: 'Zm9v', value: 'YmFy' }]);
    const text = await (await post(gateway, '/v3/kv/range?text=1', { key: 'foo' })).json();
    expect(text).toMatchObject({ kvs: [{ key: 'foo', value: 'bar' }] });
  });

  test('errors are those of the member', async () => {
    const response = await post(gateway, '/v3/kv/range', {});
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 3, message: 'etcdserver: key is not provided' });
  });

  test('streams go on for as long as there is something to say', async () => {
    const lives = await post(gateway, '/v3/lease/keepalive', { ID: '7' });
    expect(await lives.text()).toMatch(/^\{"result":\{.*"ID":"7"\}\}\n$/);
    const watch = await post(gateway, '/v3/watch', { create_request: { key: 'dw==' } });
    const reader = watch.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toContain('"created":true');
    await post(gateway, '/v3/kv/put', { key: 'dw==', value: 'MQ==' });
    expect((await reader.read()).value).toContain('"value":"MQ=="');
    await reader.cancel();
    const snapshot = await post(gateway, '/v3/maintenance/snapshot', {});
    expect(await snapshot.text()).toMatch(/^\{"result":\{/);
  });

  test('a message that can’t be read ends a stream with a sentence', async () => {
    const response = await fetch(`${urlOf(gateway)}/v3/lease/keepalive`, { method: 'POST', body: '{"ID":' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 3, message: 'unexpected EOF' } });
  });

  test('its own pages tell how it is', async () => {
    expect(await (await fetch(`${urlOf(gateway)}/health`)).json()).toEqual({ health: 'true', reason: '' });
    const metrics = await (await fetch(`${urlOf(gateway)}/metrics`)).text();
    expect(metrics).toContain(`quorate_gateway_member_healthy{endpoint="${member.endpoint}"} 1`);
    expect(metrics).toContain('quorate_gateway_requests_total{path="/v3/kv/range",status="400"}');
    expect((await fetch(`${urlOf(gateway)}/nothing`)).status).toBe(404);
    const preflight = await fetch(`${urlOf(gateway)}/v3/kv/range`, { method: 'OPTIONS' });
    expect(preflight.headers.get('access-control-allow-headers')).toBe('accept, content-type, authorization');
  });

  test('who calls is who the token says', async () => {
    const say = (path: string, fields: object) => post(gateway, path, fields);
    await say('/v3/auth/user/add', { name: 'root', password: 'r' });
    await say('/v3/auth/role/add', { name: 'root' });
    await say('/v3/auth/user/grant', { user: 'root', role: 'root' });
    expect((await say('/v3/auth/enable', {})).status).toBe(200);
    const login = await say('/v3/auth/authenticate', { name: 'root', password: 'r' });
    const { token } = (await login.json()) as { token: string };
    const range = { key: 'Zm9v' };
    expect((await post(gateway, '/v3/kv/range', range)).status).toBe(400);
    for (const Authorization of [token, `Bearer ${token}`]) {
      expect((await post(gateway, '/v3/kv/range', range, { Authorization })).status).toBe(200);
    }
    expect((await post(gateway, '/v3/kv/range', range, { Authorization: 'x' })).status).toBe(401);
    expect((await post(gateway, '/v3/auth/disable', {}, { Authorization: token })).status).toBe(200);
  });
});

describe.each(secureKinds)('in front of $kind with TLS', ({ start }) => {
  test('all the way is encrypted, and everything goes along it: calls, streams and tokens', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-gateway-'));
    const files = await writeTestCertificates(folder);
    await using member = await start(files);
    const authority = await CertificateAuthority.create();
    const own = new CertificateFolder();
    const pair = own.writePair('gateway', await authority.issue({ commonName: 'g', ips: ['127.0.0.1'] }));
    await using gateway = await startGateway({
      endpoints: member.endpoint,
      listenUrls: 'https://127.0.0.1:0',
      ...{ cacert: files.ca, cert: files.alice.cert, key: files.alice.key },
      ...{ certFile: pair.cert.path, keyFile: pair.key.path },
    });
    const say = (path: string, body: object) =>
      secureGet(new URL(`https://127.0.0.1:${gateway.ports[0]}${path}`), {
        ca: authority.pem,
        method: 'POST',
        body: JSON.stringify(body),
      });
    expect(await say('/v3/kv/put', { key: 'Zm9v', value: 'YmFy' })).toMatchObject({ status: 200 });
    const { body } = await say('/v3/kv/range', { key: 'Zm9v' });
    expect(body).toContain('"value":"YmFy"');
    expect((await say('/v3/lease/keepalive', { ID: '7' })).body).toMatch(/^\{"result":\{/);
    expect((await say('/v3/auth/authenticate', { name: 'x', password: 'y' })).status).toBe(400);
    await Promise.all([rm(folder, { recursive: true }), rm(own.path, { recursive: true })]);
  }, 60_000);
});

describe.each(secureKinds)('in front of $kind that takes certificates for users', ({ start }) => {
  test('nobody is who the certificate of the gateway names, nor that of a connection (CVE-2018-16886)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-gateway-'));
    const files = await writeTestCertificates(folder);
    await using member = await start(files);
    const { ca, alice } = testCertificates;
    const pem = (text: string) => new TextEncoder().encode(text);
    const tls = { ca: pem(ca), cert: pem(alice.cert), key: pem(alice.key) };
    await using client = new Client({ endpoints: [member.endpoint], tls });
    await client.auth.users.add({ name: 'root', password: 'r' });
    await client.auth.users.add({ name: 'alice', noPassword: true });
    await client.auth.roles.add('root');
    for (const user of ['root', 'alice']) await client.auth.users.grantRole({ user, role: 'root' });
    await client.auth.enable();
    await client.put('foo', 'she may');

    const { cert, key } = files.alice;
    await using gateway = await startGateway({ endpoints: member.endpoint, cacert: files.ca, cert, key });
    const throughGateway = await post(gateway, '/v3/kv/range', { key: 'Zm9v' });
    expect(await throughGateway.json()).toMatchObject({ code: 3, message: 'etcdserver: user name is empty' });

    const direct = await secureGet(new URL(`${member.endpoint}/v3/kv/range`), { ...tls, method: 'POST' });
    expect(direct).toEqual({
      status: 400,
      body: 'CommonName of client sending a request against gateway will be ignored and not used as expected\n',
    });
    await rm(folder, { recursive: true });
  }, 60_000);

  test('certificates that change are used for new connections, without a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-gateway-'));
    const files = await writeTestCertificates(folder);
    await using member = await start(files);
    const stranger = await CertificateAuthority.create();
    await writeFile(files.ca, stranger.pem);
    const heard = new LogLines();
    const { cert, key } = files.alice;
    const config = checked({
      listenUrls: 'http://127.0.0.1:0',
      endpoints: member.endpoint,
      cacert: files.ca,
      cert,
      key,
      healthIntervalMs: '50',
      requestTimeoutMs: '1000',
    });
    await using gateway = await Gateway.start(config, { log: heard.log });
    expect((await fetch(`${urlOf(gateway)}/health`)).status).toBe(503);

    await writeFile(files.ca, 'half a file');
    await heard.line(
      'certificates for members have changed and are of no use: those read before stay in use',
    );
    await writeFile(files.ca, testCertificates.ca);
    await heard.line('a member answers');
    expect((await post(gateway, '/v3/kv/range', { key: 'Zm9v' })).status).toBe(200);
    await rm(folder, { recursive: true });
  }, 60_000);
});

/** A log whose lines can be waited for. */
class LogLines {
  readonly log = pino({ level: 'info' }, { write: (line: string) => this.#heard(line) });
  readonly #messages: string[] = [];
  #wake = (): void => {};

  async line(message: string): Promise<void> {
    while (!this.#messages.includes(message)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #heard(line: string): void {
    // What pino writes of a line that has a message.
    this.#messages.push((JSON.parse(line) as { msg: string }).msg);
    this.#wake();
  }
}

/** Over HTTPS, to its end. */
async function secureGet(
  url: URL,
  options: {
    readonly ca: string | Uint8Array;
    readonly cert?: Uint8Array;
    readonly key?: Uint8Array;
    readonly method?: string;
    readonly body?: string;
  },
): Promise<{ status: number | undefined; body: string }> {
  const { ca, cert, key, method = 'GET', body: said = '' } = options;
  const request = httpsRequest(url, {
    ca: Buffer.from(ca),
    ...(cert !== undefined && { cert: Buffer.from(cert) }),
    ...(key !== undefined && { key: Buffer.from(key) }),
    method,
    agent: false,
    servername: '',
  });
  request.end(said);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode, body };
}

test('without any member that answers it is not healthy, and says so for each call', async () => {
  await using gateway = await startGateway({
    endpoints: `127.0.0.1:${await freePort()}`,
    requestTimeoutMs: '1000',
  });
  expect((await fetch(`${urlOf(gateway)}/health`)).status).toBe(503);
  const response = await post(gateway, '/v3/kv/put', { key: 'Zm9v' });
  expect([503, 504]).toContain(response.status);
});

test('it does not take itself for a member (GHSA-2xhq-gv6c-p224)', async () => {
  const port = await freePort();
  for (const [listen, endpoint] of [
    [`http://127.0.0.1:${port}`, `127.0.0.1:${port}`],
    [`http://0.0.0.0:${port}`, `http://localhost:${port}`],
  ]) {
    await expect(startGateway({ listenUrls: listen, endpoints: endpoint })).rejects.toThrow(
      `--endpoints: ${endpoint} is where this gateway itself listens`,
    );
  }
});

test('strangers are kept out: hosts that are not its own, and pages of other origins', async () => {
  const endpoints = `127.0.0.1:${await freePort()}`;
  await using gateway = await startGateway({
    endpoints,
    hostWhitelist: 'example.org',
    cors: 'http://good.example',
  });
  expect((await fetch(`${urlOf(gateway)}/health`)).status).toBe(421);
  await using open = await startGateway({ endpoints, cors: 'http://good.example' });
  const ask = (Origin: string) => fetch(`${urlOf(open)}/health`, { headers: { Origin } });
  expect((await ask('http://good.example')).headers.get('access-control-allow-origin')).toBe(
    'http://good.example',
  );
  expect((await ask('http://bad.example')).headers.get('access-control-allow-origin')).toBeNull();
});

test('a file of TLS that is of no use is refused, and the flag is named', async () => {
  const cacert = join(tmpdir(), 'quorate-gateway-none.crt');
  await expect(startGateway({ cacert })).rejects.toMatchObject({
    code: 'GATEWAY_CONFIG',
    message: `--cacert: its file cannot be read: ENOENT: no such file or directory, open '${cacert}'`,
  });
});

test('with TLS, clients are shown a certificate', async () => {
  const ca = await CertificateAuthority.create();
  const folder = new CertificateFolder();
  const { cert, key } = folder.writePair(
    'gateway',
    await ca.issue({ commonName: 'gateway', ips: ['127.0.0.1'] }),
  );
  await using gateway = await startGateway({
    endpoints: `127.0.0.1:${await freePort()}`,
    listenUrls: 'https://127.0.0.1:0',
    certFile: cert.path,
    keyFile: key.path,
  });
  const { status } = await secureGet(new URL(`https://127.0.0.1:${gateway.ports[0]}/version`), {
    ca: ca.pem,
  });
  expect(status).toBe(200);
  rmSync(folder.path, { recursive: true });
});

test('when it is to stop, calls under way may end', async () => {
  await using member = await startQuorate();
  const gateway = await startGateway({ endpoints: member.endpoint });
  const watch = await post(gateway, '/v3/watch', { create_request: { key: 'dw==', watch_id: '1' } });
  const reader = watch.body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  const closed = gateway.close();
  await expect(fetch(`${urlOf(gateway)}/health`)).rejects.toThrow();
  await reader.cancel();
  await closed;
}, 60_000);

test('what is still open when the time to stop is over is cut off', async () => {
  await using member = await startQuorate();
  const gateway = await startGateway({ endpoints: member.endpoint, drainTimeoutMs: '50' });
  const watch = await post(gateway, '/v3/watch', { create_request: { key: 'dw==' } });
  const reader = watch.body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  await gateway.close();
  await expect(reader.read()).rejects.toThrow();
}, 60_000);

test('a client may say and hold only so much', async () => {
  await using member = await startQuorate();
  await using gateway = await startGateway({
    endpoints: member.endpoint,
    maxRequestBytes: '1000',
    maxStreams: '1',
    maxConnections: '3',
    drainTimeoutMs: '50',
  });
  const large = { key: 'Zm9v', value: Buffer.alloc(600_000).toString('base64') };
  const tooLarge = await post(gateway, '/v3/kv/put', large);
  expect([tooLarge.status, await tooLarge.json()]).toMatchObject([429, { code: 8 }]);
  const watch = await post(gateway, '/v3/watch', { create_request: { key: 'dw==' } });
  expect(watch.status).toBe(200);
  const second = await post(gateway, '/v3/watch', { create_request: { key: 'dw==' } });
  expect([second.status, await second.json()]).toMatchObject([
    429,
    { code: 8, message: 'too many open streams' },
  ]);
  // Each client of these holds a connection of its own.
  const held = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const socket = connect(gateway.ports[0] ?? 0, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET /version HTTP/1.1\r\nHost: x\r\n\r\n');
      const said = await new Promise<string>((resolve) => {
        socket.once('data', (data) => resolve(String(data))).once('close', () => resolve(''));
      });
      return { socket, isServed: said.startsWith('HTTP/1.1 200') };
    }),
  );
  const served = held.filter(({ isServed }) => isServed).length;
  expect(served).toBeLessThanOrEqual(2);
  for (const { socket } of held) socket.destroy();
  await watch.body?.cancel();
}, 60_000);

test.each([
  [{ endpoints: '' }, '--endpoints: has to name at least one member'],
  [
    { listenUrls: 'ftp://x' },
    '--listen-urls: has to be URLs that begin with http:// or https://, separated by commas',
  ],
  [
    { listenUrls: 'https://127.0.0.1:1' },
    '--listen-urls has an https URL, which needs --cert-file and --key-file',
  ],
  [{ certFile: 'x' }, '--cert-file and --key-file go together'],
  [{ key: 'x' }, '--cert and --key go together'],
  [{ maxStreams: '-1' }, '--max-streams: '],
])('%o is refused with a sentence that names the flag', (given, text) => {
  expect(() => checked(given)).toThrow(text);
});
