import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { fromLatin1, fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Dice } from '../src/differential/dice.ts';
import { GrpcCaller } from '../src/differential/grpc-caller.ts';
import { op } from '../src/differential/operation.ts';
import { startQuorate, type MemberProcess } from '../src/member-process.ts';

/** There is no released etcd 3.7 to compare with: what it would answer follows from Range, which is compared. */
const seed = Number(process.env['QUORATE_SEED'] ?? 20261122);
const path = '/etcdserverpb.KV/RangeStream';
const keyCount = 3000;
const all = { key: fromLatin1('\0'), rangeEnd: fromLatin1('\0') };

let folder: string;
let member: MemberProcess;
let caller: GrpcCaller;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-range-stream-'));
  member = await startQuorate({ dataDir: folder, flags: ['--unsafe-no-fsync'] });
  caller = new GrpcCaller(member.endpoint);
  // Values of very different sizes, so that chunks both grow and shrink.
  for (let i = 0; i < keyCount; i++) {
    await send(op.put({ key: keyOf(i), value: new Uint8Array(i % 500 === 0 ? 600_000 : i % 50).fill(i) }));
  }
});
afterAll(async () => {
  caller[Symbol.dispose]();
  await member[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function keyOf(i: number): Uint8Array {
  return fromUtf8(`key/${String(i).padStart(5, '0')}`);
}

async function send({ path, bytes }: { path: string; bytes: Uint8Array }): Promise<Uint8Array> {
  const reply = await caller.unary(path, bytes);
  expect(reply.message).toBe('');
  return reply.bytes;
}

/** The chunks of a stream that ended well. */
async function chunksOf(fields: Partial<rpcpb.RangeRequest>): Promise<rpcpb.RangeResponse[]> {
  const { reply, messages } = await caller.serverStream(path, op.range(fields).bytes);
  expect(reply.message).toBe('');
  return messages.map((bytes) => rpcpb.RangeStreamResponse.decode(bytes).rangeResponse!);
}

/** What a client makes of the chunks: keys one after the other, the rest from the last message. */
function joined(chunks: readonly rpcpb.RangeResponse[]): Uint8Array {
  const response = { ...chunks.at(-1)!, kvs: chunks.flatMap(({ kvs }) => kvs) };
  return rpcpb.RangeResponse.encode(response).finish();
}

test('chunks begin with ten keys and double, and the last alone has header, more and count', async () => {
  const chunks = await chunksOf({ key: keyOf(1), rangeEnd: keyOf(400) });
  expect(chunks.slice(0, -1).map(({ kvs }) => kvs.length)).toEqual([10, 20, 40, 80, 160]);
  for (const { header, count, more } of chunks.slice(0, -1)) {
    expect({ header, count, more }).toEqual({ header: undefined, count: 0n, more: false });
  }
  expect(chunks.at(-1)).toMatchObject({
    count: 399n,
    more: false,
    header: { revision: BigInt(keyCount + 1) },
  });
});

test('joined, chunks are the answer of Range, whatever is asked', async () => {
  const dice = new Dice(seed);
  for (let i = 0; i < 100; i++) {
    const from = dice.below(keyCount + 10);
    const to = dice.pick([fromLatin1(''), fromLatin1('\0'), keyOf(from + dice.below(1000)), keyOf(0)]);
    const fields: Partial<rpcpb.RangeRequest> = {
      key: dice.perMille(100) ? fromLatin1('\0') : keyOf(from),
      rangeEnd: to,
      limit: dice.pick([0n, 0n, 1n, 9n, 10n, 11n, 100n, 5000n, -1n, 2n ** 63n - 1n]),
      revision: dice.pick([0n, 0n, BigInt(dice.between(2, keyCount)), -7n]),
      serializable: dice.perMille(500),
      keysOnly: dice.perMille(200),
      countOnly: dice.perMille(100),
      sortOrder: dice.pick([0, 1]),
    };
    const unary = await send(op.range(fields));
    const where = `request ${i} of seed ${seed}`;
    expect(Buffer.from(joined(await chunksOf(fields))).equals(unary), where).toBe(true);
  }
});

test('no chunk but one of a single key is much beyond half a request, and all of them are of one revision', async () => {
  const writing = (async () => {
    for (let i = 0; i < 100; i++) await send(op.put({ key: keyOf(i * 30), value: fromUtf8('overwritten') }));
  })();
  const chunks = await chunksOf({ ...all, revision: BigInt(keyCount + 1) });
  await writing;
  for (const { kvs } of chunks) {
    const size = kvs.reduce((sum, kv) => sum + kv.value.length, 0);
    expect(size <= 2 * 1024 * 1024 || kvs.length === 1).toBe(true);
  }
  expect(chunks.flatMap(({ kvs }) => kvs).every(({ version }) => version === 1n)).toBe(true);
  const now = await chunksOf(all);
  expect(now.flatMap(({ kvs }) => kvs).filter(({ version }) => version === 2n)).toHaveLength(100);
});

test.each([
  [{ key: fromUtf8('') }, status.INVALID_ARGUMENT, 'etcdserver: key is not provided'],
  [{ ...all, sortOrder: 2 }, status.UNIMPLEMENTED, 'RangeStream does not support custom sort orders'],
  [
    { ...all, sortOrder: 1, sortTarget: 3 },
    status.UNIMPLEMENTED,
    'RangeStream does not support custom sort orders',
  ],
  [{ ...all, sortTarget: 9 }, status.INVALID_ARGUMENT, 'etcdserver: invalid sort option'],
  [{ ...all, minModRevision: 1n }, status.UNIMPLEMENTED, 'RangeStream does not support revision filters'],
  [{ ...all, maxCreateRevision: 1n }, status.UNIMPLEMENTED, 'RangeStream does not support revision filters'],
  [
    { ...all, revision: 1_000_000n },
    status.OUT_OF_RANGE,
    'etcdserver: mvcc: required revision is a future revision',
  ],
] as const)('what it does not take is refused as in etcd 3.7 (%#)', async (fields, code, text) => {
  // The numbers are those of the enums, and one that no enum has.
  const { bytes } = op.range(fields as Partial<rpcpb.RangeRequest>);
  const { reply, messages } = await caller.serverStream(path, bytes);
  expect([reply.code, reply.message]).toEqual([code, text]);
  expect(messages).toEqual([]);
});

test('history that is compacted is not streamed', async () => {
  await send(op.compact({ revision: 100n }));
  const { reply } = await caller.serverStream(path, op.range({ ...all, revision: 99n }).bytes);
  expect(reply).toMatchObject({
    code: status.OUT_OF_RANGE,
    message: 'etcdserver: mvcc: required revision has been compacted',
  });
  expect((await chunksOf({ ...all, revision: 100n })).at(-1)?.count).toBe(99n);
});
