import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchMembers, fetchVersions, type PeerTransport } from '../src/index.ts';
import { CodedError, TestNetwork, type FakeHost } from '../src/testing/index.ts';

let network: TestNetwork;
let asking: PeerTransport;
let asked: FakeHost;

beforeEach(async () => {
  network = await TestNetwork.start(2, { answerTimeoutMs: 60_000 });
  asking = network.member(1).transport;
  asked = network.member(2).host;
  asking.setPeers(asked.memberList);
});

afterEach(async () => network[Symbol.asyncDispose]());

/** A server that answers everything in the same way. */
async function serverSaying(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((_request, response) => response.writeHead(status, headers).end(body));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // A server that listens on a TCP port has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

test('every question gets the host’s answer', async () => {
  asked.leases.set(2n ** 63n - 1n, { ttlSeconds: 5, grantedTtlSeconds: 9, keys: [new Uint8Array([1, 2])] });
  asked.isDowngrading = true;
  asked.versionsAnswer = { server: '3.6.14', cluster: '3.6.0', storage: '3.6.0' };
  asked.hash = { revision: 2 ** 40, hash: 2 ** 32 - 1, compactRevision: 7, hashRevision: 2 ** 40 };
  expect(await asking.versions(2n)).toEqual(asked.versionsAnswer);
  expect(await asking.hashKv(2n, 0)).toEqual(asked.hash);
  expect(await asking.hashKv(2n, 9)).toEqual({ ...asked.hash, hashRevision: 9 });
  expect(await asking.renewLease(2n, 2n ** 63n - 1n)).toBe(9);
  expect(await asking.renewLease(2n, 3n)).toBeUndefined();
  expect(await asking.leaseTimeToLive(2n, 2n ** 63n - 1n, { keys: true })).toEqual(
    asked.leases.get(2n ** 63n - 1n),
  );
  expect(await asking.leaseTimeToLive(2n, 3n, { keys: true })).toBeUndefined();
  expect(await asking.isDowngradeEnabled(2n)).toBe(true);
  asked.memberList = [
    { id: 2n ** 64n - 1n, name: '', peerUrls: ['http://x:1'], clientUrls: [], isLearner: true },
  ];
  expect(await asking.promoteMember(2n, 2n ** 64n - 1n)).toEqual([
    { ...asked.memberList[0], isLearner: false },
  ]);
});

test.each([
  ['MEMBER_NOT_LEARNER', 412, 'membership: can only promote a learner member'],
  ['REPLICA_NOT_LEADER', 500, 'not the leader'],
])('a refusal for %s comes with its status and its words', async (code, status, reason) => {
  asked.failure = new CodedError(code, 'not the leader');
  await expect(asking.promoteMember(2n, 5n)).rejects.toMatchObject({ code: 'PEER_REFUSED', status, reason });
});

test('a hash for another cluster is refused', async () => {
  asked.clusterId = 0xbadn;
  await expect(asking.hashKv(2n, 0)).rejects.toMatchObject({ status: 412, reason: 'cluster ID mismatch' });
});

test('a member that is not there, or that nobody knows of, cannot be reached', async () => {
  asking.setPeers([{ id: 7n, peerUrls: ['http://127.0.0.1:1', 'https://127.0.0.1:1', 'no URL'] }]);
  await expect(asking.versions(7n)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  await expect(asking.versions(8n)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
});

test('a question that is given up ends with the reason for that', async () => {
  const controller = new AbortController();
  const reason = new CodedError('ENOUGH');
  asked.hashKv = async () => {
    controller.abort(reason);
    return new Promise(() => {});
  };
  await expect(asking.hashKv(2n, 0, controller)).rejects.toBe(reason);
  await expect(asking.versions(2n, controller)).rejects.toBe(reason);
});

test('an answer that does not come in time ends the question', async () => {
  await using slow = await TestNetwork.start(2, { answerTimeoutMs: 50 });
  slow.member(2).host.isDowngradeEnabled = () => new Promise(() => {});
  slow.member(1).transport.setPeers(slow.member(2).host.memberList);
  await expect(slow.member(1).transport.isDowngradeEnabled(2n)).rejects.toMatchObject({
    code: 'PEER_TIMEOUT',
  });
});

test.each([
  ['no JSON at all', 'hello'],
  ['JSON of another shape', '[1]'],
  ['JSON nested without end', '['.repeat(100_000)],
])('an answer that is %s is no answer', async (_name, body) => {
  await using server = await serverSaying(200, body);
  asking.setPeers([{ id: 7n, peerUrls: [server.url] }]);
  const badAnswer = { code: 'PEER_BAD_ANSWER' };
  await expect(asking.versions(7n)).rejects.toMatchObject(badAnswer);
  await expect(asking.hashKv(7n, 0)).rejects.toMatchObject(badAnswer);
  await expect(asking.isDowngradeEnabled(7n)).rejects.toMatchObject(badAnswer);
  await expect(asking.promoteMember(7n, 1n)).rejects.toMatchObject(badAnswer);
  await expect(asking.renewLease(7n, 1n)).rejects.toMatchObject(badAnswer);
  await expect(asking.leaseTimeToLive(7n, 1n, { keys: true })).rejects.toMatchObject(badAnswer);
});

test('an answer that is longer than an answer may be is not read to its end', async () => {
  await using server = await serverSaying(200, 'x'.repeat(17 * 1024 * 1024));
  await expect(fetchVersions([server.url], { timeoutMs: 60_000 })).rejects.toMatchObject({
    code: 'PEER_BAD_ANSWER',
    reason: 'too long an answer',
  });
});

test('a redirect is not followed', async () => {
  await using server = await serverSaying(301, '', { Location: `${network.member(2).url}/version` });
  asking.setPeers([{ id: 7n, peerUrls: [server.url] }]);
  await expect(asking.versions(7n)).rejects.toMatchObject({ code: 'PEER_REFUSED', status: 301 });
});

test('somebody without an identity learns of a running cluster from the first member that answers', async () => {
  await using stranger = await serverSaying(200, '[]');
  await using refuser = await serverSaying(503, 'not started yet\n');
  const urls = ['http://127.0.0.1:1', refuser.url, stranger.url, network.member(2).url];
  expect(await fetchMembers(urls, { timeoutMs: 60_000 })).toEqual({
    clusterId: 0xc1n,
    members: asked.memberList,
  });
  expect(await fetchVersions(urls.slice(0, 2).concat(network.member(2).url), { timeoutMs: 60_000 })).toEqual({
    server: '3.5.30',
    cluster: '3.5.0',
  });
});

test('when no member answers the last reason is told', async () => {
  await using refuser = await serverSaying(503, 'not started yet\n');
  const urls = ['http://127.0.0.1:1', refuser.url];
  await expect(fetchMembers(urls, { timeoutMs: 60_000 })).rejects.toMatchObject({
    code: 'PEER_REFUSED',
    reason: 'not started yet',
  });
  await expect(fetchMembers([], { timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
});
