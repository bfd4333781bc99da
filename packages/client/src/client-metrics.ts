import type { CallObserver, ClientObserver, EndedCall, StartedCall } from './observer.ts';

/** Upper bounds of the durations that are told apart, in seconds. */
const boundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** One number, with what it is of: as Prometheus and OpenTelemetry name such things. */
export interface MetricSample {
  /** Such as `quorate_client_calls_total`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Family {
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly values: Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>;
}

const families = {
  quorate_client_calls_total: ['counter', 'Calls that ended, by method, code and the endpoint asked last.'],
  quorate_client_calls_open: ['gauge', 'Calls and streams under way, by method.'],
  quorate_client_call_duration_seconds: ['histogram', 'How long unary calls took, all attempts included.'],
  quorate_client_retries_total: ['counter', 'Attempts that failed and were followed by another.'],
  quorate_client_endpoint_changes_total: ['counter', 'How often another endpoint became the first to ask.'],
  quorate_client_connects_total: ['counter', 'Connections that came to stand.'],
  quorate_client_reconnects_total: ['counter', 'Those of them that followed one that was lost.'],
  quorate_client_disconnects_total: ['counter', 'Connections that were lost, or closed.'],
  quorate_client_watch_resumes_total: ['counter', 'Watches that broke and were created again.'],
  quorate_client_token_refreshes_total: ['counter', 'Tokens asked for, by whether they came.'],
} as const satisfies Record<string, readonly [Family['type'], string]>;

type FamilyName = keyof typeof families;

/**
 * Counts what a client does: `new Client({ observer: metrics })`. Several clients may share one. Labels are methods,
 * codes and endpoints, never keys, values, users or tokens, so that there are few of them.
 */
export class ClientMetrics implements ClientObserver {
  readonly #families: ReadonlyMap<FamilyName, Family>;

  constructor() {
    // The names are those of the object.
    const names = Object.keys(families) as FamilyName[];
    this.#families = new Map(
      names.map((name) => [name, { type: families[name][0], help: families[name][1], values: new Map() }]),
    );
  }

  /** Part of `ClientObserver`. */
  callStarted({ path, kind }: StartedCall): CallObserver {
    const method = path;
    this.#add('quorate_client_calls_open', { method }, 1);
    return {
      attemptFailed: ({ endpoint }) => this.#add('quorate_client_retries_total', { method, endpoint }, 1),
      ended: (call) => this.#ended(method, kind, call),
    };
  }

  /** Part of `ClientObserver`. */
  endpointChanged({ to }: { readonly to: string }): void {
    this.#add('quorate_client_endpoint_changes_total', { endpoint: to }, 1);
  }

  /** Part of `ClientObserver`. */
  connected({ endpoint, isFirst }: { readonly endpoint: string; readonly isFirst: boolean }): void {
    this.#add('quorate_client_connects_total', { endpoint }, 1);
    if (!isFirst) this.#add('quorate_client_reconnects_total', { endpoint }, 1);
  }

  /** Part of `ClientObserver`. */
  disconnected({ endpoint }: { readonly endpoint: string }): void {
    this.#add('quorate_client_disconnects_total', { endpoint }, 1);
  }

  /** Part of `ClientObserver`. */
  watchResumed(): void {
    this.#add('quorate_client_watch_resumes_total', {}, 1);
  }

  /** Part of `ClientObserver`. */
  tokenRefreshed({ error }: { readonly error: Error | undefined }): void {
    const outcome = error === undefined ? 'ok' : 'failed';
    this.#add('quorate_client_token_refreshes_total', { outcome }, 1);
  }

  /** All numbers there are now, for whatever collects them. */
  samples(): MetricSample[] {
    return [...this.#families].flatMap(([family, { type, values }]) =>
      [...values].map(([id, { labels, value }]) => ({
        name: type === 'histogram' ? family + id.slice(0, id.indexOf('{')) : family,
        labels,
        value,
      })),
    );
  }

  /** The same as Prometheus reads it (text format 0.0.4). */
  text(): string {
    const lines: string[] = [];
    for (const [family, { type, help, values }] of this.#families) {
      if (values.size === 0) continue;
      lines.push(`# HELP ${family} ${help}`, `# TYPE ${family} ${type}`);
      for (const [id, { value }] of values) lines.push(`${family}${id} ${value}`);
    }
    return lines.map((line) => `${line}\n`).join('');
  }

  #ended(method: string, kind: StartedCall['kind'], { code, endpoint = '', durationMs }: EndedCall): void {
    this.#add('quorate_client_calls_open', { method }, -1);
    this.#add('quorate_client_calls_total', { method, code, endpoint }, 1);
    if (kind === 'unary') this.#observe(method, durationMs / 1_000);
  }

  #observe(method: string, seconds: number): void {
    const name = 'quorate_client_call_duration_seconds';
    for (const bound of boundsSeconds) {
      this.#add(name, { method, le: String(bound) }, seconds <= bound ? 1 : 0, '_bucket');
    }
    this.#add(name, { method, le: '+Inf' }, 1, '_bucket');
    this.#add(name, { method }, seconds, '_sum');
    this.#add(name, { method }, 1, '_count');
  }

  #add(name: FamilyName, labels: Readonly<Record<string, string>>, amount: number, suffix = ''): void {
    const id = suffix + labelText(labels);
    const values = this.#families.get(name)?.values;
    const known = values?.get(id);
    if (known === undefined) values?.set(id, { labels, value: amount });
    else known.value += amount;
  }
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const escaped = (value: string) => value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')}}`;
}
