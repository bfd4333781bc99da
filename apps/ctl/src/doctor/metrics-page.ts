/** A sample of a metric. */
interface Sample {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** How often something took how long. */
export interface Quantile {
  /** The upper bound of the last bucket, when it lies beyond. */
  readonly seconds: number;
  readonly isBeyond: boolean;
  /** How many samples there are. */
  readonly count: number;
}

/** A page of Prometheus' text format, and the one before it, when only what lies between is to count. */
export class MetricsPage {
  readonly #samples: ReadonlyMap<string, readonly Sample[]>;
  readonly #before: MetricsPage | undefined;

  private constructor(samples: ReadonlyMap<string, readonly Sample[]>, before: MetricsPage | undefined) {
    this.#samples = samples;
    this.#before = before;
  }

  /** Lines that are none of the format are passed over. */
  static parse(page: string): MetricsPage {
    const samples = new Map<string, Sample[]>();
    for (const line of page.split('\n')) {
      const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
      if (name === undefined || value === undefined) continue;
      const of = samples.get(name) ?? [];
      of.push({ labels: parseLabels(labels), value: parseValue(value) });
      samples.set(name, of);
    }
    return new MetricsPage(samples, undefined);
  }

  /** The same page, whose counters begin where an older one ends. After a restart they begin anew, and so count as they are. */
  since(before: MetricsPage): MetricsPage {
    const startOf = (page: MetricsPage) => page.gauge('process_start_time_seconds');
    return new MetricsPage(this.#samples, startOf(this) === startOf(before) ? before : undefined);
  }

  /** The names of all metrics. */
  names(): Iterable<string> {
    return this.#samples.keys();
  }

  /** What is now, summed over all labels; undefined when there is no such metric. */
  gauge(name: string): number | undefined {
    const samples = this.#samples.get(name);
    return samples?.reduce((sum, { value }) => sum + value, 0);
  }

  /** What was counted, summed over labels that are as said; undefined when there is no such metric. */
  counter(name: string, where: Readonly<Record<string, string | RegExp>> = {}): number | undefined {
    const samples = this.#samples.get(name);
    if (samples === undefined) return undefined;
    const sum = samples
      .filter(({ labels }) => doMatch(labels, where))
      .reduce((total, { value }) => total + value, 0);
    return sum - (this.#before?.counter(name, where) ?? 0);
  }

  /** All values that a label of a metric has. */
  labelValues(name: string, label: string): readonly string[] {
    const values = this.#samples.get(name)?.flatMap(({ labels }) => labels.get(label) ?? []) ?? [];
    return [...new Set(values)];
  }

  /** A quantile of a histogram, between its buckets as Prometheus has it; undefined without the metric or samples. */
  quantile(name: string, share: number, where: Readonly<Record<string, string>> = {}): Quantile | undefined {
    const bounds = this.labelValues(`${name}_bucket`, 'le')
      .map((text) => ({ text, bound: parseValue(text) }))
      .toSorted((a, b) => a.bound - b.bound);
    const buckets = bounds.map(({ text, bound }) => ({
      bound,
      count: this.counter(`${name}_bucket`, { ...where, le: text }) ?? 0,
    }));
    const count = buckets.at(-1)?.count ?? 0;
    if (count <= 0) return undefined;
    const rank = share * count;
    const at = buckets.findIndex((bucket) => bucket.count >= rank);
    const [bucket, before] = [buckets[at], buckets[at - 1]];
    if (bucket === undefined || bucket.bound === Infinity)
      return { seconds: before?.bound ?? 0, isBeyond: true, count };
    const [low, below] = [before?.bound ?? 0, before?.count ?? 0];
    const part = bucket.count === below ? 1 : (rank - below) / (bucket.count - below);
    return { seconds: low + (bucket.bound - low) * part, isBeyond: false, count };
  }
}

function parseValue(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

function parseLabels(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
    labels.set(
      name,
      value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char)),
    );
  return labels;
}

function doMatch(
  labels: ReadonlyMap<string, string>,
  where: Readonly<Record<string, string | RegExp>>,
): boolean {
  return Object.entries(where).every(([name, wanted]) => {
    const value = labels.get(name) ?? '';
    return typeof wanted === 'string' ? value === wanted : wanted.test(value);
  });
}
