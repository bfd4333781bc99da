import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fromHex, idToHex } from '@quorate/std';
import { ManualClock } from '@quorate/std/testing';
import { raftpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { makeMessage, TestNetwork } from '../src/testing/index.ts';
import { peerHeaders, rawResponse } from './support/raw-http.ts';

const { MessageType } = raftpb;

/** A member 2 that answers streams as a test wants it to. */
async function scriptedPeer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
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

test.each([
  ['an unknown kind of frame', '07'],
  ['a length beyond all limits', '02 00ffffffffffffff'],
  ['a message that is none', '02 0000000000000002 ffff'],
  [
    'an entry of a type that raft does not have',
    '01 0000000000000001 0000000000000002 0807 0000000000000000',
  ],
])('a stream that brings %s is ended and opened anew, and nothing reaches the host', async (_name, hex) => {
  await using network = await TestNetwork.start(1);
  const a = network.member(1);
  await using peer = await scriptedPeer((request, response) => {
    response.writeHead(200, { 'X-Server-Version': '3.5.30' });
    response.flushHeaders();
    if (request.url?.startsWith('/raft/stream/msgapp') === true) response.write(fromHex(hex));
  });
  a.transport.setPeers([{ id: 2n, peerUrls: [peer.url] }]);
  await a.heard('close msgapp in 2', 2);
  expect(a.host.received).toEqual([]);
  expect(a.log.filter((line) => line === 'open message in 2')).toHaveLength(1);
});

test('a stream on which nothing comes is given up', async () => {
  await using network = await TestNetwork.start(1, { readTimeoutMs: 50 });
  const a = network.member(1);
  await using peer = await scriptedPeer((_request, response) => {
    response.writeHead(200);
    response.flushHeaders();
  });
  a.transport.setPeers([{ id: 2n, peerUrls: [peer.url] }]);
  await a.heard('receive failure 2: nothing came in time');
});

test('a member that takes connections and never answers is given up', async () => {
  await using network = await TestNetwork.start(1, { readTimeoutMs: 50 });
  const a = network.member(1);
  await using peer = await scriptedPeer(() => {});
  a.transport.setPeers([{ id: 2n, peerUrls: [peer.url] }]);
  await a.heard('receive failure 2: nothing came in time', 2);
});

test('a server that is no etcd cannot tell us that we were removed', async () => {
  await using network = await TestNetwork.start(1);
  const a = network.member(1);
  await using peer = await scriptedPeer((_request, response) => {
    response.writeHead(410).end('gone');
  });
  a.transport.setPeers([{ id: 2n, peerUrls: [peer.url] }]);
  await a.heard('receive failure 2: 410: gone', 2);
  expect(a.host.removedCount).toBe(0);
});

test('a stream says who we are, and whom we take the other for', async () => {
  await using network = await TestNetwork.start(1);
  const a = network.member(1);
  const requests: IncomingMessage[] = [];
  await using peer = await scriptedPeer((request, response) => {
    requests.push(request);
    response.writeHead(404).end();
    a.host.wake();
  });
  a.transport.setPeers([{ id: 0xabcn, peerUrls: [peer.url] }]);
  await a.host.until(() => requests.length >= 2);
  expect(
    requests
      .map(({ url }) => url)
      .slice(0, 2)
      .toSorted(),
  ).toEqual(['/raft/stream/message/1', '/raft/stream/msgapp/1']);
  expect(requests[0]?.headers).toMatchObject({
    'x-server-from': '1',
    'x-server-version': '3.5.30',
    'x-min-cluster-version': '3.0.0',
    'x-etcd-cluster-id': 'c1',
    'x-raft-to': 'abc',
    'x-peerurls': a.url,
  });
});

test('an idle stream gets a link heartbeat three times in a read timeout', async () => {
  const clock = new ManualClock();
  await using network = await TestNetwork.start(1, { clock });
  const a = network.member(1);
  a.transport.setPeers([{ id: 2n, peerUrls: ['http://127.0.0.1:1'] }]);
  const headers = peerHeaders(a.host.clusterId, { 'X-Raft-To': idToHex(a.host.id) });
  for (const [type, hex] of [
    ['msgapp', '00'],
    ['message', '0000000000000014' + '08081000180020002800300040005000' + '58006800'],
  ]) {
    const stream = await rawResponse(a.url, { path: `/raft/stream/${type}/2`, headers });
    await a.heard(`open ${type} out 2`);
    for (let i = 0; i < 3; i++) {
      clock.advance(5_000 / 3);
      const [chunk] = (await once(stream, 'data')) as [Buffer];
      expect(chunk.toString('hex')).toBe(hex);
    }
    stream.destroy();
    await a.heard(`close ${type} out 2`);
  }
});

test('a slow reader holds up one stream up to its bound, and no heartbeat', async () => {
  await using network = await TestNetwork.start(1, { writeTimeoutMs: 60_000 });
  const a = network.member(1);
  a.transport.setPeers([{ id: 2n, peerUrls: ['http://127.0.0.1:1'] }]);
  const headers = peerHeaders(a.host.clusterId, { 'X-Raft-To': idToHex(a.host.id) });
  const appends = await rawResponse(a.url, { path: '/raft/stream/msgapp/2', headers });
  const others = await rawResponse(a.url, { path: '/raft/stream/message/2', headers });
  appends.pause();
  const entries = [{ term: 1, index: 1, type: 0 as const, data: new Uint8Array(16 * 1024) }];
  const append = makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, entries });
  for (let sent = 0; a.host.unreachable.length === 0 && sent < 100_000; sent += 64) {
    a.transport.send(Array.from({ length: 64 }, () => append));
    expect(a.transport.queuedMessages(2n, 'msgapp')).toBeLessThanOrEqual(4_096);
    await new Promise(setImmediate);
  }
  expect(a.host.unreachable).toEqual([2n]);
  expect(a.transport.queuedMessages(2n, 'msgapp')).toBe(4_096);
  a.transport.send([makeMessage({ type: MessageType.MsgHeartbeat, from: 1n, to: 2n, term: 1 })]);
  const [chunk] = (await once(others, 'data')) as [Buffer];
  expect(chunk.length).toBe(8 + 22 - 2);
  appends.destroy();
  others.destroy();
  await a.heard('close msgapp out 2');
  expect(a.transport.queuedMessages(2n, 'msgapp')).toBe(0);
});

test('a reader that takes nothing at all is given up', async () => {
  await using network = await TestNetwork.start(1, { writeTimeoutMs: 50 });
  const a = network.member(1);
  a.transport.setPeers([{ id: 2n, peerUrls: ['http://127.0.0.1:1'] }]);
  const headers = peerHeaders(a.host.clusterId, { 'X-Raft-To': idToHex(a.host.id) });
  const stream = await rawResponse(a.url, { path: '/raft/stream/msgapp/2', headers });
  stream.pause();
  stream.on('error', () => {});
  const data = new Uint8Array(32 * 1024 * 1024);
  const entries = [{ term: 1, index: 1, type: 0 as const, data }];
  a.transport.send([makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, entries })]);
  await a.heard('close msgapp out 2');
  await a.host.until(() => a.host.unreachable.length > 0);
});

test('a reset in the middle of a frame loses that frame only', async () => {
  await using network = await TestNetwork.start(1);
  const a = network.member(1);
  const whole = '0000000000000014' + '08081002180120032800300040005000' + '58006800';
  const heartbeat = makeMessage({ type: MessageType.MsgHeartbeat, to: 1n, from: 2n, term: 3 });
  const bytes = Buffer.from(fromHex(whole.replace('10021801', '10011802')));
  let streams = 0;
  await using peer = await scriptedPeer((request, response) => {
    response.writeHead(200);
    response.flushHeaders();
    if (request.url?.startsWith('/raft/stream/message/') !== true) return;
    if (streams++ > 0) return void response.write(bytes);
    response.write(Buffer.concat([bytes, bytes.subarray(0, 11)]), () => response.socket?.resetAndDestroy());
  });
  a.transport.setPeers([{ id: 2n, peerUrls: [peer.url] }]);
  await a.heard('open message in 2', 2);
  await a.host.until(() => a.host.received.length === 2);
  expect(a.host.received).toEqual([heartbeat, heartbeat]);
});
