import { Client, credentials, Metadata, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { encodePutRequest, encodeRangeRequest, healthpb, rpcpb, decodeRangeRequest } from '@quorate/wire';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClientPort, HttpSurface, methodTable, status } from '../src/index.ts';
import { ServerUnderTest } from './server-under-test.ts';
import { CodedError, FakeMember } from './fake-member.ts';

const maxReceiveBytes = 64 * 1024;
let member: FakeMember;
let port: ClientPort;
let portNumber: number;
let client: Client;

beforeEach(async () => {
  member = new FakeMember();
  port = new ClientPort({
    grpc: new ServerUnderTest({ methods: methodTable(member), maxReceiveBytes }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '3.6.14', cluster: '3.6.0', storage: '3.6.0' }),
      metrics: async () => ({ contentType: 'text/plain', text: 'a_metric 1\n' }),
    }),
  });
  portNumber = await port.listen({ host: '127.0.0.1', port: 0 });
  client = new Client(`127.0.0.1:${portNumber}`, credentials.createInsecure());
});

afterEach(async () => {
  client.close();
  await port.close({ graceMs: 0 });
});

const same = (bytes: Buffer): Buffer => bytes;

function unary(path: string, request: Uint8Array, metadata = new Metadata()): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(request), metadata, (error, response) => {
      if (error) reject(error);
      else resolve(response!);
    });
  });
}

const range = (request: Partial<Parameters<typeof encodeRangeRequest>[0]>) =>
  encodeRangeRequest({ ...decodeRangeRequest(new Uint8Array(0)), ...request });

const put = (key: string, value: string) =>
  encodePutRequest({
    key: fromUtf8(key),
    value: fromUtf8(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  });

test('a request reaches the member as it was sent, and its answer the client', async () => {
  const response = rpcpb.RangeResponse.decode(
    await unary('/etcdserverpb.KV/Range', range({ key: fromUtf8('greeting'), limit: 3 })),
  );
  expect(toUtf8(response.kvs[0]!.value)).toBe('hello');
  expect(response.header).toMatchObject({ clusterId: 3n, memberId: 7n, revision: 5n, raftTerm: 2n });
  expect(member.ranges[0]).toMatchObject({ limit: 3 });
});

test('a put goes to the member as the very bytes that the client sent', async () => {
  const request = put('k', 'v');
  await unary('/etcdserverpb.KV/Put', request);
  expect(member.puts[0]).toEqual(new Uint8Array(request));
});

test.each([
  ['KV_EMPTY_KEY', status.INVALID_ARGUMENT, 'etcdserver: key is not provided'],
  ['MVCC_COMPACTED', status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted'],
  ['LEASE_NOT_FOUND', status.NOT_FOUND, 'etcdserver: requested lease not found'],
  ['REPLICA_NO_SPACE', status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'],
  ['REPLICA_TOO_MANY_REQUESTS', status.UNKNOWN, 'etcdserver: too many requests'],
  ['REPLICA_TIMEOUT', status.UNAVAILABLE, 'etcdserver: request timed out'],
])('%s arrives with etcd’s code and text', async (code, expectedStatus, text) => {
  member.failure = new CodedError(code);
  await expect(unary('/etcdserverpb.KV/Put', put('k', 'v'))).rejects.toMatchObject({
    code: expectedStatus,
    details: text,
  });
});

test('an error of no known code is UNKNOWN with its own text', async () => {
  member.failure = new CodedError('SOMETHING_ELSE');
  await expect(unary('/etcdserverpb.KV/Put', put('k', 'v'))).rejects.toMatchObject({ code: status.UNKNOWN });
});

test('bytes that are no message are INTERNAL, and the connection lives on', async () => {
  for (const bad of ['0aff', '08', '0a0561', '0b', 'ffffffffffffffffffff01']) {
    await expect(unary('/etcdserverpb.KV/Range', Buffer.from(bad, 'hex'))).rejects.toMatchObject({
      code: status.INTERNAL,
      details: expect.stringContaining('error unmarshalling request') as string,
    });
  }
  await expect(unary('/etcdserverpb.Lease/LeaseGrant', Buffer.from('08', 'hex'))).rejects.toMatchObject({
    code: status.INTERNAL,
  });
  await unary('/etcdserverpb.KV/Range', range({ key: fromUtf8('k') }));
});

test.each([
  '/etcdserverpb.KV/Compact',
  '/etcdserverpb.Lease/LeaseLeases',
  '/etcdserverpb.Maintenance/Status',
  '/grpc.health.v1.Health/Check',
])('%s takes no bytes that are not whole fields', async (path) => {
  for (const bad of ['00', '08', '0c', '0e', '0b', 'ff', '08ffffffffffffffffffff01', 'f9ff0301', 'fa0705']) {
    await expect(unary(path, Buffer.from(bad, 'hex')), bad).rejects.toMatchObject({ code: status.INTERNAL });
  }
});

test('a request beyond the receive limit is RESOURCE_EXHAUSTED, and the connection lives on', async () => {
  await expect(unary('/etcdserverpb.KV/Put', put('k', 'x'.repeat(maxReceiveBytes)))).rejects.toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  });
  await unary('/etcdserverpb.KV/Put', put('k', 'v'));
});

test('a method that nobody knows is UNIMPLEMENTED', async () => {
  await expect(unary('/etcdserverpb.KV/Nonsense', new Uint8Array(0))).rejects.toMatchObject({
    code: status.UNIMPLEMENTED,
  });
});

test('a client that demands a leader is refused while there is none', async () => {
  const metadata = new Metadata();
  metadata.set('hasleader', 'true');
  member.hasLeader = false;
  await expect(
    unary('/etcdserverpb.KV/Range', range({ key: fromUtf8('k') }), metadata),
  ).rejects.toMatchObject({
    code: status.UNAVAILABLE,
    details: 'etcdserver: no leader',
  });
  await unary('/etcdserverpb.KV/Range', range({ key: fromUtf8('k') }));
});

test('the health service knows the server as a whole and nothing else', async () => {
  const check = (service: string) =>
    unary('/grpc.health.v1.Health/Check', healthpb.HealthCheckRequest.encode({ service }).finish());
  expect(healthpb.HealthCheckResponse.decode(await check('')).status).toBe(1);
  await expect(check('other')).rejects.toMatchObject({ code: status.NOT_FOUND });
});

test('a range stream sends its chunks in order', async () => {
  const stream = client.makeServerStreamRequest(
    '/etcdserverpb.KV/RangeStream',
    same,
    same,
    Buffer.from(range({ key: fromUtf8('k') })),
    new Metadata(),
  );
  const chunks: rpcpb.RangeResponse[] = [];
  for await (const message of stream) {
    chunks.push(rpcpb.RangeStreamResponse.decode(message as Buffer).rangeResponse!);
  }
  expect(chunks.map((chunk) => chunk.count)).toEqual([0n, 2n]);
});

test('a range stream that fails between chunks ends with the error', async () => {
  member.failure = new CodedError('MVCC_COMPACTED');
  const stream = client.makeServerStreamRequest(
    '/etcdserverpb.KV/RangeStream',
    same,
    same,
    Buffer.from(range({ key: fromUtf8('k') })),
    new Metadata(),
  );
  stream.resume();
  const [error] = (await once(stream, 'error')) as [ServiceError];
  expect(error).toMatchObject({ code: status.OUT_OF_RANGE });
});

function bidi(path: string): ClientDuplexStream<Buffer, Buffer> {
  return client.makeBidiStreamRequest(path, same, same, new Metadata());
}

test('each keep-alive gets its answer, unknown leases a TTL of 0, and half-closing ends it well', async () => {
  const stream = bidi('/etcdserverpb.Lease/LeaseKeepAlive');
  for (const ID of [1n, 2n, 1n])
    stream.write(Buffer.from(rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish()));
  stream.end();
  const answers: bigint[][] = [];
  for await (const message of stream) {
    const { ID, TTL } = rpcpb.LeaseKeepAliveResponse.decode(message as Buffer);
    answers.push([ID, TTL]);
  }
  expect(answers).toEqual([
    [1n, 30n],
    [2n, 0n],
    [1n, 30n],
  ]);
});

const createWatch = Buffer.from(
  rpcpb.WatchRequest.encode({
    requestUnion: { $case: 'createRequest', value: rpcpb.WatchCreateRequest.fromPartial({}) },
  }).finish(),
);

test('a watch stream delivers what its member says, whenever it says it, and is closed with the call', async () => {
  const stream = bidi('/etcdserverpb.Watch/Watch');
  stream.write(createWatch);
  const [created] = (await once(stream, 'data')) as [Buffer];
  expect(rpcpb.WatchResponse.decode(created).created).toBe(true);
  member.watchResponses.push(
    rpcpb.WatchResponse.encode(rpcpb.WatchResponse.fromPartial({ watchId: 9n })).finish(),
  );
  member.wake();
  const [later] = (await once(stream, 'data')) as [Buffer];
  expect(rpcpb.WatchResponse.decode(later).watchId).toBe(9n);
  stream.on('error', () => {});
  const ended = new Promise((resolve) => stream.once('status', resolve));
  stream.cancel();
  await ended;
  await unary('/etcdserverpb.KV/Range', range({ key: fromUtf8('k') }));
  expect(member.watchClosed).toBe(1);
});

test('a malformed message on a watch stream ends that stream only', async () => {
  const [bad, good] = [bidi('/etcdserverpb.Watch/Watch'), bidi('/etcdserverpb.Watch/Watch')];
  bad.write(Buffer.from('0aff', 'hex'));
  bad.resume();
  const [error] = (await once(bad, 'error')) as [ServiceError];
  expect(error.code).toBe(status.INTERNAL);
  good.write(createWatch);
  await once(good, 'data');
  good.on('error', () => {});
  good.cancel();
});

function get(
  path: string,
  method = 'GET',
): Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: portNumber, path, method, agent: false },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
        );
      },
    );
    request.on('error', reject).end();
  });
}

test('HTTP and gRPC are served on the same port', async () => {
  expect(await get('/version')).toMatchObject({
    status: 200,
    body: '{"etcdserver":"3.6.14","etcdcluster":"3.6.0","storage":"3.6.0"}',
  });
  await unary('/etcdserverpb.KV/Range', range({ key: fromUtf8('k') }));
  expect((await get('/metrics')).body).toBe('a_metric 1\n');
});

test('a request that comes in single bytes is served', async () => {
  const socket = connect(portNumber, '127.0.0.1');
  await once(socket, 'connect');
  for (const byte of 'GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') {
    socket.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  expect(chunk.toString()).toContain('HTTP/1.1 200 OK');
  socket.destroy();
});

test('/health tells of alarms, of a missing leader and of reads that fail', async () => {
  expect(await get('/health')).toMatchObject({ status: 200, body: '{"health":"true","reason":""}' });
  member.alarmTypes = ['NOSPACE'];
  expect(await get('/health')).toMatchObject({
    status: 503,
    body: '{"health":"false","reason":"ALARM NOSPACE"}',
  });
  expect((await get('/health?exclude=NOSPACE')).status).toBe(200);
  member.alarmTypes = [];
  member.hasLeader = false;
  expect((await get('/health')).body).toContain('RAFT NO LEADER');
  expect((await get('/health?serializable=true')).status).toBe(200);
  member.hasLeader = true;
  member.failure = new CodedError('REPLICA_TIMEOUT');
  expect((await get('/health')).body).toContain('RANGE ERROR:');
});

test('/livez and /readyz run their checks, name them when asked, and leave out what is excluded', async () => {
  expect(await get('/livez')).toMatchObject({ status: 200, body: 'ok\n' });
  expect((await get('/livez?verbose')).body).toBe('[+]serializable_read ok\nok\n');
  const ready = await get('/readyz?verbose');
  for (const name of ['data_corruption', 'serializable_read', 'linearizable_read', 'non_learner']) {
    expect(ready.body).toContain(`[+]${name} ok\n`);
  }
  member.alarmTypes = ['CORRUPT'];
  expect(await get('/readyz')).toMatchObject({ status: 503 });
  expect((await get('/readyz')).body).toContain('[-]data_corruption failed: ');
  expect((await get('/readyz?exclude=data_corruption')).status).toBe(200);
  expect((await get('/readyz/linearizable_read')).status).toBe(200);
  expect((await get('/readyz/nonsense')).status).toBe(404);
  expect(ready.headers['x-content-type-options']).toBe('nosniff');
});

test('unknown paths are 404 and other methods 405', async () => {
  expect((await get('/v2/keys')).status).toBe(404);
  expect(await get('/health', 'POST')).toMatchObject({ status: 405 });
  expect((await get('/health', 'POST')).headers['allow']).toBe('GET');
  for (const method of ['POST', 'HEAD']) expect((await get('/metrics', method)).status).toBe(200);
});
