import { ManualClock } from '@quorate/std/testing';
import { systemClock } from '@quorate/std';
import { raftpb, type Entry, type Message } from '@quorate/wire';
import { expect, test } from 'vitest';
import { PeerPort, PeerTransport } from '../src/index.ts';
import { CodedError, FakeHost, makeMessage, TestNetwork } from '../src/testing/index.ts';

const { MessageType } = raftpb;

function entryAt(index: number, text = `data ${index}`): Entry {
  return { term: 1, index, type: 0, data: new TextEncoder().encode(text) };
}

function append(index: number, fields: Partial<Message> = {}): Message {
  const entries = [entryAt(index + 1)];
  return makeMessage({
    type: MessageType.MsgApp,
    from: 1n,
    to: 2n,
    term: 1,
    logTerm: 1,
    index,
    entries,
    ...fields,
  });
}

const byType = (a: Message, b: Message) => a.type - b.type;

test('messages of every kind arrive as they were sent', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  const sent = [
    makeMessage({ type: MessageType.MsgVote, from: 1n, to: 2n, term: 3, logTerm: 2, index: 9 }),
    append(4, { commit: 4 }),
    makeMessage({ type: MessageType.MsgProp, from: 1n, to: 2n, entries: [{ ...entryAt(0), term: 0 }] }),
  ];
  a.transport.send(sent);
  await b.host.until(() => b.host.received.length === 3);
  expect(b.host.received.toSorted(byType)).toEqual(sent.toSorted(byType));
});

test('appends arrive in the order in which they were sent', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  for (let index = 0; index < 500; index++) a.transport.send([append(index)]);
  await b.host.until(() => b.host.received.length === 500);
  expect(b.host.received).toEqual(Array.from({ length: 500 }, (_, index) => append(index)));
  expect(a.host.unreachable).toEqual([]);
});

test('each of three members reaches both others', async () => {
  await using network = await TestNetwork.start(3);
  await network.connect();
  for (const { host, transport } of network.members) {
    const others = [1n, 2n, 3n].filter((id) => id !== host.id);
    transport.send(
      others.map((to) => makeMessage({ type: MessageType.MsgHeartbeat, from: host.id, to, term: 1 })),
    );
  }
  for (const { host } of network.members) {
    await host.until(() => host.received.length === 2);
    const from = host.received.map((message) => message.from).toSorted();
    expect(from).toEqual([1n, 2n, 3n].filter((id) => id !== host.id));
  }
});

test('of several answers to appends in one batch only the last one to each member is sent', async () => {
  await using network = await TestNetwork.start(3);
  await network.connect();
  const answer = (to: bigint, index: number) =>
    makeMessage({ type: MessageType.MsgAppResp, from: 1n, to, term: 1, index });
  network.member(1).transport.send([answer(2n, 1), answer(3n, 7), answer(2n, 2), answer(2n, 3)]);
  const [b, c] = [network.member(2).host, network.member(3).host];
  await b.until(() => b.received.length > 0);
  await c.until(() => c.received.length > 0);
  expect(b.received).toEqual([answer(2n, 3)]);
  expect(c.received).toEqual([answer(3n, 7)]);
});

test('without a stream messages go through the pipeline', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  // Only A knows of B, so B opens no stream to A.
  a.transport.setPeers(a.host.memberList);
  const vote = makeMessage({ type: MessageType.MsgVote, from: 1n, to: 2n, term: 3 });
  a.transport.send([vote, append(1)]);
  await b.host.until(() => b.host.received.length === 2);
  expect(b.host.received.toSorted(byType)).toEqual([append(1), vote]);
});

test('a member that is not known yet is answered where it says that it is', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  a.transport.setPeers(a.host.memberList);
  a.transport.send([append(1)]);
  await b.host.until(() => b.host.received.length === 1);
  const answer = makeMessage({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 1, index: 2 });
  b.transport.send([answer]);
  await a.host.until(() => a.host.received.length === 1);
  expect(a.host.received).toEqual([answer]);
  // Once it is known it gets streams.
  b.transport.setPeers(b.host.memberList);
  await a.heard('open message out 2');
});

test('what the pipeline has no room for is lost, and the host hears of it once', async () => {
  await using network = await TestNetwork.start(2);
  const a = network.member(1);
  a.transport.setPeers(a.host.memberList);
  a.transport.send(Array.from({ length: 80 }, (_, index) => append(index)));
  await a.host.until(() => a.host.unreachable.length > 0);
  expect(a.host.unreachable).toEqual([2n]);
  expect(a.log.filter((line) => line === 'send failure 2')).toHaveLength(80 - 4 - 64);
  const b = network.member(2).host;
  await b.until(() => b.received.length === 68);
});

test('a message to nobody we know is passed over', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  a.transport.send([append(1, { to: 99n }), append(2)]);
  await b.host.until(() => b.host.received.length === 1);
  expect(b.host.received).toEqual([append(2)]);
});

test('streams come back after the other side was away', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  await b.stop();
  await a.heard('close message in 2');
  await a.heard('close message out 2');
  expect(a.transport.activeForMs(2n)).toBeUndefined();
  await a.host.until(() => a.host.unreachable.includes(2n));
  await b.restart();
  b.transport.setPeers(b.host.memberList);
  for (const line of ['open msgapp in 2', 'open message in 2', 'open msgapp out 2', 'open message out 2']) {
    await a.heard(line, 2);
  }
  expect(a.transport.activeForMs(2n)).toBeGreaterThanOrEqual(0);
  a.transport.send([append(7)]);
  await b.host.until(() => b.host.received.length === 1);
  expect(b.host.received).toEqual([append(7)]);
});

test('a member with several URLs is reached at the one that works', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  const dead = new PeerPort();
  const deadUrl = `http://127.0.0.1:${await dead.listen({ host: '127.0.0.1', port: 0 })}`;
  await dead.close();
  a.transport.setPeers([{ id: 2n, peerUrls: [deadUrl, b.url] }]);
  b.transport.setPeers(b.host.memberList);
  await a.heard('open msgapp in 2');
  await a.heard('open message in 2');
  expect(await a.transport.versions(2n)).toEqual({ server: '3.5.30', cluster: '3.5.0' });
});

test('a changed URL is used from the next attempt on', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  b.transport.setPeers(b.host.memberList);
  a.transport.setPeers([{ id: 2n, peerUrls: ['http://127.0.0.1:1'] }]);
  await a.host.until(() => a.log.some((line) => line.startsWith('receive failure 2')));
  a.transport.setPeers([{ id: 2n, peerUrls: [b.url] }]);
  await a.heard('open message in 2');
});

test('a removed member is told so when it opens a stream', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  b.host.removed.add(1n);
  a.transport.setPeers(a.host.memberList);
  await a.host.until(() => a.host.removedCount > 0);
  // It goes on trying until it is stopped, but tells its host once.
  await b.heard('refused /raft/stream/message/1 410 removed member', 2);
  expect(a.host.removedCount).toBe(1);
});

test('a removed member is told so when it posts a message', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  b.host.removed.add(77n);
  // A speaks with another tongue, so that the streams give nothing away.
  a.transport.setPeers(a.host.memberList);
  a.transport.send([append(1, { from: 77n })]);
  await a.host.until(() => a.host.removedCount > 0);
  expect(b.host.received).toEqual([]);
});

test('a member of another cluster is refused, and does not take itself for removed', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  a.host.clusterId = 0xbadn;
  b.host.removed.add(1n);
  a.transport.setPeers(a.host.memberList);
  a.transport.send([append(1)]);
  await b.heard('refused /raft/stream/msgapp/1 412 cluster ID mismatch');
  await b.heard('refused /raft 412 cluster ID mismatch');
  await a.host.until(() => a.host.unreachable.length > 0);
  expect([a.host.removedCount, b.host.received]).toEqual([0, []]);
});

test('a member of an incompatible version is refused', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  a.host.serverVersion = '2.3.8';
  a.transport.setPeers(a.host.memberList);
  await b.heard('refused /raft/stream/message/1 412 incompatible version');
  expect(a.transport.activeForMs(2n)).toBeUndefined();
});

test('a message from nobody, from a removed member or of a local kind is passed over', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  b.host.removed.add(66n);
  const kinds = [
    MessageType.MsgHup,
    MessageType.MsgBeat,
    MessageType.MsgUnreachable,
    MessageType.MsgStorageAppend,
  ];
  a.transport.send([
    ...kinds.map((type) => makeMessage({ type, from: 1n, to: 2n })),
    append(10, { from: 66n }),
    append(20, { from: 0n }),
    append(30),
  ]);
  a.transport.send([makeMessage({ type: MessageType.MsgTimeoutNow, from: 1n, to: 2n, term: 9 })]);
  await b.host.until(() => b.host.received.length === 2);
  expect(b.host.received.toSorted(byType)).toEqual([
    append(30),
    makeMessage({ type: MessageType.MsgTimeoutNow, from: 1n, to: 2n, term: 9 }),
  ]);
});

test('a message for somebody else is passed over', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = [network.member(1), network.member(2)];
  // A believes that member 9 lives where B does.
  a.transport.setPeers([{ id: 9n, peerUrls: [b.url] }]);
  a.transport.send([append(1, { to: 9n })]);
  await b.heard('refused /raft 500 error processing raft message');
  await b.heard('refused /raft/stream/message/1 404 error sender not found');
  b.transport.setPeers(b.host.memberList);
  await b.heard('refused /raft/stream/message/1 412 to field mismatch');
  expect([a.host.removedCount, b.host.received]).toEqual([0, []]);
});

test('a host that throws loses that message and no other', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  b.host.onMessage = (message) => {
    if (message.index === 0) throw new CodedError('BROKEN', 'cannot take it');
  };
  a.transport.send([append(0), append(1)]);
  await b.host.until(() => b.host.received.length === 2);
  expect(b.log).toContain('host error CodedError: cannot take it');
});

test('members probe each other, and report clocks that are far apart', async () => {
  const clocks = [new ManualClock(Date.UTC(2026, 0, 1)), new ManualClock(Date.UTC(2026, 0, 1) + 1_500)];
  await using network = await TestNetwork.start(2, (id) => ({ clock: clocks[id - 1] ?? systemClock }));
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  clocks[0]?.advance(4_000);
  await a.heard('round trip 2');
  expect(a.log).toContain('drift 2');
  clocks[1]?.advance(4_000);
  await b.heard('round trip 1');
  expect(b.log).toContain('drift 1');
  clocks[0]?.advance(4_000);
  await a.heard('round trip 2', 2);
});

test('how long a member has been active is counted from when messages flow both ways', async () => {
  const clock = new ManualClock();
  await using network = await TestNetwork.start(2, { clock });
  const [a, b] = [network.member(1), network.member(2)];
  expect(a.transport.activeForMs(2n)).toBeUndefined();
  await network.connect();
  clock.advance(250);
  expect(a.transport.activeForMs(2n)).toBe(250);
  expect(a.transport.activeForMs(99n)).toBeUndefined();
  b.transport.setPeers([]);
  await a.heard('inactive 2');
  expect(a.transport.activeForMs(2n)).toBeUndefined();
});

test('a member that is taken out loses its connections', async () => {
  await using network = await TestNetwork.start(3);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  a.transport.setPeers(a.host.memberList.filter(({ id }) => id !== 2n));
  await b.heard('close message in 1');
  await a.heard('refused /raft/stream/message/2 404 error sender not found');
  expect(a.transport.activeForMs(3n)).toBeGreaterThanOrEqual(0);
});

test('closing ends every socket and every question', async () => {
  const sockets = () => process.getActiveResourcesInfo().filter((name) => /TCP/.test(name)).length;
  const settled = async () => {
    // Closed sockets are given back at the end of a turn of the event loop.
    for (let turn = 0; turn < 1000 && sockets() > 0; turn++) await new Promise(setImmediate);
    return sockets();
  };
  expect(await settled()).toBe(0);
  const network = await TestNetwork.start(3);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  expect(await a.transport.versions(2n)).toMatchObject({ server: '3.5.30' });
  b.host.hashKv = () => new Promise(() => {});
  const question = a.transport.hashKv(2n, 0);
  const failed = expect(question).rejects.toMatchObject({ code: 'PEER_CLOSED' });
  a.transport.send([append(1)]);
  await network[Symbol.asyncDispose]();
  await failed;
  await expect(a.transport.versions(2n)).rejects.toMatchObject({ code: 'PEER_CLOSED' });
  a.transport.send([append(2)]);
  expect(await settled()).toBe(0);
});

test('a transport that does not listen is of use, too', async () => {
  await using network = await TestNetwork.start(1);
  const host = new FakeHost({ id: 5n, members: [] });
  await using transport = new PeerTransport({ host });
  transport.setPeers(network.member(1).host.memberList);
  expect(await transport.versions(1n)).toEqual({ server: '3.5.30', cluster: '3.5.0' });
});
