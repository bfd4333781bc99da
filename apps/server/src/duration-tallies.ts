import type { Metric, Registry } from 'prom-client';

/** Counts by bucket of one series. */
interface Tally {
  readonly labels: Readonly<Record<string, string>>;
  /** Below each bound, and above all of them. */
  readonly counts: Float64Array;
  sumSeconds: number;
}

export interface DurationTalliesOptions {
  readonly name: string;
  readonly help: string;
  /** The upper bound of the first bucket in seconds; each further bound is twice the one before. */
  readonly firstSeconds: number;
  readonly bounds: number;
}

/**
 * A histogram for what happens a hundred thousand times in a second: a series is found once, and an observation is two
 * additions. prom-client's own, which looks labels up each time, takes about a microsecond.
 */
export class DurationTallies {
  readonly #options: DurationTalliesOptions;
  readonly #boundSeconds: readonly number[];
  readonly #tallies: Tally[] = [];

  /** Shows them in a registry. */
  constructor(registry: Registry, options: DurationTalliesOptions) {
    this.#options = options;
    this.#boundSeconds = Array.from({ length: options.bounds }, (_, i) => options.firstSeconds * 2 ** i);
    const { name, help } = options;
    const metric = { name, help, type: 'histogram', get: () => this.#read(), reset: () => this.#reset() };
    // All that a registry asks of a metric; its type is a union of prom-client's own classes.
    registry.registerMetric(metric as unknown as Metric);
  }

  /** A series, to which durations in milliseconds are told. */
  series(labels: Readonly<Record<string, string>>): (durationMs: number) => void {
    const { bounds, firstSeconds } = this.#options;
    const tally: Tally = { labels, counts: new Float64Array(bounds + 1), sumSeconds: 0 };
    this.#tallies.push(tally);
    return (durationMs) => {
      const seconds = durationMs / 1000;
      const bucket = seconds <= firstSeconds ? 0 : Math.ceil(Math.log2(seconds / firstSeconds));
      // Within the array: there is a place behind the last bound.
      tally.counts[Math.min(bucket, bounds)]! += 1;
      tally.sumSeconds += seconds;
    };
  }

  #read(): Promise<unknown> {
    const { name, help } = this.#options;
    const values = this.#tallies.flatMap((tally) => this.#valuesOf(tally));
    return Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values });
  }

  /** As Prometheus has them: each bucket counts all that is below its bound. */
  #valuesOf({ labels, counts, sumSeconds }: Tally) {
    const { name } = this.#options;
    let below = 0;
    const buckets = [...this.#boundSeconds, Infinity].map((bound, i) => {
      below += counts[i] ?? 0;
      const le = bound === Infinity ? '+Inf' : bound;
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
    });
    if (below === 0) return [];
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sumSeconds },
      { metricName: `${name}_count`, labels, value: below },
    ];
  }

  #reset(): void {
    for (const tally of this.#tallies) {
      tally.counts.fill(0);
      tally.sumSeconds = 0;
    }
  }
}
