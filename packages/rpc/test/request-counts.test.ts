import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterEach, expect, test, vi } from 'vitest';
import { ClientPort, status, type UnaryHandler } from '../src/index.ts';
import { FakeMember } from './fake-member.ts';
import { surfaceOf } from './io-threads/serve-threads.ts';
import { ServerUnderTest } from './server-under-test.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const same = (bytes: Buffer): Buffer => bytes;

/** Calls a unary method that answers what it is asked, with so many requests. */
async function ask(requests: readonly string[]) {
  const handler = vi.fn<UnaryHandler>((request) => request);
  const handled: number[] = [];
  const port = new ClientPort({
    grpc: new ServerUnderTest({
      methods: new Map([['/t/Unary', { kind: 'unary', handler }]]),
      maxReceiveBytes: 64 * 1024,
      observer: { onHandled: ({ status: code }) => handled.push(code) },
    }),
    http: surfaceOf(new FakeMember()),
  });
  const number = await port.listen({ host: '127.0.0.1', port: 0 });
  const client = new Client(`127.0.0.1:${number}`, credentials.createInsecure());
  cleanups.push(
    () => port.close({ graceMs: 0 }),
    () => client.close(),
  );
  const answer = await new Promise<unknown>((resolve) => {
    const call = client.makeClientStreamRequest('/t/Unary', same, same, new Metadata(), (error, bytes) =>
      resolve(error ?? String(bytes)),
    );
    for (const request of requests) call.write(Buffer.from(request));
    call.end();
  });
  return { answer, handler, handled };
}

test('a unary call without a request is told so in the words of etcd, and no handler hears of it', async () => {
  const { answer, handler, handled } = await ask([]);
  expect(answer).toMatchObject({ code: status.UNKNOWN, details: 'EOF' });
  expect([handler.mock.calls, handled]).toEqual([[], []]);
});

test.each([[['a']], [['a', 'b']], [['', 'b', 'c']]])(
  'a unary call is answered for its first request: %j',
  async (requests) => {
    const { answer, handler, handled } = await ask(requests);
    expect(answer).toBe(requests[0]);
    expect([handler.mock.calls.length, handled]).toEqual([1, [status.OK]]);
  },
);
