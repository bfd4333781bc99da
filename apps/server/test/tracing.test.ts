import { Client, EtcdError, op, traceCalls, type Span } from '@quorate/client';
import { describe, expect, test } from 'vitest';
import { ConfigError, startServer, type RunningServer, type StartServerOptions } from '../src/index.ts';
import { contextOf } from '../src/tracing/trace-context.ts';
import { trace } from '@opentelemetry/api';
import { OtlpCollector } from './otlp-collector.ts';
import { freePort } from '@quorate/std/testing';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const sampled = `00-${traceId}-${spanId}-01`;
const notSampled = `00-${traceId}-${spanId}-00`;

function startTraced(collector: { readonly address: string }, options: StartServerOptions = {}) {
  return startServer({
    enableDistributedTracing: true,
    tracingAddress: collector.address,
    ...options,
  });
}

/** A client whose calls say that they belong to that trace. */
function clientOf({ endpoint }: RunningServer, traceparent?: string): Client {
  const metadata = traceparent === undefined ? {} : { traceparent };
  return new Client({ endpoints: [endpoint], observer: { callStarted: () => ({ metadata }) } });
}

/** Does that with a traced member, and returns what the collector has got when the member has ended. */
async function collect(
  work: (server: RunningServer) => Promise<void>,
  options: StartServerOptions = {},
): Promise<OtlpCollector> {
  await using collector = await OtlpCollector.open();
  const server = await startTraced(collector, options);
  await work(server);
  await server.close();
  return collector;
}

describe('a call whose caller samples', () => {
  test('is a span named as of etcd, a child of its caller, with its steps below it', async () => {
    const collector = await collect(
      async (server) => {
        await using client = clientOf(server, sampled);
        await client.put('a', '1');
        await client.get('a');
      },
      { tracingServiceName: 'store', tracingInstanceId: 'm1' },
    );
    const [put] = collector.named('etcdserverpb.KV/Put');
    expect(put).toMatchObject({
      ...{ traceId, parentSpanId: spanId, kind: 2, status: { code: 0, message: '' } },
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': 'etcdserverpb.KV',
        'rpc.method': 'Put',
        'rpc.grpc.status_code': 0,
        'network.peer.address': '127.0.0.1',
      },
      resource: { 'service.name': 'store', 'service.instance.id': 'm1' },
    });
    const below = collector.spans.filter(({ parentSpanId }) => parentSpanId === put?.spanId);
    expect(below.map(({ name }) => name)).toEqual(['raft.commit', 'raft.apply']);
    expect(below[1]?.attributes).toEqual({ 'quorate.batch.entries': 1 });
    for (const span of below) {
      expect(span.traceId).toBe(traceId);
      expect(span.startNs).toBeLessThanOrEqual(span.endNs);
    }
    expect(below[0]?.endNs).toBe(below[1]?.startNs);

    const [range] = collector.named('etcdserverpb.KV/Range');
    expect(range).toMatchObject({ traceId, parentSpanId: spanId });
    const read = collector.spans.filter(({ parentSpanId }) => parentSpanId === range?.spanId);
    expect(read.map(({ name }) => name).sort()).toEqual(['raft.read_index', 'store.range']);
  });

  test('that only reads has no commit', async () => {
    const collector = await collect(async (server) => {
      await using client = clientOf(server, sampled);
      await client.txn({ success: [op.get({ key: 'a' })] });
    });
    const [txn] = collector.named('etcdserverpb.KV/Txn');
    expect(txn).toMatchObject({ traceId });
    expect(collector.spans.filter(({ parentSpanId }) => parentSpanId === txn?.spanId)).toEqual([]);
  });

  test('and fails has the status; only what is the fault of the member counts as an error', async () => {
    const collector = await collect(async (server) => {
      await using client = clientOf(server, sampled);
      await expect(client.get('a', { revision: 99n })).rejects.toThrow(EtcdError);
    });
    const [range] = collector.named('etcdserverpb.KV/Range');
    expect(range).toMatchObject({ attributes: { 'rpc.grpc.status_code': 11 }, status: { code: 0 } });
  });

  test('is traced over HTTP/JSON by the same headers', async () => {
    const collector = await collect(async (server) => {
      const body = JSON.stringify({ key: Buffer.from('a').toString('base64') });
      const headers = { traceparent: sampled, tracestate: 'vendor=1' };
      await fetch(`${server.endpoint}/v3/kv/range`, { method: 'POST', body, headers });
    });
    expect(collector.named('etcdserverpb.KV/Range')).toMatchObject([{ traceId, parentSpanId: spanId }]);
  });
});

test('the span that a client of ours tells of is the parent', async () => {
  const inject = (_span: Span, carrier: Record<string, string>): void =>
    void (carrier['traceparent'] = sampled);
  const span = {
    ...{ setAttribute: () => {}, addEvent: () => {}, setStatus: () => {}, end: () => {} },
  };
  const observer = traceCalls({ tracer: { startSpan: () => span }, activeContext: () => ({}), inject });
  const collector = await collect(async (server) => {
    await using client = new Client({ endpoints: [server.endpoint], observer });
    await client.put('a', '1');
  });
  expect(collector.named('etcdserverpb.KV/Put')).toMatchObject([{ traceId, parentSpanId: spanId }]);
});

describe('sampling', () => {
  const putOnce = async (server: RunningServer, traceparent?: string): Promise<void> => {
    await using client = clientOf(server, traceparent);
    await client.put('a', '1');
  };

  test('of callers who say nothing is none by default, and all of them at a million of a million', async () => {
    const none = await collect((server) => putOnce(server));
    expect(none.spans).toEqual([]);
    const all = await collect((server) => putOnce(server), { tracingSamplingRate: 1_000_000 });
    expect(all.named('etcdserverpb.KV/Put')).toMatchObject([{ parentSpanId: '' }]);
  });

  test('takes a stream as one call', async () => {
    const collector = await collect(
      async (server) => {
        await putOnce(server);
        await using client = clientOf(server);
        for await (const event of client.watch({ key: 'a', startRevision: 1n })) {
          expect(event.type).toBe('put');
          break;
        }
      },
      { tracingSamplingRate: 1_000_000 },
    );
    expect(collector.named('etcdserverpb.Watch/Watch')).toHaveLength(1);
  });

  test('is the caller’s decision where he has one', async () => {
    const collector = await collect((server) => putOnce(server, notSampled), {
      tracingSamplingRate: 1_000_000,
    });
    expect(collector.spans).toEqual([]);
  });
});

describe('a collector that is of no use', () => {
  test('disturbs nobody, and is counted', async () => {
    await using collector = await OtlpCollector.open({ refuses: true });
    const server = await startTraced(collector);
    await using client = clientOf(server, sampled);
    // As many as make a batch.
    await Promise.all(Array.from({ length: 200 }, () => client.put('a', '1')));
    await expect
      .poll(async () => (await fetch(`${server.endpoint}/metrics`)).text(), { timeout: 20_000 })
      .toMatch(/^quorate_trace_spans_failed_total [1-9]/m);
    expect((await client.put('a', '2')).header.revision).toBe(202n);
    await server.close();
    expect(collector.spans).toEqual([]);
  });

  test('or is not there, does not hold up the end', async () => {
    const server = await startTraced({ address: `127.0.0.1:${await freePort()}` });
    await using client = clientOf(server, sampled);
    await client.put('a', '1');
    await server.close();
  });
});

describe('settings', () => {
  const refusal = async (options: StartServerOptions): Promise<string> => {
    const failure = await startServer({ enableDistributedTracing: true, ...options }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ConfigError);
    return (failure as ConfigError).message; // The line above says so.
  };

  test('that make no sense are refused, by their flag', async () => {
    expect(await refusal({ tracingSamplingRate: -1 })).toBe(
      '--distributed-tracing-sampling-rate: distributed tracing configurition is not valid: (tracing sampling rate must be positive)',
    );
    expect(await refusal({ tracingSamplingRate: 1_000_001 })).toContain(
      '(tracing sampling rate must be less than 1000000)',
    );
    expect(await refusal({ tracingAddress: 'nowhere' })).toBe(
      '--distributed-tracing-address: "nowhere" is no address of a collector such as localhost:4317',
    );
    expect(await refusal({ tracingAddress: 'http://a/b:1' })).toContain('is no address of a collector');
    expect(await refusal({ tracingAddress: 'a:70000' })).toContain('the port 70000, which is none of');
  });

  test('are not looked at while there are no traces', async () => {
    await using server = await startServer({ tracingAddress: 'nowhere', tracingSamplingRate: -1 });
    const { status } = await fetch(`${server.endpoint}/health`);
    expect(status).toBe(200);
  });
});

describe('a caller’s context', () => {
  const spanOf = (traceparent: string | undefined, tracestate?: string) =>
    trace.getSpanContext(contextOf((key) => (key === 'traceparent' ? traceparent : tracestate)));

  test('is taken as W3C has it', () => {
    expect(spanOf(sampled)).toMatchObject({ traceId, spanId, traceFlags: 1, isRemote: true });
    expect(spanOf(notSampled)).toMatchObject({ traceFlags: 0 });
    expect(spanOf(sampled, 'vendor=1')?.traceState?.get('vendor')).toBe('1');
    expect(spanOf(`cc-${traceId}-${spanId}-01-what-the-future-will-be`)).toMatchObject({ traceId });
  });

  test.each([
    ['absent', undefined],
    ['empty', ''],
    ['of a version that is none', `ff-${traceId}-${spanId}-01`],
    ['with more than its version has', `${sampled}-more`],
    ['in capitals', sampled.toUpperCase()],
    ['of no trace', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['of no span', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['cut off', sampled.slice(0, 40)],
    ['too long', `00-${traceId}0-${spanId}-01`],
  ])('that is %s is none', (_what, traceparent) => {
    expect(spanOf(traceparent)).toBeUndefined();
  });

  test('with a list of vendors beyond all measure goes without it', () => {
    expect(spanOf(sampled, `v=${'x'.repeat(600)}`)?.traceState).toBeUndefined();
  });
});
