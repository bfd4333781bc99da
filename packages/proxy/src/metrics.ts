import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** What the gauges show when they are looked at. */
export interface ProxyUsage {
  readonly cacheEntries: number;
  readonly watchers: number;
  readonly watchSources: number;
  readonly watchStreams: number;
  readonly keepAliveStreams: number;
}

/**
 * `/proxy/metrics`. The names and kinds of the first five are those of etcd's proxy, gauges that only rise among them;
 * the others are our own.
 */
export class ProxyMetrics {
  readonly #registry = new Registry();
  readonly #hits = this.#gauge('etcd_grpc_proxy_cache_hits_total', 'Total number of cache hits');
  readonly #misses = this.#gauge('etcd_grpc_proxy_cache_misses_total', 'Total number of cache misses');
  readonly #events = new Counter({
    name: 'etcd_grpc_proxy_events_coalescing_total',
    help: 'Total number of events coalescing',
    registers: [this.#registry],
  });

  constructor(usage: () => ProxyUsage) {
    collectDefaultMetrics({ register: this.#registry });
    const shown: readonly (readonly [string, string, (now: ProxyUsage) => number])[] = [
      [
        'etcd_grpc_proxy_cache_keys_total',
        'Total number of keys/ranges cached',
        ({ cacheEntries }) => cacheEntries,
      ],
      [
        'etcd_grpc_proxy_watchers_coalescing_total',
        'Total number of current watchers coalescing',
        ({ watchers, watchSources }) => watchers - watchSources,
      ],
      ['quorate_grpc_proxy_watchers', 'Watchers of clients.', ({ watchers }) => watchers],
      ['quorate_grpc_proxy_upstream_watchers', 'Watchers at members.', ({ watchSources }) => watchSources],
      ['quorate_grpc_proxy_upstream_watch_streams', 'Watch streams to members.', (now) => now.watchStreams],
      [
        'quorate_grpc_proxy_upstream_keep_alive_streams',
        'Keep-alive streams to members.',
        (now) => now.keepAliveStreams,
      ],
    ];
    for (const [name, help, value] of shown) this.#gauge(name, help, () => value(usage()));
  }

  hit(): void {
    this.#hits.inc();
  }

  missed(): void {
    this.#misses.inc();
  }

  /** So many events went out more often than they came in. */
  coalesced(events: number): void {
    this.#events.inc(events);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge(name: string, help: string, value?: () => number): Gauge {
    return new Gauge({
      name,
      help,
      registers: [this.#registry],
      ...(value !== undefined && {
        collect() {
          this.set(value());
        },
      }),
    });
  }
}
