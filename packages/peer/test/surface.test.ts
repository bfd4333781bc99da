import { connect } from 'node:net';
import { once } from 'node:events';
import { leasepb, raftpb, rpcpb, encodeMessage } from '@quorate/wire';
import { beforeEach, afterEach, expect, test } from 'vitest';
import { PeerPort } from '../src/index.ts';
import { CodedError, makeMessage, TestNetwork, type TestMember } from '../src/testing/index.ts';
import { peerHeaders, rawAnswer, rawResponse } from './support/raw-http.ts';

const { MessageType } = raftpb;

let network: TestNetwork;
let member: TestMember;
let good: Record<string, string>;

beforeEach(async () => {
  network = await TestNetwork.start(1, {
    maxMessageBytes: 1024 * 1024,
    maxSnapshotMessageBytes: 4096,
    readTimeoutMs: 300,
  });
  member = network.member(1);
  good = peerHeaders(member.host.clusterId);
  member.transport.setPeers([{ id: 2n, peerUrls: ['http://127.0.0.1:1'] }]);
});

afterEach(async () => network[Symbol.asyncDispose]());

const streamPath = '/raft/stream/msgapp/2';
const toOwn = { 'X-Raft-To': '1' };

test.each([
  ['POST', streamPath, () => good, 405, 'Method Not Allowed'],
  ['GET', streamPath, () => ({}), 412, 'incompatible version'],
  ['GET', streamPath, () => ({ ...good, 'X-Server-Version': '2.9.9' }), 412, 'incompatible version'],
  ['GET', streamPath, () => ({ ...good, 'X-Server-Version': 'none' }), 412, 'incompatible version'],
  ['GET', streamPath, () => ({ ...good, 'X-Min-Cluster-Version': '3.6.0' }), 412, 'incompatible version'],
  ['GET', streamPath, () => ({ ...good, 'X-Etcd-Cluster-ID': '1' }), 412, 'cluster ID mismatch'],
  ['GET', '/raft/stream/other/2', () => good, 404, 'invalid path'],
  ['GET', '/raft/stream/', () => good, 404, 'invalid path'],
  ['GET', '/raft/stream/msgapp/2/3', () => good, 404, 'invalid path'],
  ['GET', '/raft/stream/msgapp/xyz', () => good, 404, 'invalid from'],
  ['GET', '/raft/stream/msgapp/11112222333344445', () => good, 404, 'invalid from'],
  ['GET', '/raft/stream/msgapp/2d', () => good, 410, 'removed member'],
  ['GET', '/raft/stream/msgapp/3', () => good, 404, 'error sender not found'],
  ['GET', '/raft/stream/msgapp/1', () => good, 404, 'error sender not found'],
  ['GET', streamPath, () => good, 412, 'to field mismatch'],
  ['GET', streamPath, () => ({ ...good, 'X-Raft-To': '2' }), 412, 'to field mismatch'],
])('%s %s is checked in etcd’s order: %o', async (method, path, headers, status, text) => {
  member.host.removed.add(0x2dn);
  const answer = await rawAnswer(member.url, { method, path, headers: headers() });
  expect([answer.status, answer.body.toString()]).toEqual([status, `${text}\n`]);
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
  if (status !== 405)
    expect(answer.headers).toMatchObject({ 'x-etcd-cluster-id': 'c1', 'x-server-version': '3.5.30' });
});

test('a stream that is accepted stays open, and a newer one of its type takes its place', async () => {
  const headers = { ...good, ...toOwn };
  const first = await rawResponse(member.url, { path: streamPath, headers });
  expect([first.statusCode, first.headers['x-server-version']]).toEqual([200, '3.5.30']);
  first.resume().on('error', () => {}); // It is cut off, not ended.
  const firstEnds = new Promise((resolve) => first.on('close', resolve));
  const second = await rawResponse(member.url, { path: streamPath, headers });
  await firstEnds;
  member.transport.send([makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, index: 5 })]);
  const [chunk] = (await once(second, 'data')) as [Buffer];
  expect(chunk[0]).toBe(2);
  second.destroy();
  await member.heard('close msgapp out 2', 2);
});

const message = makeMessage({ type: MessageType.MsgVote, from: 2n, to: 1n, term: 4 });

test.each([
  ['as it should be', () => good, encodeMessage(message), 204, ''],
  [
    'of a local kind, which is ignored',
    () => good,
    encodeMessage({ ...message, type: MessageType.MsgHup }),
    204,
    '',
  ],
  ['by GET', () => good, undefined, 405, 'Method Not Allowed\n'],
  ['without headers', () => ({}), encodeMessage(message), 412, 'incompatible version\n'],
  ['to another cluster', () => peerHeaders(0xbadn), encodeMessage(message), 412, 'cluster ID mismatch\n'],
  [
    'cut short',
    () => good,
    encodeMessage(message).subarray(0, -1),
    400,
    'error unmarshalling raft message\n',
  ],
  [
    'to another member',
    () => good,
    encodeMessage({ ...message, to: 9n }),
    500,
    'error processing raft message\n',
  ],
  ['of nothing', () => good, new Uint8Array(0), 500, 'error processing raft message\n'],
  [
    'of a removed member',
    () => good,
    encodeMessage({ ...message, from: 0x2dn }),
    403,
    '{"message":"cannot process message from removed member"}',
  ],
  ['above the limit', () => good, new Uint8Array(1024 * 1024 + 1), 413, 'http: request body too large\n'],
])('a posted message %s is answered as etcd does', async (_name, headers, body, status, text) => {
  member.host.removed.add(0x2dn);
  const method = body === undefined ? 'GET' : 'POST';
  const answer = await rawAnswer(member.url, {
    method,
    path: '/raft',
    headers: headers(),
    ...(body && { body }),
  });
  expect([answer.status, answer.body.toString()]).toEqual([status, text]);
  expect(member.host.received).toEqual(_name === 'as it should be' ? [message] : []);
});

test('a body whose length is not said is cut off at the limit', async () => {
  const socket = connect(Number(new URL(member.url).port), '127.0.0.1');
  socket.on('error', () => {});
  const head = Object.entries(good).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /raft HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${head.join('')}\r\n`);
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65536, 1), Buffer.from('\r\n')]);
  for (let i = 0; i < 17; i++) socket.write(chunk);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
  socket.destroy();
});

test('a body that stops coming is given up', async () => {
  const socket = connect(Number(new URL(member.url).port), '127.0.0.1');
  const head = Object.entries(good).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /raft HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n${head.join('')}\r\nabc`);
  await once(socket.resume(), 'close');
  expect(member.host.received).toEqual([]);
});

test('a head that stops coming, or never begins, is given up', async () => {
  await using port = new PeerPort({ headersTimeoutMs: 100 });
  port.serve(member.transport);
  const number = await port.listen({ host: '127.0.0.1', port: 0 });
  for (const beginning of ['GET /version HTTP/1.1\r\nX-Slow: ', '']) {
    const socket = connect(number, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(beginning);
    await once(socket.resume(), 'close');
  }
});

test('a port that serves nobody yet says so', async () => {
  await using port = new PeerPort();
  const url = `http://127.0.0.1:${await port.listen({ host: '127.0.0.1', port: 0 })}`;
  expect((await rawAnswer(url, { path: '/version' })).status).toBe(503);
  port.serve(member.transport);
  expect((await rawAnswer(url, { path: '/version' })).status).toBe(200);
});

test('what is no HTTP ends the connection, and nothing else', async () => {
  for (const garbage of [
    '\x16\x03\x01\x02\x00',
    'GET\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    `GET /${'x'.repeat(40_000)} HTTP/1.1\r\n\r\n`,
  ]) {
    const socket = connect(Number(new URL(member.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(garbage);
    await once(socket.resume(), 'close');
  }
  expect((await rawAnswer(member.url, { path: '/version' })).status).toBe(200);
});

test('members are told sorted and with what they have, IDs exact', async () => {
  member.host.memberList = [
    {
      id: 2n ** 63n + 1n,
      name: 'a"b',
      peerUrls: ['http://a:1'],
      clientUrls: ['http://a:2'],
      isLearner: false,
    },
    { id: 2n ** 64n - 1n, name: '', peerUrls: ['http://b:1', 'http://b:2'], clientUrls: [], isLearner: true },
  ];
  const answer = await rawAnswer(member.url, { path: '/members' });
  expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'x-etcd-cluster-id': 'c1' });
  expect(answer.body.toString()).toBe(
    '[{"id":9223372036854775809,"peerURLs":["http://a:1"],"name":"a\\"b","clientURLs":["http://a:2"]},' +
      '{"id":18446744073709551615,"peerURLs":["http://b:1","http://b:2"],"isLearner":true}]\n',
  );
});

test.each([
  ['MEMBER_NOT_FOUND', 404, 'membership: ID not found\n'],
  ['MEMBER_NOT_LEARNER', 412, 'membership: can only promote a learner member\n'],
  ['LEARNER_NOT_READY', 412, 'etcdserver: can only promote a learner member which is in sync with leader\n'],
  ['REPLICA_NOT_LEADER', 500, '{"message":"it failed with REPLICA_NOT_LEADER"}'],
])('a promotion that fails with %s is answered with %d', async (code, status, text) => {
  member.host.failure = new CodedError(code);
  const answer = await rawAnswer(member.url, { method: 'POST', path: '/members/promote/7' });
  expect([answer.status, answer.body.toString()]).toEqual([status, text]);
});

test.each(['x', '', '-1', '18446744073709551616'])('there is no member %o to promote', async (id) => {
  const answer = await rawAnswer(member.url, { method: 'POST', path: `/members/promote/${id}` });
  expect([answer.status, answer.body.toString()]).toEqual([404, `member ${id} not found in cluster\n`]);
});

test.each([
  ['', 400, 'error unmarshalling request\n'],
  ['{"revision":1.5}', 400, 'error unmarshalling request\n'],
  ['{"revision":"1"}', 400, 'error unmarshalling request\n'],
  ['[]', 400, 'error unmarshalling request\n'],
  ['{}', 200, '{"header":{"revision":1},"hash":2,"compact_revision":-1,"hash_revision":1}'],
  ['{"revision":5}', 200, '{"header":{"revision":1},"hash":2,"compact_revision":-1,"hash_revision":5}'],
  [' '.repeat(70_000), 413, 'http: request body too large\n'],
])('the hash is told for a question like %o', async (body, status, text) => {
  const answer = await rawAnswer(member.url, { path: '/members/hashkv', body });
  expect([answer.status, answer.body.toString()]).toEqual([status, text]);
});

test.each([
  ['MVCC_COMPACTED', 400, 'mvcc: required revision has been compacted\n'],
  ['MVCC_FUTURE_REVISION', 400, 'mvcc: required revision is a future revision\n'],
  ['OTHER', 500, 'it failed with OTHER\n'],
])('a hash that fails with %s is answered with %d', async (code, status, text) => {
  member.host.failure = new CodedError(code);
  const answer = await rawAnswer(member.url, { path: '/members/hashkv', body: '{"revision":5}' });
  expect([answer.status, answer.body.toString()]).toEqual([status, text]);
});

test('a lease that is renewed, that is none, and one on a member that lags', async () => {
  member.host.leases.set(-5n, { ttlSeconds: 7, grantedTtlSeconds: 60, keys: [Buffer.from('k')] });
  const renew = async (ID: bigint) =>
    rawAnswer(member.url, {
      method: 'POST',
      path: '/leases',
      body: rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish(),
    });
  const renewed = await renew(-5n);
  expect(renewed.headers['content-type']).toBe('application/protobuf');
  expect(rpcpb.LeaseKeepAliveResponse.decode(renewed.body)).toEqual({ header: undefined, ID: -5n, TTL: 60n });
  expect((await renew(6n)).body.toString()).toBe('lease not found\n');
  member.host.failure = new CodedError('REPLICA_APPLY_TIMEOUT');
  expect((await renew(-5n)).status).toBe(408);
  member.host.failure = new CodedError('REPLICA_NOT_LEADER');
  expect((await renew(-5n)).status).toBe(500);
  expect((await rawAnswer(member.url, { path: '/leases' })).headers['allow']).toBeUndefined();
  const large = await rawAnswer(member.url, { method: 'POST', path: '/leases', body: Buffer.alloc(65_537) });
  expect(large.status).toBe(413);
});

test('how long a lease still lives', async () => {
  member.host.leases.set(5n, { ttlSeconds: 7.9, grantedTtlSeconds: 60, keys: [Buffer.from('k')] });
  const ask = async (body: Uint8Array) =>
    rawAnswer(member.url, { method: 'POST', path: '/leases/internal', body });
  const question = (ID: bigint) =>
    leasepb.LeaseInternalRequest.encode({ LeaseTimeToLiveRequest: { ID, keys: true } }).finish();
  // An empty header stands in etcd's answer, too.
  expect((await ask(question(5n))).body.toString('hex')).toBe('0a0b0a0010051807203c2a016b');
  expect((await ask(question(6n))).status).toBe(404);
  expect((await ask(new Uint8Array(0))).status).toBe(400);
  expect((await ask(Buffer.from('xyz'))).body.toString()).toBe('error unmarshalling request\n');
});

test('whether a downgrade is going on', async () => {
  member.host.isDowngrading = true;
  const answer = await rawAnswer(member.url, { path: '/downgrade/enabled' });
  expect([answer.status, answer.headers['content-type'], answer.body.toString()]).toEqual([
    200,
    'text/plain',
    'true',
  ]);
  member.host.failure = new CodedError('REPLICA_NO_LEADER');
  expect((await rawAnswer(member.url, { path: '/downgrade/enabled' })).status).toBe(500);
});

test('versions, with the one of the storage where there is one', async () => {
  member.host.versionsAnswer = { server: '3.6.1', cluster: 'not_decided', storage: 'unknown' };
  const answer = await rawAnswer(member.url, { path: '/version?x' });
  expect(answer.body.toString()).toBe(
    '{"etcdserver":"3.6.1","etcdcluster":"not_decided","storage":"unknown"}',
  );
});

test.each(['/', '/members/', '/raft/', '/raft/nope', '/health', '/metrics', '/v3/kv/range'])(
  'there is nothing at %s',
  async (path) => {
    const answer = await rawAnswer(member.url, { path, headers: good });
    expect([answer.status, answer.body.toString()]).toEqual([404, '404 page not found\n']);
  },
);
