import { once } from 'node:events';
import { connect } from 'node:net';
import { concatBytes, idToHex, uint64ToBytes } from '@quorate/std';
import { encodeMessage, raftpb, type Message } from '@quorate/wire';
import { expect, test } from 'vitest';
import { CodedError, makeMessage, TestNetwork, type TestMember } from '../src/testing/index.ts';
import { peerHeaders, rawAnswer } from './support/raw-http.ts';

const { MessageType } = raftpb;

const snapshot: Message = makeMessage({
  type: MessageType.MsgSnap,
  from: 1n,
  to: 2n,
  term: 3,
  snapshot: {
    data: Buffer.from('{}'),
    index: 20,
    term: 2,
    confState: { voters: [1n, 2n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  },
});

/** A store in chunks, which remembers how far it was read and whether it was ended. */
class Store {
  produced = 0;
  isEnded = false;
  readonly #chunks: number;
  readonly #failAt: number;

  constructor(chunks: number, failAt = Number.POSITIVE_INFINITY) {
    this.#chunks = chunks;
    this.#failAt = failAt;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    try {
      for (let i = 0; i < this.#chunks; i++) {
        if (i === this.#failAt) throw new CodedError('STORE_DAMAGED');
        this.produced++;
        yield Buffer.alloc(chunkBytes, i);
      }
    } finally {
      this.isEnded = true;
    }
  }
}

const chunkBytes = 64 * 1024;

async function connected(network: TestNetwork): Promise<[TestMember, TestMember]> {
  await network.connect();
  return [network.member(1), network.member(2)];
}

test('a snapshot arrives with its store, whole', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = await connected(network);
  await a.transport.sendSnapshot(snapshot, new Store(5).read());
  expect(b.host.snapshots).toHaveLength(1);
  expect({ ...b.host.snapshots[0]?.message }).toEqual({
    ...snapshot,
    snapshot: { ...snapshot.snapshot, data: new Uint8Array(Buffer.from('{}')) },
  });
  expect(
    Buffer.from(b.host.snapshots[0]?.db ?? []).equals(
      Buffer.concat([0, 1, 2, 3, 4].map((i) => Buffer.alloc(chunkBytes, i))),
    ),
  ).toBe(true);
  expect([...a.log, ...b.log]).toEqual(
    expect.arrayContaining(['snapshot sent 2 true', 'snapshot received 1 true']),
  );
});

test('a store is read as fast as the receiver takes it', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = await connected(network);
  const store = new Store(1024);
  let taken = 0;
  let ahead = 0;
  b.host.onSnapshot = async (_message, db) => {
    for await (const chunk of db) {
      taken += chunk.length;
      ahead = Math.max(ahead, store.produced * chunkBytes - taken);
      await new Promise(setImmediate);
    }
  };
  await a.transport.sendSnapshot(snapshot, store.read());
  expect(taken).toBe(1024 * chunkBytes);
  // What the two sockets hold, and no more: far below the 64 MiB there are.
  expect(ahead).toBeLessThan(24 * 1024 * 1024);
});

test('a store that fails in the middle fails the transfer on both sides', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = await connected(network);
  await expect(a.transport.sendSnapshot(snapshot, new Store(9, 4).read())).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
  });
  await b.heard('snapshot received 1 false');
  expect(b.host.snapshots).toEqual([]);
  expect(a.log).toContain('snapshot sent 2 false');
});

test('a receiver that refuses in the middle ends the reading, and its words get through', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = await connected(network);
  b.host.onSnapshot = async (_message, db) => {
    for await (const chunk of db) if (chunk.length > 0) throw new CodedError('FULL', 'the disk is full');
  };
  const store = new Store(4096);
  await expect(a.transport.sendSnapshot(snapshot, store.read())).rejects.toMatchObject({
    code: 'PEER_REFUSED',
    status: 500,
    reason: 'failed to save KV snapshot (the disk is full)',
  });
  expect(store.isEnded).toBe(true);
  expect(store.produced).toBeLessThan(4096);
});

test('a receiver that goes away in the middle fails the transfer', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = await connected(network);
  let stopped: Promise<void> | undefined;
  b.host.onSnapshot = async (_message, db) => {
    for await (const chunk of db) if (chunk.length > 0) stopped ??= b.stop();
  };
  const store = new Store(4096);
  await expect(a.transport.sendSnapshot(snapshot, store.read())).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
  });
  expect(store.isEnded).toBe(true);
  await stopped;
});

test('closing the sender in the middle fails the transfer on both sides', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = await connected(network);
  let closed: Promise<void> | undefined;
  b.host.onSnapshot = async (_message, db) => {
    for await (const chunk of db) if (chunk.length > 0) closed ??= a.transport.close();
  };
  const store = new Store(4096);
  await expect(a.transport.sendSnapshot(snapshot, store.read())).rejects.toMatchObject({
    code: 'PEER_CLOSED',
  });
  await closed;
  expect(store.isEnded).toBe(true);
  await b.heard('snapshot received 1 false');
});

test('a snapshot for nobody fails, and its store is ended', async () => {
  await using network = await TestNetwork.start(1);
  const store = new Store(4).read();
  await expect(network.member(1).transport.sendSnapshot(snapshot, store)).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
  });
  expect(await store.next()).toEqual({ done: true, value: undefined });
});

test('heartbeats pass by a snapshot', async () => {
  await using network = await TestNetwork.start(2);
  const [a, b] = await connected(network);
  const heartbeat = makeMessage({ type: MessageType.MsgHeartbeat, from: 1n, to: 2n, term: 3 });
  b.host.onSnapshot = async (_message, db) => {
    a.transport.send([heartbeat]);
    await b.host.until(() => b.host.received.length > 0); // Nothing of the store is read before.
    for await (const chunk of db) expect(chunk.length).toBeGreaterThan(0);
  };
  await a.transport.sendSnapshot(snapshot, new Store(1024).read());
  expect(b.host.received).toEqual([heartbeat]);
});

function framed(message: Message, length = encodeMessage(message).length): Uint8Array {
  return concatBytes([uint64ToBytes(BigInt(length)), encodeMessage(message)]);
}

test.each([
  ['without a message', new Uint8Array(0), 400, 'failed to decode raft message (EOF)'],
  ['with half a length', new Uint8Array(5), 400, 'failed to decode raft message (unexpected EOF)'],
  [
    'that claims a tebibyte',
    uint64ToBytes(2n ** 40n),
    400,
    'failed to decode raft message (rafthttp: error limit exceeded)',
  ],
  [
    'that claims all there is',
    uint64ToBytes(2n ** 64n - 1n),
    400,
    'failed to decode raft message (rafthttp: error limit exceeded)',
  ],
  ['cut short', framed(snapshot, 500), 400, 'failed to decode raft message (unexpected EOF)'],
  [
    'of another kind',
    framed(makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n })),
    400,
    'wrong raft message type',
  ],
  [
    'without a snapshot',
    framed(makeMessage({ type: MessageType.MsgSnap, from: 1n, to: 2n })),
    400,
    'failed to decode raft message (no snapshot)',
  ],
  [
    'for somebody else',
    framed({ ...snapshot, to: 9n }),
    500,
    'failed to process raft message (cannot process message to mismatch member)',
  ],
])('a snapshot %s is refused, and nothing is stored', async (_name, body, status, text) => {
  await using network = await TestNetwork.start(2);
  const b = network.member(2);
  const headers = peerHeaders(b.host.clusterId);
  const answer = await rawAnswer(b.url, { method: 'POST', path: '/raft/snapshot', headers, body });
  expect([answer.status, answer.body.toString()]).toEqual([status, `${text}\n`]);
  expect(b.host.snapshots).toEqual([]);
});

test('a connection that breaks inside the store is no end of the store', async () => {
  await using network = await TestNetwork.start(2);
  const b = network.member(2);
  const socket = connect(Number(new URL(b.url).port), '127.0.0.1');
  const head = Object.entries(peerHeaders(b.host.clusterId)).map(([name, value]) => `${name}: ${value}\r\n`);
  const frame = framed(snapshot);
  socket.write(
    `POST /raft/snapshot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${head.join('')}\r\n`,
  );
  socket.write(`${frame.length.toString(16)}\r\n`);
  socket.write(frame);
  socket.write('\r\n4\r\nabcd\r\n');
  let taken = 0;
  b.host.onSnapshot = async (_message, db) => {
    for await (const chunk of db) {
      taken += chunk.length;
      socket.destroy();
    }
  };
  await once(socket, 'close');
  await b.heard('snapshot received 1 false');
  expect(taken).toBe(4);
  expect(idToHex(snapshot.from)).toBe('1');
});
