import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { ReplicaObserver } from '@quorate/replica';
import type { Member, MethodTable } from '@quorate/rpc';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from 'pino';
import type { ServerConfig } from '../config/schema.ts';
import { withCallSpans, type Spans, type TracedCall } from './call-spans.ts';
import { collectorUrl, samplesMax } from './collector.ts';
import { MemberSpans } from './member-spans.ts';
import { WatchedExporter, type SpanCounts } from './watched-exporter.ts';

/** Spans that wait for the collector; what ends while so many wait is left out. */
const maxQueueSize = 2_048;
const maxExportBatchSize = 512;
const scheduledDelayMillis = 5_000;
/** How long the collector may take for a batch. */
const exportTimeoutMs = 5_000;
/** How long the end of a member waits for it, and before that for calls that end with it. */
const lastExportTimeoutMs = 1_000;
const lastCallsTimeoutMs = 250;

/** The traces of one member: spans of its calls, which go to a collector over OTLP. */
export class Tracing implements AsyncDisposable {
  readonly #provider: TracerProvider;
  readonly #exporter: WatchedExporter;
  readonly #spans: Spans;
  readonly #member: MemberSpans;

  /** Connects to nobody before there is something to tell. */
  constructor(config: ServerConfig, log: Logger) {
    const url = collectorUrl(config.tracingAddress);
    this.#exporter = new WatchedExporter(
      new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs, concurrencyLimit: 1 }),
      log.child({ component: 'tracing' }),
    );
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        [ATTR_SERVICE_NAME]: config.tracingServiceName,
        // One that all members share would be worse than none.
        ...(config.tracingInstanceId !== '' && { [ATTR_SERVICE_INSTANCE_ID]: config.tracingInstanceId }),
      }),
      sampler: new ParentBasedSampler({ root: samplerOf(config.tracingSamplingRate) }),
      spanProcessors: [
        new BatchSpanProcessor({
          ...{ exporter: this.#exporter, maxQueueSize, maxExportBatchSize, scheduledDelayMillis },
          exportTimeoutMillis: 2 * exportTimeoutMs,
        }),
      ],
    });
    const current = new AsyncLocalStorage<TracedCall>();
    const tracer = this.#provider.getTracer('@quorate/server');
    this.#spans = { tracer, current, open: new Set(), onNoneOpen: undefined };
    this.#member = new MemberSpans(this.#spans);
  }

  /** Has to hear of what the replica does. */
  get observer(): ReplicaObserver {
    return this.#member.observer;
  }

  /** Spans that the collector has taken, and those that it has not. */
  get counts(): SpanCounts {
    return this.#exporter.counts;
  }

  /** The member, whose steps are told in the traces of calls. */
  watch(member: Member): Member {
    return this.#member.watch(member);
  }

  /** The methods, with spans for their calls. */
  withSpans(methods: MethodTable): MethodTable {
    return withCallSpans(methods, this.#spans);
  }

  /** Lets calls end that were cut off just now, then sends what is left; both for a short time at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise: noneOpen, resolve } = Promise.withResolvers<void>();
    this.#spans.onNoneOpen = resolve;
    if (this.#spans.open.size > 0) await within(lastCallsTimeoutMs, noneOpen);
    // What could not be sent is counted, and logged.
    await within(
      lastExportTimeoutMs,
      this.#provider.shutdown().catch(() => {}),
    );
  }
}

/** Resolves with the work, or after that time without it. */
async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, timeoutMs);
  await Promise.race([work, timeout.promise]);
  clearTimeout(timer);
}

function samplerOf(perMillion: number) {
  return perMillion === 0 ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(perMillion / samplesMax);
}
