import { status as codes } from '@grpc/grpc-js';
import { toUtf8 } from '@quorate/std';
import { ManualClock } from '@quorate/std/testing';
import { rpcpb, type mvccpb } from '@quorate/wire';
import { afterEach, expect, test, vi } from 'vitest';
import { ChangeFeed } from '../src/change-feed.ts';
import { Client, type Session, type ViewChange } from '../src/index.ts';
import { FakeServer, status } from './fake-server.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

/** A member that puts each key in its queue as the first, when it is let, and deletes as it is told. */
class QueueServer {
  readonly clock = new ManualClock(Date.now());
  readonly entered: string[] = [];
  readonly deleted: string[] = [];
  /** What answers to requests that enter the queue wait for. */
  letIn: Promise<void> = Promise.resolve();
  /** How many deletes fail first. */
  failures = 0;

  async session(): Promise<Session> {
    const { methods } = rpcpb.KVDefinition;
    const server = new FakeServer()
      .unary(rpcpb.LeaseDefinition, rpcpb.LeaseDefinition.methods.leaseGrant, () => {
        return { ...rpcpb.LeaseGrantResponse.create(), ID: 7n, TTL: 3_600n };
      })
      .unary(rpcpb.LeaseDefinition, rpcpb.LeaseDefinition.methods.leaseRevoke, () =>
        rpcpb.LeaseRevokeResponse.create(),
      )
      .unary(rpcpb.KVDefinition, methods.txn, async ({ request }) => this.#enter(request))
      .unary(rpcpb.KVDefinition, methods.deleteRange, ({ request }) => {
        if (this.failures-- > 0) throw status(codes.UNAVAILABLE, 'etcdserver: request timed out');
        this.deleted.push(toUtf8(request.key));
        return rpcpb.DeleteRangeResponse.create();
      });
    open.push(await server.start());
    const client = new Client({ endpoints: [server.endpoint], clock: this.clock });
    open.push(client);
    const session = await client.session();
    open.push(session);
    return session;
  }

  async #enter({ success }: rpcpb.TxnRequest): Promise<rpcpb.TxnResponse> {
    const put = success[0]?.request;
    if (put?.$case !== 'requestPut') throw new Error('the transaction puts a key');
    this.entered.push(toUtf8(put.value.key));
    await this.letIn;
    const revision = BigInt(this.entered.length);
    const kv: mvccpb.KeyValue = {
      ...put.value,
      createRevision: revision,
      modRevision: revision,
      version: 1n,
    };
    const range = { ...rpcpb.RangeResponse.create(), kvs: [kv] };
    return {
      header: { ...rpcpb.ResponseHeader.create(), revision },
      succeeded: true,
      responses: [{ response: undefined }, { response: { $case: 'responseRange', value: range } }],
    };
  }
}

const patience = { timeout: 60_000, interval: 1 };

test('who gives up is not kept waiting by a silent member; the key is deleted when that has answered', async () => {
  const server = new QueueServer();
  const session = await server.session();
  const answer = Promise.withResolvers<void>();
  server.letIn = answer.promise;
  const stop = new AbortController();
  const locking = session.lock('silent', { signal: stop.signal });
  await vi.waitFor(() => expect(server.entered).toHaveLength(1), patience);
  const reason = new Error('enough');
  stop.abort(reason);
  server.clock.advance(1_000);
  await expect(locking).rejects.toBe(reason);
  expect(server.deleted).toEqual([]);
  expect(await session.tryLock('silent')).toBeUndefined();
  answer.resolve();
  await vi.waitFor(() => expect(server.deleted).toEqual(['silent/7']), patience);
  const again = await session.lock('silent');
  expect(again.fencingToken).toBe(2n);
});

test('a lock whose end nobody could confirm is given back in the background, and taken again only then', async () => {
  const server = new QueueServer();
  const session = await server.session();
  const lock = await session.lock('slow');
  server.failures = 3;
  await expect(lock.unlock()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(lock.isHeld).toBe(false);
  expect(await session.tryLock('slow')).toBeUndefined();
  const again = session.lock('slow');
  await vi.waitFor(() => {
    server.clock.advance(100);
    expect(server.deleted).toEqual(['slow/7']);
  }, patience);
  expect((await again).isHeld).toBe(true);
  expect(server.entered).toEqual(['slow/7', 'slow/7']);
});

test('a reader who leaves too many changes waiting is told so, after those that it was left', async () => {
  const feed = new ChangeFeed();
  const change: ViewChange = {
    type: 'delete',
    key: new Uint8Array(),
    kv: undefined,
    before: undefined,
    revision: 1n,
  };
  expect(feed.add(Array.from({ length: 100_000 }, () => change))).toBe(true);
  expect(feed.add([change])).toBe(false);
  let read = 0;
  const reading = (async () => {
    for await (const _ of feed.read(undefined)) read++;
  })();
  await expect(reading).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  expect(read).toBe(100_000);
});
