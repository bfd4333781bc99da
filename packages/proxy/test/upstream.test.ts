import { Client } from '@quorate/client';
import { startQuorate, type StartedServer } from '@quorate/client/testing';
import { fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GrpcProxy } from '../src/index.ts';

let member: StartedServer;
beforeAll(async () => {
  member = await startQuorate({ extraArguments: ['--max-concurrent-streams', '600'] });
});
afterAll(async () => {
  await member[Symbol.asyncDispose]();
});

test('calls that wait for others, however many, hold up none that do not', async () => {
  await using proxy = await GrpcProxy.start({ endpoints: [member.endpoint], listenAddress: '127.0.0.1:0' });
  const endpoint = `127.0.0.1:${proxy.ports.client}`;
  const clients = Array.from({ length: 3 }, () => new Client({ endpoints: [endpoint] }));
  await using other = new Client({ endpoints: [endpoint] });
  await other.lockService.lock({ name: fromUtf8('l') });
  const given = new AbortController();
  // More than a member takes on one connection.
  const waiting = clients.flatMap((client) =>
    Array.from({ length: 240 }, () =>
      client.lockService.lock({ name: fromUtf8('l') }, { signal: given.signal }).catch(() => {}),
    ),
  );
  await expect.poll(() => other.count({ prefix: 'l/' }), { timeout: 60_000 }).toBe(721n);
  await other.put('a', '1');
  given.abort(new Error('the test is done with them'));
  await Promise.all(waiting);
  for (const client of clients) await client.close();
});

test('clients that give up their calls by the thousand cost the proxy no connection to a member', async () => {
  await using proxy = await GrpcProxy.start({ endpoints: [member.endpoint], listenAddress: '127.0.0.1:0' });
  const endpoint = `127.0.0.1:${proxy.ports.client}`;
  const clients = Array.from({ length: 4 }, () => new Client({ endpoints: [endpoint] }));
  await using other = new Client({ endpoints: [endpoint] });
  const request = rpcpb.RangeRequest.encode({ ...rpcpb.RangeRequest.create(), key: fromUtf8('a') }).finish();
  for (let round = 0; round < 8; round++) {
    const gaveUp = new AbortController();
    const calls = clients.flatMap((client) =>
      Array.from({ length: 50 }, () =>
        client.unary('/etcdserverpb.KV/Range', request, { signal: gaveUp.signal }).catch(() => {}),
      ),
    );
    await other.put('b', `${round}`); // So long, that they have left.
    gaveUp.abort(new Error('given up'));
    await Promise.all(calls);
  }
  expect((await other.get('b'))?.version).toBe(8n);
  for (const client of clients) await client.close();
});
