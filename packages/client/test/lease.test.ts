import { status as codes } from '@grpc/grpc-js';
import { rpcpb } from '@quorate/wire';
import { afterEach, expect, test } from 'vitest';
import { Client, LeaseLostError } from '../src/index.ts';
import { FakeServer, HastyClock } from './fake-server.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

/** A server that answers renewals with these times to live, one by one; `undefined` is UNAVAILABLE, as is the rest. */
async function leaseServer(...answers: (bigint | undefined)[]): Promise<FakeServer> {
  const { leaseKeepAlive } = rpcpb.LeaseDefinition.methods;
  const server = new FakeServer().stream(rpcpb.LeaseDefinition, leaseKeepAlive, async (stream) => {
    const request = await stream.next();
    const TTL = answers.shift();
    if (TTL === undefined) {
      stream.end(codes.UNAVAILABLE, 'etcdserver: no leader');
      return;
    }
    stream.send({ header: undefined, ID: request?.ID ?? 0n, TTL });
    stream.end();
  });
  open.push(await server.start());
  return server;
}

function clientOf(clock: HastyClock, ...servers: FakeServer[]): Client {
  const client = new Client({ endpoints: servers.map((server) => server.endpoint), clock });
  open.push(client);
  return client;
}

/** When the lease was renewed, and how that ended. */
async function renewals(client: Client, clock: HastyClock): Promise<{ times: number[]; error: unknown }> {
  const times: number[] = [];
  try {
    for await (const response of client.lease.keepAlive(7n)) {
      expect(response.ID).toBe(7n);
      times.push(clock.now());
    }
  } catch (error) {
    return { times, error };
  }
  throw new Error('keepAlive must not end by itself');
}

test('a lease is renewed at once and then at every third of its time to live', async () => {
  const clock = new HastyClock();
  const client = clientOf(clock, await leaseServer(30n, 30n, 60n, 60n, 0n));
  const { times, error } = await renewals(client, clock);
  expect(times).toEqual([0, 10_000, 20_000, 40_000]);
  expect(error).toBeInstanceOf(LeaseLostError);
});

test('a member that fails is left for another before the lease is lost', async () => {
  const clock = new HastyClock();
  const client = clientOf(clock, await leaseServer(30n), await leaseServer(30n, 30n, 0n));
  const { times } = await renewals(client, clock);
  expect(times).toEqual([0, 10_500, 20_500]);
});

test('a lease that nobody renews is lost when its time is over, and not later', async () => {
  const clock = new HastyClock();
  const client = clientOf(clock, await leaseServer(3n));
  const { times, error } = await renewals(client, clock);
  expect(times).toEqual([0]);
  expect(clock.now()).toBe(3_000);
  expect(error).toMatchObject({ name: 'LeaseLostError', leaseId: 7n, cause: { code: 'UNAVAILABLE' } });
});

test('aborting ends the renewals with the reason', async () => {
  const clock = new HastyClock();
  const stop = new AbortController();
  const reason = new Error('enough');
  const client = clientOf(clock, await leaseServer(30n, 30n));
  const renewing = client.lease.keepAlive(7n, { signal: stop.signal });
  await renewing.next();
  stop.abort(reason);
  await expect(renewing.next()).rejects.toBe(reason);
});
