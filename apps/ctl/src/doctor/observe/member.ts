import type { Client } from '@quorate/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadTlsOptions } from '../../cli/tls-files.ts';
import { argumentBytes } from '../../commands/key-range.ts';
import { observed, unobserved, type Outcome } from '../check.ts';
import { clockBounds, type ClockSample } from '../clock-bounds.ts';
import type { MemberFacts, MetricsFacts } from '../cluster-facts.ts';
import { silent } from '../live/members.ts';
import { MetricsPage } from '../metrics-page.ts';
import { observeCertificate } from './certificate.ts';
import { fetchPage, pageUrl, type Page } from './http.ts';
import { reasonOf } from './reason.ts';

/** Reads of each kind that are measured. */
const readCount = 5;

/** How a member is asked. */
export interface MemberOptions {
  readonly endpoint: string;
  readonly tls: ReadTlsOptions | undefined;
  /** Whether an endpoint that leaves it open has TLS. */
  readonly isTlsDefault: boolean;
  /** For each answer. */
  readonly timeoutMs: number;
  /** How long counters count between two looks; 0 to take them as they are since the member began. */
  readonly intervalMs: number;
  /** Pages of metrics that are elsewhere, with the IDs of members that they are of. */
  readonly otherMetrics: ReadonlyMap<string, string>;
  /** A client of this endpoint alone. */
  readonly client: () => Promise<Client>;
}

/** Observes one member. Never fails: what cannot be had says why. */
export async function observeMember(options: MemberOptions): Promise<MemberFacts> {
  const { endpoint, isTlsDefault, tls, timeoutMs } = options;
  const [status, isRefused] = await statusOf(options);
  const secureUrl = pageUrl(endpoint, '', isTlsDefault);
  const isSecure = secureUrl?.startsWith('https:') === true;
  const certificate = isSecure ? await observeCertificate({ url: secureUrl, tls, timeoutMs }) : undefined;
  const known = { endpoint, status, isRefused, certificate };
  if (!status.ok && !isRefused) return { ...known, ...nothing };
  const client = await options.client();
  const pages = new Pages(options);
  const id = status.ok ? (status.value.header?.memberId ?? 0n) : 0n;
  return {
    ...known,
    serializableMs: await timesOf(() => read(client, { serializable: true, timeoutMs })),
    linearizableMs: await timesOf(() => read(client, { serializable: false, timeoutMs })),
    health: await healthOf(pages),
    versions: await versionsOf(pages),
    metrics: await metricsOf(pages, options, id),
    clock: clockOf(pages.clocks),
  };
}

const none = unobserved(silent);
/** What is known of a member that does not answer. */
const nothing = {
  ...{ serializableMs: none, linearizableMs: none, health: none },
  ...{ versions: none, metrics: none, clock: none },
};

/** The status, and whether it was refused. */
async function statusOf({
  client,
  timeoutMs,
}: MemberOptions): Promise<readonly [MemberFacts['status'], boolean]> {
  try {
    return [observed(await (await client()).maintenance.status({}, { timeoutMs })), false];
  } catch (error) {
    return [unobserved(reasonOf(error)), isRefusal(error)];
  }
}

/** Pages of a member; the clock is read from each. */
class Pages {
  readonly #options: MemberOptions;
  readonly clocks: ClockSample[] = [];

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** @throws Error */
  async get(path: string): Promise<Page> {
    const { endpoint, isTlsDefault } = this.#options;
    const url = pageUrl(endpoint, path, isTlsDefault);
    if (url === undefined) throw new Error('there is no HTTP at this kind of endpoint');
    return this.at(url);
  }

  /** @throws Error */
  async at(url: string): Promise<Page> {
    const { tls, timeoutMs } = this.#options;
    const page = await fetchPage({ url, tls, timeoutMs });
    if (page.clock !== undefined) this.clocks.push(page.clock);
    return page;
  }
}

async function read(
  client: Client,
  { serializable, timeoutMs }: { readonly serializable: boolean; readonly timeoutMs: number },
): Promise<void> {
  try {
    await client.kv.range({ key: argumentBytes('health'), serializable, countOnly: true }, { timeoutMs });
  } catch (error) {
    // Who says that we may not read has agreed on that with the others.
    if (!isRefusal(error)) throw error;
  }
}

/** Whether an answer is that we are not known, or may not read. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /etcdserver: (?:permission denied|user name is empty|invalid auth token)/.test(error.message);
}

async function timesOf(call: () => Promise<void>): Promise<Outcome<readonly number[]>> {
  return attempt(async () => {
    const times: number[] = [];
    while (times.length < readCount) {
      const startedAt = performance.now();
      await call();
      times.push(performance.now() - startedAt);
    }
    return times;
  });
}

async function healthOf(pages: Pages): Promise<MemberFacts['health']> {
  return attempt(async () => {
    const { body } = await pages.get('/health');
    const { health, reason } = fieldsOf(body);
    if (health === undefined) throw new Error('/health says nothing of health');
    return { isHealthy: health === 'true', reason: reason ?? '' };
  });
}

async function versionsOf(pages: Pages): Promise<MemberFacts['versions']> {
  return attempt(async () => {
    const { body } = await pages.get('/version');
    const { etcdserver = '', etcdcluster = '' } = fieldsOf(body);
    return { server: etcdserver, cluster: etcdcluster };
  });
}

async function metricsOf(
  pages: Pages,
  { intervalMs, otherMetrics }: MemberOptions,
  id: bigint,
): Promise<Outcome<MetricsFacts>> {
  return attempt(async () => {
    const elsewhere = otherMetrics.get(id.toString(16));
    const look = async (): Promise<{ readonly page: MetricsPage; readonly nowMs: number }> => {
      const { status, body, clock } = await (elsewhere === undefined
        ? pages.get('/metrics')
        : pages.at(elsewhere));
      const page = MetricsPage.parse(body);
      if (status !== 200 || page.gauge('etcd_server_has_leader') === undefined)
        throw new Error(`none are served there (status ${status}); --metrics-endpoints says where else`);
      // The member's own clock tells how long it has run.
      return { page, nowMs: clock?.dateMs ?? Date.now() };
    };
    const before = intervalMs > 0 ? await look() : undefined;
    if (before !== undefined) await sleep(intervalMs);
    const { page, nowMs } = await look();
    const uptimeSeconds = Math.max(
      0,
      nowMs / 1_000 - (page.gauge('process_start_time_seconds') ?? nowMs / 1_000),
    );
    const isOurs = [...page.names()].some((name) => name.startsWith('quorate_'));
    const product = isOurs ? 'quorate' : 'etcd';
    if (before === undefined) return { page, seconds: uptimeSeconds, uptimeSeconds, product };
    return { page: page.since(before.page), seconds: intervalMs / 1_000, uptimeSeconds, product };
  });
}

function clockOf(samples: readonly ClockSample[]): MemberFacts['clock'] {
  if (samples.length === 0) return unobserved('no answer by HTTP tells the time');
  const bounds = clockBounds(samples);
  return bounds === undefined ? unobserved('it was set while it was looked at') : observed(bounds);
}

/** The texts of an object in JSON. */
function fieldsOf(body: string): Readonly<Record<string, string | undefined>> {
  const parsed: unknown = JSON.parse(body);
  if (typeof parsed !== 'object' || parsed === null) return {};
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]));
}

/** A value, or why there is none. */
export async function attempt<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return observed(await call());
  } catch (error) {
    return unobserved(reasonOf(error));
  }
}
