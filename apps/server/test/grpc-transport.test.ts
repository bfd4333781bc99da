import { Client, op } from '@quorate/client';
import { request } from 'node:http';
import { expect, test } from 'vitest';
import { startServer } from '../src/index.ts';

/** What `--grpc-transport` may be: clients see no difference. */
test.each(['grpc-js', 'lean'] as const)(
  'over %s, calls, streams and HTTP come to the same member on one port',
  async (grpcTransport) => {
    await using server = await startServer({ grpcTransport });
    await using client = new Client({ endpoints: [server.endpoint] });
    const watched = client.watch({ prefix: 'a/' })[Symbol.asyncIterator]();
    const first = watched.next();
    await using session = await client.session({ ttlSeconds: 60 });
    await client.put('a/1', 'one', { lease: session.leaseId });
    const { succeeded } = await client.txn({ success: [op.put('a/2', 'x'.repeat(200_000))] });
    expect(succeeded).toBe(true);
    const events = [await first, await watched.next()];
    expect(events.map(({ value }) => value?.kv.value.length)).toEqual([3, 200_000]);
    expect((await client.get('a/2'))?.value.length).toBe(200_000);
    await watched.return?.();
    const text = await new Promise<string>((resolve, reject) => {
      request(`${server.endpoint}/v3/kv/range?text=1`, { method: 'POST' }, (response) => {
        response.setEncoding('utf8');
        response.toArray().then((parts) => resolve(parts.join('')), reject);
      })
        .on('error', reject)
        .end('{"key": "a/1"}');
    });
    expect(text).toContain('"value":"one"');
  },
);
