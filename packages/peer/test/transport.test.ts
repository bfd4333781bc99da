import { expect, test } from 'vitest';
import { raftpb, type Entry } from '@quorate/wire';
import { makeMessage, TestNetwork } from '../src/testing/index.ts';

const { MessageType } = raftpb;

function entryAt(index: number, text = `data ${index}`): Entry {
  return { term: 1, index, type: 0, data: new TextEncoder().encode(text) };
}

test('messages of every kind arrive as they were sent', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  const sent = [
    makeMessage({ type: MessageType.MsgVote, from: 1n, to: 2n, term: 3, logTerm: 2, index: 9 }),
    makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, entries: [entryAt(1)], commit: 0 }),
    makeMessage({ type: MessageType.MsgProp, from: 1n, to: 2n, entries: [{ ...entryAt(0), term: 0 }] }),
  ];
  a.transport.send(sent);
  await b.host.until(() => b.host.received.length === 3);
  expect(b.host.received.sort((x, y) => x.type - y.type)).toEqual(sent.sort((x, y) => x.type - y.type));
});

test('appends arrive in the order in which they were sent', async () => {
  await using network = await TestNetwork.start(2);
  await network.connect();
  const [a, b] = [network.member(1), network.member(2)];
  for (let index = 0; index < 500; index++) {
    const entries = [entryAt(index + 1)];
    a.transport.send([
      makeMessage({
        type: MessageType.MsgApp,
        from: 1n,
        to: 2n,
        term: 1,
        logTerm: 1,
        index,
        entries,
        commit: index,
      }),
    ]);
  }
  await b.host.until(() => b.host.received.length === 500);
  expect(b.host.received.map((message) => message.index)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect(b.host.received.at(-1)?.entries).toEqual([entryAt(500)]);
  expect(a.host.unreachable).toEqual([]);
});
