import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { decodeRangeRequest, encodeRangeRequest } from '@quorate/wire';
import { expect, test } from 'vitest';
import { ClientPort, HttpSurface, methodTable, status, type GrpcObserver } from '../src/index.ts';
import { ServerUnderTest } from './server-under-test.ts';
import { CodedError, FakeMember } from './fake-member.ts';

const range = '/etcdserverpb.KV/Range';

/** Makes one call to a server that is observed. */
async function call(observer: GrpcObserver, options: { metadata?: Metadata; failure?: Error } = {}) {
  const member = new FakeMember();
  member.failure = options.failure;
  await using port = new ClientPort({
    grpc: new ServerUnderTest({ methods: methodTable(member), maxReceiveBytes: 1024, observer }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '', cluster: '', storage: '' }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    }),
  });
  const client = new Client(
    `127.0.0.1:${await port.listen({ host: '127.0.0.1', port: 0 })}`,
    credentials.createInsecure(),
  );
  const request = Buffer.from(encodeRangeRequest({ ...decodeRangeRequest(new Uint8Array(0)), limit: 1 }));
  const same = (bytes: Buffer): Buffer => bytes;
  await new Promise<void>((done) => {
    client.makeUnaryRequest(range, same, same, request, options.metadata ?? new Metadata(), () => done());
  });
  client.close();
  return { requestBytes: request.length };
}

test('an observer hears of a call from its beginning to its end', async () => {
  const heard: unknown[] = [];
  const { requestBytes } = await call({
    onStarted: (path) => heard.push(['started', path]),
    onReceived: (path, bytes) => heard.push(['received', path, bytes]),
    onSent: (path, bytes) => heard.push(['sent', path, bytes > 0]),
    onHandled: ({ path, status: code, durationMs }) => heard.push(['handled', path, code, durationMs >= 0]),
  });
  expect(heard).toEqual([
    ['started', range],
    ['received', range, requestBytes],
    ['sent', range, true],
    ['handled', range, status.OK, true],
  ]);
});

test('an observer hears the status of a call that failed', async () => {
  const statuses: number[] = [];
  await call(
    { onHandled: ({ status: code }) => statuses.push(code) },
    { failure: new CodedError('REPLICA_NO_SPACE') },
  );
  expect(statuses).toEqual([status.RESOURCE_EXHAUSTED]);
});

test('an observer hears the version that a client says it speaks, and nothing of one that says none', async () => {
  const versions: string[] = [];
  const observer: GrpcObserver = { onStarted: (_path, version) => versions.push(version) };
  const metadata = new Metadata();
  metadata.set('client-api-version', '3.6');
  await call(observer, { metadata });
  await call(observer);
  expect(versions).toEqual(['3.6', '']);
});
