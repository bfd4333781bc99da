import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';

/** Spans by what became of them. */
export interface SpanCounts {
  sent: number;
  failed: number;
}

type Export = Parameters<SpanExporter['export']>;

/** An exporter that counts, and says in the log when spans cannot be delivered, and when they can again. */
export class WatchedExporter implements SpanExporter {
  readonly counts: SpanCounts = { sent: 0, failed: 0 };
  readonly #inner: SpanExporter;
  readonly #log: Logger;
  #isFailing = false;

  constructor(inner: SpanExporter, log: Logger) {
    this.#inner = inner;
    this.#log = log;
  }

  export(...[spans, done]: Export): void {
    this.#inner.export(spans, (result) => {
      this.#note(spans.length, result.error);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#inner.forceFlush?.();
  }

  #note(spans: number, error: Error | undefined): void {
    this.counts[error === undefined ? 'sent' : 'failed'] += spans;
    const isFailing = error !== undefined;
    if (isFailing === this.#isFailing) return;
    this.#isFailing = isFailing;
    // Once each time: it is the collector's trouble, and the member serves on.
    if (isFailing) this.#log.warn({ reason: error.message, spans }, 'traces cannot be delivered');
    else this.#log.info('traces are delivered again');
  }
}
