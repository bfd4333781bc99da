import { Client, op } from '@quorate/client';
import { request } from 'node:http';
import { expect, test } from 'vitest';
import { startServer } from '../src/index.ts';

// Elsewhere threads cannot share a port.
const threads = process.platform === 'linux' ? [['lean, in two I/O threads', { ioThreads: 2 }] as const] : [];

/** What `--grpc-transport` and `--io-threads` may be: clients see no difference. */
test.each([
  ['grpc-js', { grpcTransport: 'grpc-js' }] as const,
  ['lean', { grpcTransport: 'lean' }] as const,
  ...threads,
])('over %s, calls, streams and HTTP come to the same member on one port', async (_name, options) => {
  await using server = await startServer(options);
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
  expect(await post(`${server.endpoint}/v3/kv/range?text=1`, '{"key": "a/1"}')).toContain('"value":"one"');
  const metrics = await (await fetch(`${server.endpoint}/metrics`)).text();
  expect(metrics).toMatch(/^grpc_server_handled_total\{[^}]*grpc_method="Put"[^}]*grpc_code="OK"[^}]*\} 1$/m);
  expect(metrics).toMatch(/^quorate_grpc_connections \d+$/m);
  expect(metrics.includes('\nquorate_io_threads_waiting_bytes 0\n')).toBe('ioThreads' in options);
});

test.each(['grpc-js', 'lean'] as const)(
  'over %s, a member that stops does not wait for watches, and tells them why they end',
  async (grpcTransport) => {
    const server = await startServer({ grpcTransport });
    const errors: unknown[] = [];
    const observer = { watchResumed: ({ error }: { readonly error: unknown }) => void errors.push(error) };
    await using client = new Client({ endpoints: [server.endpoint], observer });
    const stop = new AbortController();
    const watch = client.watch({ prefix: 'a/', signal: stop.signal }).batches();
    await watch.next();
    const next = watch.next();
    const web = await fetch(`${server.endpoint}/v3/watch`, {
      method: 'POST',
      body: '{"create_request": {"key": "YQ=="}}',
    });
    // Longer than a test may take.
    await server.close({ graceMs: 10 * 60_000 });
    await expect.poll(() => errors.length).toBeGreaterThan(0);
    expect(errors[0]).toMatchObject({ code: 'UNAVAILABLE', message: 'etcdserver: server stopped' });
    expect(await web.text()).toContain('etcdserver: server stopped');
    stop.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
  },
);

/** With Node's own client of HTTP, which keeps no connection. */
function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { method: 'POST' }, (response) => {
      response.setEncoding('utf8');
      response.toArray().then((parts) => resolve(parts.join('')), reject);
    })
      .on('error', reject)
      .end(body);
  });
}
