import { codeNumber } from './errors.ts';
import type { CallObserver, ClientObserver, StartedCall } from './observer.ts';

/** What is needed of a span; one of OpenTelemetry's has all of it. */
export interface Span {
  setAttribute(name: string, value: string | number): unknown;
  addEvent(name: string, attributes?: Record<string, string | number>): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** What is needed of a tracer, such as OpenTelemetry's `trace.getTracer('my-app')`. */
export interface Tracer<Context, TracedSpan extends Span> {
  startSpan(
    name: string,
    options: { kind: number; attributes: Record<string, string | number> },
    context?: Context,
  ): TracedSpan;
}

/** How calls become spans. */
export interface TracingOptions<Context, TracedSpan extends Span> {
  readonly tracer: Tracer<Context, TracedSpan>;
  /** The context of calls that were given none by their `context` option: `() => context.active()`. */
  readonly activeContext?: () => Context;
  /**
   * Fills in what the server is told of the span:
   * `(span, carrier, ctx) => propagation.inject(trace.setSpan(ctx, span), carrier)`. Left out, it is told nothing.
   */
  readonly inject?: (span: TracedSpan, carrier: Record<string, string>, context: Context) => void;
}

/** `SpanKind.CLIENT` and `SpanStatusCode.ERROR` of OpenTelemetry. */
const clientKind = 2;
const errorStatus = 2;

/**
 * An observer that makes a span of each call, with the names that OpenTelemetry's conventions have for gRPC: method,
 * endpoint and status as attributes, an event for each attempt that failed. Keys and values are not in it.
 *
 * It needs no package of OpenTelemetry; what is given only has to have these methods.
 */
export function traceCalls<Context, TracedSpan extends Span>(
  options: TracingOptions<Context, TracedSpan>,
): ClientObserver {
  return { callStarted: (call) => startSpan(options, call) };
}

function startSpan<Context, TracedSpan extends Span>(
  { tracer, activeContext, inject }: TracingOptions<Context, TracedSpan>,
  { path, kind, context: given }: StartedCall,
): CallObserver {
  const [, service = '', method = ''] = path.split('/');
  // Whoever gives calls a context gives those of the tracer given.
  const context = (given as Context | undefined) ?? activeContext?.();
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method, 'rpc.kind': kind };
  const span = tracer.startSpan(`${service}/${method}`, { kind: clientKind, attributes }, context);
  const metadata: Record<string, string> = {};
  if (context !== undefined) inject?.(span, metadata, context);
  return {
    metadata,
    attemptStarted: ({ endpoint }) => span.setAttribute('server.address', endpoint),
    attemptFailed: ({ endpoint, attempt, error }) =>
      span.addEvent('attempt failed', { attempt, 'server.address': endpoint, message: error.message }),
    ended: ({ attempts, code, error }) => {
      span.setAttribute('rpc.attempts', attempts);
      span.setAttribute('rpc.grpc.status_code', codeNumber(code));
      if (error !== undefined) span.setStatus({ code: errorStatus, message: `${code}: ${error.message}` });
      span.end();
    },
  };
}
