import { MessageBatchWriter, rpcpb, type SharedBatch } from '@quorate/wire';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { MemberWatch } from '../src/index.ts';
import { FakeMember } from './fake-member.ts';
import { serve } from './serve.ts';

const watchPath = '/etcdserverpb.Watch/Watch';
const keepAlivePath = '/etcdserverpb.Lease/LeaseKeepAlive';
const messageBytes = 2048;
const messageCount = 1500;
/** What a transport, the system and a client may hold of a stream that nobody reads. */
const heldBytesMax = 2 * 1024 * 1024;

/** Watch streams with a lot to say, all of it made in the memory of one writer. */
class Talker {
  readonly #batch = new MessageBatchWriter();
  /** How many messages were taken of each stream. */
  readonly taken: number[] = [];

  open(): MemberWatch {
    const index = this.taken.push(0) - 1;
    const { taken } = this;
    const batch = this.#batch;
    return {
      accepting: true,
      get hasPending() {
        return taken[index]! < messageCount;
      },
      request: () => {},
      takeBatch: (maxBytes) => {
        while (taken[index]! < messageCount && batch.size < maxBytes) batch.push(messageOf(taken[index]!++));
        return batch.take();
      },
      close: () => {},
    };
  }
}

function messageOf(number: number): Uint8Array {
  const message = new Uint8Array(messageBytes).fill(number);
  new DataView(message.buffer).setUint32(0, number);
  return message;
}

test('batches to a client that does not read wait in bounded memory, hold up nobody, and are whole in the end', async () => {
  const member = new FakeMember();
  const talker = new Talker();
  member.watch = ({ onReadable }) => {
    onReadable();
    return talker.open();
  };
  await using served = await serve(member);
  const slow = asking(served);
  await once(slow, 'readable');
  const fast = asking(served);
  expect(await read(fast)).toBe(messageCount);
  expect(talker.taken[1]).toBe(messageCount);
  expect(talker.taken[0]! * messageBytes).toBeLessThan(heldBytesMax);
  // What the slow one holds was sent while the memory of others' batches was written over again and again.
  expect(await read(slow)).toBe(messageCount);
});

/** A watch stream with a request, without which a member opens none. */
function asking(served: Awaited<ReturnType<typeof serve>>): ReturnType<typeof served.duplex> {
  const stream = served.duplex(watchPath);
  stream.write(Buffer.alloc(0));
  return stream;
}

/** Reads a stream until all messages have come; each must be as it was made. Returns how many there were. */
async function read(stream: ReturnType<Awaited<ReturnType<typeof serve>>['duplex']>): Promise<number> {
  let count = 0;
  stream.on('error', () => {});
  for await (const message of stream) {
    // Of this stream, all are buffers.
    if (!(message as Buffer).equals(messageOf(count))) break;
    if (++count === messageCount) break;
  }
  stream.cancel();
  return count;
}

test('what many streams are told by the same memory is whole at each of them, and was made once', async () => {
  const member = new FakeMember();
  const readers = 3;
  const writer = new MessageBatchWriter();
  const shared: SharedBatch[] = [];
  let made = 0;
  member.watch = ({ onReadable }) => {
    let taken = 0;
    onReadable();
    return {
      accepting: true,
      get hasPending() {
        return taken < messageCount;
      },
      request: () => {},
      // The first one to come makes it, and whoever is the last to take it lets go of the memory of the maker.
      takeBatch: () => {
        const index = taken++;
        if (shared.length === index) {
          writer.push(messageOf(index));
          shared.push(writer.take());
          made++;
        }
        const batch = shared[index]!;
        const part = batch.part(0, batch.bytes.length, 1);
        if (++takenBy[index]! === readers) batch.release();
        return part;
      },
      close: () => {},
    };
  };
  const takenBy = Array.from({ length: messageCount }, () => 0);
  await using served = await serve(member);
  const streams = Array.from({ length: readers }, () => asking(served));
  expect(await Promise.all(streams.map(read))).toEqual(streams.map(() => messageCount));
  expect(made).toBe(messageCount);
});

test('renewals are answered in their order, whether they are there at once or take a while', async () => {
  const member = new FakeMember();
  let slowOnes = 0;
  member.leases.keepAliveNow = (id) => (id % 3n === 0n ? undefined : Number(id));
  member.leases.keepAlive = async (id) => {
    // The next ones wait for the one that takes a while.
    expect(++slowOnes).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    slowOnes--;
    return Number(id);
  };
  await using served = await serve(member);
  const stream = served.duplex(keepAlivePath);
  const ids = Array.from({ length: 30 }, (_, i) => BigInt(i + 1));
  for (const ID of ids) stream.write(Buffer.from(rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish()));
  stream.end();
  const answered: bigint[] = [];
  for await (const message of stream) {
    const { ID, TTL } = rpcpb.LeaseKeepAliveResponse.decode(message as Buffer); // Of this stream, all are buffers.
    expect(TTL).toBe(ID);
    answered.push(ID);
  }
  expect(answered).toEqual(ids);
});

test('a request that is no message ends its stream', async () => {
  await using served = await serve(new FakeMember());
  for (const path of [keepAlivePath, watchPath]) {
    const stream = served.duplex(path);
    stream.resume();
    stream.write(Buffer.of(0x08));
    expect(await once(stream, 'error')).toMatchObject([{ code: 13 }]);
  }
});
