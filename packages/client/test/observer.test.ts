import { status as codes } from '@grpc/grpc-js';
import { rpcpb } from '@quorate/wire';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, expect, test, vi } from 'vitest';
import {
  Client,
  ClientMetrics,
  traceCalls,
  type ClientObserver,
  type ClientOptions,
  type Watch,
} from '../src/index.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { FakeServer, HastyClock, status } from './fake-server.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

interface Member {
  readonly server: FakeServer;
  /** What the next calls fail with, one after the other. */
  readonly failures: Error[];
  /** What the last call said of its trace. */
  traceparent: unknown;
}

async function startMember(): Promise<Member> {
  const { range } = rpcpb.KVDefinition.methods;
  const { authenticate } = rpcpb.AuthDefinition.methods;
  const server = new FakeServer();
  const member: Member = { server, failures: [], traceparent: undefined };
  server
    .unary(rpcpb.KVDefinition, range, ({ metadata }) => {
      [member.traceparent] = metadata.get('traceparent');
      const failure = member.failures.shift();
      if (failure !== undefined) throw failure;
      return rpcpb.RangeResponse.create();
    })
    .unary(rpcpb.AuthDefinition, authenticate, ({ request }) => {
      if (request.password !== 'right')
        throw status(codes.INVALID_ARGUMENT, 'etcdserver: authentication failed');
      return { ...rpcpb.AuthenticateResponse.create(), token: 'secret-token' };
    });
  open.push(await server.start());
  return member;
}

function clientOf(endpoints: readonly string[], options: Partial<ClientOptions>): Client {
  const client = new Client({ endpoints, clock: new HastyClock({ longestMs: 1_000 }), ...options });
  open.push(client);
  return client;
}

const unavailable = () => status(codes.UNAVAILABLE, 'etcdserver: leader changed');
const rangePath = '/etcdserverpb.KV/Range';

test('metrics have calls by method, code and endpoint, how long they took, and what was tried again', async () => {
  const [first, second] = [await startMember(), await startMember()];
  const [one, two] = [first.server.endpoint, second.server.endpoint];
  const metrics = new ClientMetrics();
  const client = clientOf([one, two], { observer: metrics });
  first.failures.push(unavailable());
  await client.get('k');
  second.failures.push(status(codes.PERMISSION_DENIED, 'etcdserver: permission denied'));
  await expect(client.get('k')).rejects.toThrow();
  await expect(client.get('k', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');

  const text = metrics.text();
  for (const line of [
    `quorate_client_calls_total{method="${rangePath}",code="OK",endpoint="${two}"} 1`,
    `quorate_client_calls_total{method="${rangePath}",code="PERMISSION_DENIED",endpoint="${two}"} 1`,
    `quorate_client_calls_total{method="${rangePath}",code="CANCELLED",endpoint=""} 1`,
    `quorate_client_calls_open{method="${rangePath}"} 0`,
    `quorate_client_call_duration_seconds_bucket{method="${rangePath}",le="+Inf"} 3`,
    `quorate_client_call_duration_seconds_count{method="${rangePath}"} 3`,
    `quorate_client_retries_total{method="${rangePath}",endpoint="${one}"} 1`,
    `quorate_client_endpoint_changes_total{endpoint="${two}"} 1`,
    `quorate_client_connects_total{endpoint="${one}"} 1`,
    '# TYPE quorate_client_call_duration_seconds histogram',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  const seconds = metrics
    .samples()
    .filter(({ name }) => name === 'quorate_client_call_duration_seconds_bucket')
    .map(({ value }) => value);
  expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
});

test('metrics tell tokens that were asked for, and hold no secret', async () => {
  const member = await startMember();
  const metrics = new ClientMetrics();
  const endpoints = [member.server.endpoint];
  const good = clientOf(endpoints, { observer: metrics, auth: { name: 'alice', password: 'right' } });
  await good.get('very-private-key');
  member.failures.push(status(codes.UNAUTHENTICATED, 'etcdserver: invalid auth token'));
  await good.get('very-private-key');
  const bad = clientOf(endpoints, { observer: metrics, auth: { name: 'alice', password: 'wrong' } });
  await expect(bad.get('very-private-key')).rejects.toThrow('authentication failed');
  const text = metrics.text();
  expect(text).toContain('quorate_client_token_refreshes_total{outcome="ok"} 2\n');
  expect(text).toContain('quorate_client_token_refreshes_total{outcome="failed"} 1\n');
  expect(text).not.toMatch(/secret|alice|right|wrong|private/);
});

test('connections are told as they come and go', async () => {
  const member = await startMember();
  const proxy = await CuttingProxy.start(member.server.endpoint, []);
  open.push(proxy);
  const heard: string[] = [];
  const observer: ClientObserver = {
    connected: ({ isFirst }) => heard.push(isFirst ? 'first' : 'again'),
    disconnected: () => heard.push('lost'),
  };
  const client = clientOf([proxy.endpoint], { observer });
  await client.get('k');
  proxy.cutNow();
  await vi.waitFor(() => expect(heard).toEqual(['first', 'lost']), { timeout: 30_000, interval: 1 });
  await client.get('k');
  await client.close();
  expect(heard).toEqual(['first', 'lost', 'again', 'lost']);
});

test('several observers hear the same, whatever one of them throws, and all of them add metadata', async () => {
  const member = await startMember();
  const heard: string[] = [];
  const observer = (name: string): ClientObserver => ({
    callStarted: () => ({
      metadata: { [name]: name, traceparent: name },
      attemptStarted: ({ attempt }) => heard.push(`${name} ${attempt}`),
      ended: ({ code }) => heard.push(`${name} ${code}`),
    }),
  });
  const broken: ClientObserver = {
    callStarted: () => {
      throw new Error('an observer of no use');
    },
  };
  const client = clientOf([member.server.endpoint], { observer: [observer('a'), broken, observer('b')] });
  await client.get('k');
  expect(heard).toEqual(['a 1', 'b 1', 'a OK', 'b OK']);
  expect(member.traceparent).toBe('b');
});

/** As OpenTelemetry has them, as far as we can see. */
class RecordedSpan {
  readonly name: string;
  readonly parent: string | undefined;
  readonly attributes: Record<string, string | number> = {};
  readonly events: string[] = [];
  status: { code: number; message?: string } | undefined;
  isEnded = false;

  constructor(name: string, parent: string | undefined, attributes: Record<string, string | number>) {
    this.name = name;
    this.parent = parent;
    Object.assign(this.attributes, attributes);
  }

  setAttribute(name: string, value: string | number): void {
    this.attributes[name] = value;
  }

  addEvent(name: string, attributes?: Record<string, string | number>): void {
    this.events.push(`${name} ${String(attributes?.['attempt'])}`);
  }

  setStatus(given: { code: number; message?: string }): void {
    this.status = given;
  }

  end(): void {
    this.isEnded = true;
  }
}

test('a call is a span with method, endpoint, attempts and status, in the context of whoever makes it', async () => {
  const [first, second] = [await startMember(), await startMember()];
  const spans: RecordedSpan[] = [];
  const active = new AsyncLocalStorage<string>();
  const observer = traceCalls({
    tracer: {
      startSpan: (name, { attributes }, context?: string) => {
        const span = new RecordedSpan(name, context, attributes);
        spans.push(span);
        return span;
      },
    },
    activeContext: () => active.getStore() ?? 'nothing',
    inject: (span, carrier, context) => (carrier['traceparent'] = `${context}>${span.name}`),
  });
  const client = clientOf([first.server.endpoint, second.server.endpoint], { observer });
  first.failures.push(unavailable());
  await active.run('request 7', () => client.get('k'));
  expect(second.traceparent).toBe('request 7>etcdserverpb.KV/Range');
  second.failures.push(status(codes.PERMISSION_DENIED, 'etcdserver: permission denied'));
  await expect(client.getAll({ prefix: 'k' }, { context: 'given' })).rejects.toThrow();

  expect(spans).toMatchObject([
    {
      name: 'etcdserverpb.KV/Range',
      parent: 'request 7',
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': 'etcdserverpb.KV',
        'rpc.method': 'Range',
        'server.address': second.server.endpoint,
        'rpc.attempts': 2,
        'rpc.grpc.status_code': 0,
      },
      events: ['attempt failed 1'],
      status: undefined,
      isEnded: true,
    },
    {
      parent: 'given',
      attributes: { 'rpc.attempts': 1, 'rpc.grpc.status_code': codes.PERMISSION_DENIED },
      status: { code: 2, message: 'PERMISSION_DENIED: etcdserver: permission denied' },
      isEnded: true,
    },
  ]);
});

test('the context given to a recipe is that of all its calls', async () => {
  const heard: string[] = [];
  const { leaseGrant, leaseRevoke } = rpcpb.LeaseDefinition.methods;
  const { txn, range, deleteRange } = rpcpb.KVDefinition.methods;
  const header = { ...rpcpb.ResponseHeader.create(), revision: 5n };
  const server = new FakeServer()
    .unary(rpcpb.LeaseDefinition, leaseGrant, () => ({
      ...rpcpb.LeaseGrantResponse.create(),
      ...{ ID: 7n, TTL: 3_600n },
    }))
    .unary(rpcpb.LeaseDefinition, leaseRevoke, () => rpcpb.LeaseRevokeResponse.create())
    .unary(rpcpb.KVDefinition, range, () => ({ ...rpcpb.RangeResponse.create(), header }))
    .unary(rpcpb.KVDefinition, deleteRange, () => rpcpb.DeleteRangeResponse.create())
    .unary(rpcpb.KVDefinition, txn, () => ({ ...rpcpb.TxnResponse.create(), header, succeeded: true }));
  open.push(await server.start());
  const observer: ClientObserver = {
    callStarted: ({ path, context }) => void heard.push(`${path.split('/')[2]} ${String(context)}`),
  };
  const client = clientOf([server.endpoint], { observer });
  await using session = await client.session({ context: 'opening' });
  await client.stm(async (tx) => tx.put('a', String(await tx.get('b'))), { context: 'stm' });
  await using view = await client.view({ prefix: 'x', context: 'view' });
  await client.election('e').leader({ context: 'election' });
  expect(view.size).toBe(0);
  expect(session.isAlive).toBe(true);
  expect(heard.filter((text) => !text.startsWith('Watch'))).toEqual([
    'LeaseGrant opening',
    'Range stm',
    'Txn stm',
    'Range view',
    'Range election',
  ]);
});

/** A server of watches that says what came along with each stream, and breaks the first one off. */
async function startWatched() {
  const traces: string[] = [];
  const header = { ...rpcpb.ResponseHeader.create(), revision: 5n };
  const server = new FakeServer().stream(
    rpcpb.WatchDefinition,
    rpcpb.WatchDefinition.methods.watch,
    async (stream) => {
      const isFirst = traces.push(String(stream.metadata.get('traceparent')[0])) === 1;
      for (let watchId = 0n; (await stream.next()) !== undefined; watchId++) {
        stream.send({ ...rpcpb.WatchResponse.create(), header, watchId, created: true });
        if (isFirst) return stream.end(codes.UNAVAILABLE, 'etcdserver: server stopped');
        stream.send({ ...rpcpb.WatchResponse.create(), header: { ...header, revision: 6n }, watchId });
      }
    },
  );
  open.push(await server.start());
  const active = new AsyncLocalStorage<string>();
  const observer = traceCalls({
    tracer: { startSpan: (name) => new RecordedSpan(name, undefined, {}) },
    activeContext: () => active.getStore() ?? 'nobody',
    inject: (_span, carrier, context) => void (carrier['traceparent'] = context),
  });
  return { traces, active, client: clientOf([server.endpoint], { observer }) };
}

/** Reads a watch, in the context of somebody else, until it has gone on after its stream broke. */
async function readOn(watch: Watch, active: AsyncLocalStorage<string>): Promise<void> {
  await active.run('reader', async () => {
    for await (const { kind } of watch.batches()) if (kind === 'progress') break;
  });
}

test('a watch is of the trace of who made it, whoever reads it, also where it goes on', async () => {
  const { traces, active, client } = await startWatched();
  const watch = active.run('maker', () => client.watch({ key: 'k' }));
  await readOn(watch, active);
  expect(traces).toEqual(['maker', 'maker']);
  await readOn(client.watch({ key: 'k', context: 'given' }), active);
  expect(traces.slice(2)).toEqual(['given']);
});

test('the stream of a group is of the trace of who made the group', async () => {
  const { traces, active, client } = await startWatched();
  await using group = active.run('maker', () => client.watchGroup());
  await readOn(group.watch({ key: 'k' }), active);
  expect(traces).toEqual(['maker', 'maker']);
  await using other = client.watchGroup();
  await readOn(other.watch({ key: 'k', context: 'given' }), active);
  await using third = client.watchGroup({ context: 'of the group' });
  await readOn(third.watch({ key: 'k', context: 'given' }), active);
  expect(traces.slice(2)).toEqual(['given', 'of the group']);
});
