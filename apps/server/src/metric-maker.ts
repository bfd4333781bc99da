import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Makes metrics in one registry. Those with a `read` are asked when somebody scrapes, and cost nothing before. */
export class MetricMaker {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  /** A number that goes up and down. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: this.#registers,
      collect() {
        this.set(read());
      },
    });
  }

  /** A number that only grows, counted elsewhere. */
  total(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: this.#registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** A 1 whose label is the news; none while it is undefined. */
  text(name: string, label: string, help: string, read: () => string | undefined): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: this.#registers,
      collect() {
        this.reset();
        const value = read();
        if (value !== undefined) this.set({ [label]: value }, 1);
      },
    });
  }

  /** A 1 whose labels never change. */
  constant(name: string, labels: Readonly<Record<string, string>>, help: string): void {
    const labelNames = Object.keys(labels);
    new Gauge({ name, help, labelNames, registers: this.#registers }).set({ ...labels }, 1);
  }

  counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: this.#registers });
  }

  settable(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: this.#registers });
  }

  labelled<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: this.#registers });
  }

  labelledCounter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  histogram<L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    return new Histogram({ name, help, buckets, labelNames, registers: this.#registers });
  }
}

/** `count` bucket bounds from `start`, each `factor` times the one before. */
export function exponential(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start * factor ** i);
}
