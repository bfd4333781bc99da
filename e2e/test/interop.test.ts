import * as grpc from '@grpc/grpc-js';
import { Client } from '@quorate/client';
import { startServer, type RunningServer } from '@quorate/server';
import { CertificateAuthority, CertificateFolder } from '@quorate/tls/testing';
import { rpcpb } from '@quorate/wire';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { constants } from 'node:http2';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasCurl, hasNghttp, pythonClient, pythonWithGrpc } from '../src/interop/programs.ts';
import { framed, RawCalls } from '../src/interop/raw-calls.ts';
import { etcdctl } from '../src/etcdctl.ts';
import { etcdBin } from '../src/member-process.ts';
import { run } from '../src/run-quorate.ts';

const range = '/etcdserverpb.KV/Range';
const key = new TextEncoder().encode('large');
/** 700 frames, and no frame like another. */
const large = Uint8Array.from({ length: 1_000_003 }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
const rangeRequest = rpcpb.RangeRequest.encode({ ...rpcpb.RangeRequest.create(), key }).finish();
const valueIn = (message: Uint8Array): Buffer =>
  Buffer.from(rpcpb.RangeResponse.decode(message).kvs[0]?.value ?? []);

let ca: CertificateAuthority;
let folder: CertificateFolder;
let caFile: string;
let bodyFile: string;
const members = new Map<string, RunningServer>();
const memberOf = (name: string): RunningServer => {
  const member = members.get(name);
  if (member === undefined) throw new Error(`there is no member ${name}`);
  return member;
};
const portOf = (name: string): string => new URL(memberOf(name).endpoint).port;

beforeAll(async () => {
  ca = await CertificateAuthority.create();
  folder = new CertificateFolder();
  const pair = folder.writePair('server', await ca.issue({ ips: ['127.0.0.1'], dns: ['localhost'] }));
  caFile = folder.write('ca.pem', ca.pem).path;
  bodyFile = folder.write('request', framed(rangeRequest)).path;
  members.set('plain', await startServer());
  members.set(
    'TLS',
    await startServer({
      listenClientUrls: ['https://127.0.0.1:0'],
      certFile: pair.cert.path,
      keyFile: pair.key.path,
    }),
  );
  for (const { endpoint } of members.values()) {
    await using client = new Client({ endpoints: [endpoint], tls: { ca: { file: caFile } } });
    await client.put(key, large);
  }
});

afterAll(async () => {
  for (const member of members.values()) await member.close();
  rmSync(folder.path, { recursive: true });
});

describe.each(['plain', 'TLS'])('a port, %s', (name) => {
  const isSecure = name === 'TLS';

  test.skipIf(pythonWithGrpc === undefined)(
    'serves gRPC for Python, with windows and tables as usual, and as narrow as they go (needs python3-grpcio)',
    async () => {
      const args = [pythonClient, portOf(name), ...(isSecure ? [caFile] : [])];
      const { stdout, stderr } = await run(pythonWithGrpc ?? '', args);
      const wanted = {
        sizes: [0, 1, 100, 16_379, 16_384, 65_535, 70_000, 1_400_000],
        large_answer: 8,
        compressed: 1,
        metadata: [true, 'OK'],
        at_once: 300,
        watch: [50, 'CANCELLED'],
        half_closed: 2,
        deadline: 'DEADLINE_EXCEEDED',
        // As of etcd 3.5.30.
        refusals: {
          'unknown method': ['UNIMPLEMENTED', 'unknown method None for service etcdserverpb.KV'],
          'unknown service': ['UNIMPLEMENTED', 'unknown service nobody.None'],
          large: ['INVALID_ARGUMENT', 'etcdserver: request is too large'],
          larger: ['RESOURCE_EXHAUSTED', 'grpc: received message larger than max (3000008 vs. 2097152)'],
          'no key': ['INVALID_ARGUMENT', 'etcdserver: key is not provided'],
        },
        snapshot: true,
      };
      expect(JSON.parse(stdout || JSON.stringify(stderr))).toEqual({ usual: wanted, narrow: wanted });
    },
  );

  test.skipIf(etcdBin === undefined)(
    'serves gRPC for Go, calls and streams: etcdctl (needs QUORATE_ETCD_BIN)',
    async () => {
      const tls = isSecure ? [`--cacert=${caFile}`] : [];
      const ctl = (args: string[], untilLines?: number) =>
        etcdctl(memberOf(name).endpoint, {
          args: [...args, ...tls],
          ...(untilLines !== undefined && { untilLines }),
        });
      expect(await ctl(['put', 'by-go', 'v'])).toMatchObject({ stdout: 'OK\n', code: 0 });
      expect((await ctl(['get', 'large', '--print-value-only'])).stdout.length).toBeGreaterThan(400_000);
      expect((await ctl(['watch', 'by-go', '--rev=1'], 3)).stdout).toBe('PUT\nby-go\nv');
      const lease = /lease (\w+) granted/.exec((await ctl(['lease', 'grant', '60'])).stdout)?.[1] ?? '';
      expect((await ctl(['lease', 'keep-alive', '--once', lease])).stdout).toContain(
        'keepalived with TTL(60)',
      );
      expect(await ctl(['snapshot', 'save', join(folder.path, 'saved')])).toMatchObject({ code: 0 });
    },
  );

  describe.skipIf(!hasCurl)('serves curl (needs curl with HTTP/2)', () => {
    const curl = async (path: string, ...args: string[]) => {
      const url = new URL(path, memberOf(name).endpoint).href;
      const { stdout } = await run('curl', [
        ...['-sS', '--cacert', caFile, '--max-time', '60', '-w', '\n%{http_version} %{http_code}'],
        ...[...args, url],
      ]);
      return stdout;
    };
    const alwaysHttp2 = isSecure ? '--http2' : '--http2-prior-knowledge';

    test('a call over HTTP/2', async () => {
      const answer = join(folder.path, 'answer');
      const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers', '-o', answer];
      expect(await curl(range, alwaysHttp2, ...headers, '--data-binary', `@${bodyFile}`)).toBe('\n2 200');
      const { stdout } = await run('sh', ['-c', `wc -c < ${answer}`]);
      expect(Number(stdout)).toBeGreaterThan(large.length);
    });

    test.each([alwaysHttp2, '--http1.1', ...(isSecure ? ['--no-alpn'] : ['--http2'])])(
      'pages and JSON with %s',
      async (version) => {
        const shown = version === alwaysHttp2 ? '2' : '1.1';
        expect(await curl('/health', version)).toBe(`{"health":"true","reason":""}\n${shown} 200`);
        const json = await curl('/v3/kv/range', version, '-d', '{"key": "bGFyZ2U=", "count_only": true}');
        expect(json).toMatch(new RegExp(`"count":"1"\\}\n${shown} 200$`));
      },
    );
  });

  describe.skipIf(!hasNghttp)('serves nghttp2 (needs nghttp2-client)', () => {
    test.each([
      ['windows of 255 bytes', '-w8', '-W8'],
      ['windows of 64 KiB', '-w16', '-W16'],
      ['windows of a gigabyte', '-w30', '-W30'],
      ['a narrow stream in a wide connection', '-w10', '-W30'],
      ['no table of headers', '--header-table-size=0', '--encoder-header-table-size=0'],
      ['a table that is made smaller and larger', '--header-table-size=0', '--header-table-size=10000'],
      ['padding', '--padding=255'],
      ['headers in several frames', '--continuation'],
      ['three calls at once, with priorities', '-m3', '-p7'],
    ])('with %s', async (_, ...args) => {
      const { stdout } = await run('sh', [
        ...['-c', 'nghttp "$@" | wc -c', 'nghttp', ...args, `--data=${bodyFile}`],
        ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
        new URL(range, memberOf(name).endpoint).href,
      ]);
      const count = args[0] === '-m3' ? 3 : 1;
      expect(Number(stdout)).toBeGreaterThan(count * large.length);
      expect(Number(stdout)).toBeLessThan(count * (large.length + 200));
    });

    test.each([
      ['small windows', '-w4', '-W4'],
      ['usual ones', '-w16', '-W16'],
    ])('with thousands of calls and %s', async (_, ...args) => {
      const { stdout } = await run('h2load', [
        ...['-n2000', '-c4', '-m50', ...args, `--data=${emptyRange()}`],
        ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
        new URL(range, memberOf(name).endpoint).href,
      ]);
      expect(stdout).toContain('2000 succeeded, 0 failed, 0 errored, 0 timeout');
    });
  });

  test.each([
    ['a small limit of headers', { maxHeaderListSize: 4_096 }],
    ['windows of 1,000 bytes', { initialWindowSize: 1_000 }],
    ['the widest window', { initialWindowSize: 2 ** 31 - 1 }],
    ['the largest frames', { maxFrameSize: 2 ** 24 - 1, initialWindowSize: 1 << 24 }],
    ['no table of headers', { headerTableSize: 0 }],
    ['a large table of headers', { headerTableSize: 1 << 20 }],
  ])('serves Node’s client with %s', async (_, settings) => {
    using calls = new RawCalls(memberOf(name).endpoint, { settings, ca: ca.pem });
    for (let turn = 0; turn < 2; turn++) {
      const { status, message } = await calls.unary(range, rangeRequest);
      expect(status).toBe('0');
      expect(valueIn(message).equals(large)).toBe(true);
    }
  });

  test('serves a client that changes its mind about windows and tables while answers are on their way', async () => {
    using calls = new RawCalls(memberOf(name).endpoint, {
      settings: { initialWindowSize: 0 },
      ca: ca.pem,
    });
    const replies = Array.from({ length: 5 }, () => calls.unary(range, rangeRequest));
    for (const [initialWindowSize, headerTableSize] of [
      [100_000, 0],
      [1, 4_096],
      [2_000_000, 100],
    ]) {
      await new Promise<void>((resolve) =>
        calls.session.settings({ initialWindowSize, headerTableSize }, () => resolve()),
      );
    }
    for (const { status, message } of await Promise.all(replies)) {
      expect(status).toBe('0');
      expect(valueIn(message).equals(large)).toBe(true);
    }
  });

  test.each([
    ['as usual', {}],
    ['with the smallest window it has', { 'grpc-node.flow_control_window': 65_535 }],
    ['with compression', { 'grpc.default_compression_algorithm': 2 }],
  ])('serves grpc-js %s', async (_, options) => {
    const credentials = isSecure
      ? grpc.credentials.createSsl(Buffer.from(ca.pem))
      : grpc.credentials.createInsecure();
    const client = new grpc.Client(`127.0.0.1:${portOf(name)}`, credentials, options);
    const same = (bytes: Buffer): Buffer => bytes;
    const answer = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(range, same, same, Buffer.from(rangeRequest), (error, value) =>
        error === null && value !== undefined ? resolve(value) : reject(error ?? new Error('no answer')),
      );
    });
    expect(valueIn(answer).equals(large)).toBe(true);
    const parts = client.makeServerStreamRequest(
      '/etcdserverpb.Maintenance/Snapshot',
      same,
      same,
      Buffer.alloc(0),
    );
    let count = 0;
    for await (const _part of parts) count++;
    expect(count).toBeGreaterThan(1);
    client.close();
  });

  test('hands HTTP/1.1 over to a server that keeps connections, between calls and beside them', async () => {
    using calls = new RawCalls(memberOf(name).endpoint, { ca: ca.pem });
    const agent = isSecure
      ? new HttpsAgent({ keepAlive: true, maxSockets: 1 })
      : new HttpAgent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    const ask = (path: string, body?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const options: RequestOptions & { readonly ca: string } = {
          ...{ agent, ca: ca.pem, host: '127.0.0.1', port: portOf(name), path },
          method: body === undefined ? 'GET' : 'POST',
        };
        const sent = (isSecure ? httpsRequest : httpRequest)(options, (response) => {
          ports.add(response.socket.localPort);
          response
            .setEncoding('utf8')
            .toArray()
            .then((parts) => resolve(parts.join('')), reject);
        });
        sent.on('error', reject).end(body);
      });
    for (let turn = 0; turn < 3; turn++) {
      expect((await calls.unary(range, rangeRequest)).status).toBe('0');
      expect(JSON.parse(await ask('/version'))).toHaveProperty('etcdserver');
      expect(await ask('/v3/kv/range', '{"key": "bGFyZ2U=", "count_only": true}')).toContain('"count":"1"');
    }
    expect(ports.size).toBe(1);
    agent.destroy();
  });
});

describe('TLS', () => {
  const http2Preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
  const getHealth = 'GET /health HTTP/1.0\r\n\r\n';

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('of version %s carries calls', async (version) => {
    using calls = new RawCalls(memberOf('TLS').endpoint, {
      ...{ ca: ca.pem, minVersion: version, maxVersion: version },
    });
    expect(valueIn((await calls.unary(range, rangeRequest)).message).equals(large)).toBe(true);
  });

  test.each([
    ['that asks for both has HTTP/2, as with etcd', ['http/1.1', 'h2'], http2Preface, '\0\0'],
    ['that asks for HTTP/2 has it', ['h2'], http2Preface, '\0\0'],
    ['that asks for HTTP/1.1 has it', ['http/1.1'], getHealth, 'HTTP/1.1 200'],
    ['that asks for nothing has HTTP/1.1', [], getHealth, 'HTTP/1.1 200'],
    ['that asks for nothing and speaks HTTP/2 is not served', [], http2Preface, ''],
  ])('a connection %s', async (_, protocols, sent, begin) => {
    const socket = connectTls({
      ...{ port: Number(portOf('TLS')), host: '127.0.0.1', ca: ca.pem, ALPNProtocols: protocols },
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(protocols.at(-1) ?? false);
    socket.write(sent);
    const answer = await Promise.race([
      once(socket, 'data').then(([bytes]) => String(bytes)),
      once(socket, 'close').then(() => ''),
    ]);
    expect(answer.slice(0, begin.length || 1)).toBe(begin);
    socket.destroy();
  });
});

test('a member that is stopped tells its clients to go, and closes when their calls are over', async () => {
  const member = await startServer();
  using calls = new RawCalls(member.endpoint);
  const watch = calls.session.request({
    ':method': 'POST',
    ':path': '/etcdserverpb.Watch/Watch',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  watch.on('error', () => {});
  const value = rpcpb.WatchCreateRequest.create({ key });
  const request: rpcpb.WatchRequest = { requestUnion: { $case: 'createRequest', value } };
  watch.write(framed(rpcpb.WatchRequest.encode(request).finish()));
  await once(watch, 'data');
  const goneAway = once(calls.session, 'goaway');
  const closed = member.close({ graceMs: 100_000 });
  await goneAway;
  watch.close(constants.NGHTTP2_CANCEL);
  await closed;
});

/** A file with the request of a key that is not there. */
function emptyRange(): string {
  const none = rpcpb.RangeRequest.encode({
    ...rpcpb.RangeRequest.create(),
    key: new TextEncoder().encode('none'),
  });
  return folder.write('empty', framed(none.finish())).path;
}
