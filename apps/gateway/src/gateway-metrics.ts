import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What is counted while a gateway runs. */
export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: 'quorate_gateway_requests_total',
    help: 'Requests that were answered, by path and status.',
    labelNames: ['path', 'status'],
    registers: [this.#registry],
  });
  readonly #durations = new Histogram({
    name: 'quorate_gateway_request_duration_seconds',
    help: 'From the head of a request to the end of its answer; streams are not counted.',
    labelNames: ['path'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [this.#registry],
  });

  constructor(gauges: {
    readonly openStreams: () => number;
    readonly members: () => ReadonlyMap<string, boolean>;
  }) {
    collectDefaultMetrics({ register: this.#registry });
    new Gauge({
      name: 'quorate_gateway_open_streams',
      help: 'Streams and WebSockets that are open.',
      registers: [this.#registry],
      collect() {
        this.set(gauges.openStreams());
      },
    });
    new Gauge({
      name: 'quorate_gateway_member_healthy',
      help: 'Whether a member answered when it was asked last.',
      labelNames: ['endpoint'],
      registers: [this.#registry],
      collect() {
        for (const [endpoint, isHealthy] of gauges.members()) this.set({ endpoint }, isHealthy ? 1 : 0);
      },
    });
  }

  /** `path` is a route, never what a client made up: each one is kept for good. */
  answered(path: string, status: number, seconds: number | undefined): void {
    this.#requests.inc({ path, status });
    if (seconds !== undefined) this.#durations.observe({ path }, seconds);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
