import { SpanKind, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';
import {
  status,
  toRpcError,
  type Call,
  type RpcError,
  type Method,
  type MethodTable,
  type StreamCall,
} from '@quorate/rpc';
import { Later } from '@quorate/std';
import type { AsyncLocalStorage } from 'node:async_hooks';
import { contextOf } from './trace-context.ts';

/** What spans are made with, and where those find their parents that are made on the way of a call. */
export interface Spans {
  readonly tracer: Tracer;
  /** The call whose handler runs, if it is traced. */
  readonly current: AsyncLocalStorage<TracedCall>;
  /** Calls that are traced and under way. */
  readonly open: Set<Span>;
  /** Called when there are none any more. */
  onNoneOpen: (() => void) | undefined;
}

/** A call with a span of its own. */
export interface TracedCall {
  readonly context: Context;
  /** When the store was last read for it, by the clock of `performance`. */
  readAtMs: number | undefined;
}

/**
 * The same methods, with a span for each call that is sampled: named and described as those of etcd, which are
 * otelgrpc's, children of the caller's span. Those that are not sampled cost a look at the caller's metadata.
 */
export function withCallSpans(methods: MethodTable, spans: Spans): MethodTable {
  return new Map([...methods].map(([path, method]) => [path, traced(path, method, spans)]));
}

function traced(path: string, method: Method, spans: Spans): Method {
  if (method.kind === 'unary') {
    const { handler } = method;
    return { ...method, handler: (request, call) => inSpan(path, call, spans, () => handler(request, call)) };
  }
  const { handler } = method;
  return { ...method, handler: async (call: StreamCall) => inSpan(path, call, spans, () => handler(call)) };
}

function inSpan<T>(path: string, call: Call, spans: Spans, work: () => Promise<T> | T): Promise<T> | T {
  const parent = contextOf((key) => call.metadata(key));
  const [, service = '', method = ''] = path.split('/');
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
  const span = spans.tracer.startSpan(`${service}/${method}`, { kind: SpanKind.SERVER, attributes }, parent);
  if (!span.isRecording()) return work();
  const { address } = call;
  if (address !== undefined) span.setAttribute('network.peer.address', address);
  spans.open.add(span);
  const succeed = (value: T): T => {
    end(span, spans, undefined);
    return value;
  };
  const fail = (error: unknown): never => {
    end(span, spans, toRpcError(error));
    throw error;
  };
  try {
    const result = spans.current.run({ context: trace.setSpan(parent, span), readAtMs: undefined }, work);
    return isPromise(result) ? result.then(succeed, fail) : succeed(result);
  } catch (error) {
    return fail(error);
  }
}

/** Statuses that are the member's fault; the others are answers that the caller has asked for. */
const faults: ReadonlySet<number> = new Set([
  ...[status.UNKNOWN, status.DEADLINE_EXCEEDED, status.UNIMPLEMENTED],
  ...[status.INTERNAL, status.UNAVAILABLE, status.DATA_LOSS],
]);

function end(span: Span, spans: Spans, failure: RpcError | undefined): void {
  span.setAttribute('rpc.grpc.status_code', failure?.status ?? status.OK);
  // As much as the caller hears of it, and no more.
  if (failure !== undefined && faults.has(failure.status))
    span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
  span.end();
  spans.open.delete(span);
  if (spans.open.size === 0) spans.onNoneOpen?.();
}

/** Of any make: what a member promises is often a `Later`. */
function isPromise<T>(result: Promise<T> | T): result is Promise<T> {
  return result instanceof Promise || result instanceof Later;
}
