import { KeyPrefix } from '@quorate/client';
import { status } from '@quorate/rpc';
import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { credentialsOf } from '../src/credentials.ts';
import { KeepAliveHub } from '../src/lease/keep-alive-hub.ts';
import type { Subscriber } from '../src/watch/source.ts';
import { WatchHub } from '../src/watch/watch-hub.ts';
import { FakeUpstream, hastyClock as clock, random, type FakeStream } from './fake-upstream.ts';

const of = (metadata: Readonly<Record<string, string>>) =>
  credentialsOf({ metadata: (name: string) => metadata[name] });
const nobody = of({});
const led = of({ hasleader: 'true' });
const alice = of({ token: 'alice’s' });

const noLeader = 'etcdserver: no leader';
const range = { key: new Uint8Array([1]), rangeEnd: new Uint8Array(0) };
const deaf: Subscriber = {
  created: () => {},
  refused: () => {},
  events: () => {},
  progress: () => {},
  canceled: () => {},
};

function newWatchHub() {
  const upstream = new FakeUpstream();
  const observer = { onCoalesced: () => {}, onResumed: () => {} };
  return { upstream, hub: new WatchHub({ upstream, clock, random, namespace: new KeyPrefix(''), observer }) };
}

const createOf = async (stream: FakeStream) => {
  const { requestUnion } = rpcpb.WatchRequest.decode(await stream.next());
  return requestUnion?.$case === 'createRequest' ? requestUnion.value : undefined;
};

test('clients with the same credentials have one stream, which ends with the last of them', async () => {
  const { upstream, hub } = newWatchHub();
  const [one, two] = [hub.acquire(nobody, () => {}), hub.acquire(nobody, () => {})];
  const other = hub.acquire(alice, () => {});
  expect(two.watches).toBe(one.watches);
  expect(other.watches).not.toBe(one.watches);
  expect(hub.usage.streams).toBe(2);
  const [stream, ofAlice] = [await upstream.opened(), await upstream.opened()];
  expect([...stream.metadata, ...ofAlice.metadata]).toEqual([['token', 'alice’s']]);
  one.release();
  expect(hub.usage.streams).toBe(2);
  two.release();
  other.release();
  expect(hub.usage.streams).toBe(0);
  await expect.poll(() => upstream.open, { timeout: 60_000 }).toBe(0);
});

test('a stream that breaks is opened again, and its watchers with it', async () => {
  const { upstream, hub } = newWatchHub();
  const failures: unknown[] = [];
  const { watches, release } = hub.acquire(nobody, (error) => failures.push(error));
  watches.join(range, 7n, deaf);
  const first = await upstream.opened();
  expect(await createOf(first)).toMatchObject({ startRevision: 7n, prevKv: true, progressNotify: true });
  first.fail(status.UNAVAILABLE, noLeader); // Nobody here has demanded one.
  expect(await createOf(await upstream.opened())).toMatchObject({ startRevision: 7n });
  expect(failures).toEqual([]);
  release();
});

test('who demands a leader is told that there is none', async () => {
  const { upstream, hub } = newWatchHub();
  const failed = Promise.withResolvers<unknown>();
  hub.acquire(led, failed.resolve);
  hub.acquire(nobody, () => {});
  expect(hub.usage.streams).toBe(2);
  const stream = await upstream.opened();
  expect(stream.metadata.get('hasleader')).toBe('true');
  stream.fail(status.UNAVAILABLE, noLeader);
  expect(await failed.promise).toMatchObject({ status: status.UNAVAILABLE, message: noLeader });
  expect(hub.usage.streams).toBe(1);
});

test('an error that another try would not help ends the clients’ streams with it', async () => {
  const { upstream, hub } = newWatchHub();
  const failed = Promise.withResolvers<unknown>();
  hub.acquire(nobody, failed.resolve);
  (await upstream.opened()).fail(status.FAILED_PRECONDITION, 'etcdserver: rpc not supported for learner');
  expect(await failed.promise).toMatchObject({ message: 'etcdserver: rpc not supported for learner' });
});

test('closing tells all clients that the proxy stops, and takes no more', async () => {
  const { hub } = newWatchHub();
  const failed = Promise.withResolvers<unknown>();
  hub.acquire(nobody, failed.resolve);
  hub.close();
  expect(await failed.promise).toMatchObject({ message: 'etcdserver: server stopped' });
  expect(() => hub.acquire(nobody, () => {})).toThrow('etcdserver: server stopped');
});

const idOf = async (stream: FakeStream) => rpcpb.LeaseKeepAliveRequest.decode(await stream.next()).ID;
const renewed = (ID: bigint) =>
  rpcpb.LeaseKeepAliveResponse.encode({ ...rpcpb.LeaseKeepAliveResponse.create(), ID, TTL: 5n }).finish();

function newKeepAlives(credentials = nobody) {
  const upstream = new FakeUpstream();
  const hub = new KeepAliveHub({ upstream, clock, random });
  const { renew } = hub.acquire(credentials, () => {});
  const renewal = (leaseId: bigint) =>
    new Promise<string>((resolve) => {
      renew(leaseId, {
        answered: () => resolve('renewed'),
        failed: (error) => resolve(error instanceof Error ? error.message : String(error)),
      });
    });
  return { upstream, renewal };
}

test('keep-alives that were not answered are sent again on the next stream', async () => {
  const { upstream, renewal } = newKeepAlives();
  const renewals = [renewal(1n), renewal(2n)];
  const first = await upstream.opened();
  expect([await idOf(first), await idOf(first)]).toEqual([1n, 2n]);
  first.respond(renewed(1n));
  expect(await renewals[0]).toBe('renewed');
  first.fail(status.UNAVAILABLE, 'gone');
  const second = await upstream.opened();
  expect(await idOf(second)).toBe(2n);
  second.respond(renewed(2n));
  expect(await renewals[1]).toBe('renewed');
});

test('a keep-alive that is refused concerns nobody else', async () => {
  const { upstream, renewal } = newKeepAlives();
  const renewals = [renewal(1n), renewal(2n)];
  const denied = 'etcdserver: permission denied';
  (await upstream.opened()).fail(status.PERMISSION_DENIED, denied);
  expect(await renewals[0]).toBe(denied);
  const next = await upstream.opened();
  expect(await idOf(next)).toBe(2n);
  next.respond(renewed(2n));
  expect(await renewals[1]).toBe('renewed');
});

test('when the cluster stays away those who wait for a renewal are told', async () => {
  const { upstream, renewal } = newKeepAlives();
  const waiting = renewal(1n);
  for (let i = 0; i < 3; i++) (await upstream.opened()).fail(status.UNAVAILABLE, 'gone');
  expect(await waiting).toBe('gone');
  const again = renewal(1n);
  (await upstream.opened()).respond(renewed(1n));
  expect(await again).toBe('renewed');
});

test('who demands a leader is told at once that his lease cannot be renewed', async () => {
  const { upstream, renewal } = newKeepAlives(led);
  const waiting = renewal(1n);
  (await upstream.opened()).fail(status.UNAVAILABLE, noLeader);
  expect(await waiting).toBe(noLeader);
});
