import { readFileSync } from 'node:fs';
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import type { TlsOptions } from '@quorate/client';

/** What a member has counted since it started. */
export interface Counters {
  readonly puts: number;
  readonly ranges: number;
  readonly txns: number;
  readonly events: number;
  /** Watchers there are now. */
  readonly watchers: number;
}

/** The names under which members publish them. */
const names = {
  puts: 'etcd_mvcc_put_total',
  ranges: 'etcd_mvcc_range_total',
  txns: 'etcd_mvcc_txn_total',
  events: 'etcd_debugging_mvcc_events_total',
  watchers: 'etcd_debugging_mvcc_watcher_total',
} as const;

/** More than any member publishes; what is longer is no page of metrics. */
const pageBytesMax = 16 * 1024 * 1024;

/** Where, how and how long a member is asked. */
export interface MetricsOptions {
  /** The member's client URL. */
  readonly endpoint: string;
  readonly tls: TlsOptions | undefined;
  readonly signal: AbortSignal;
}

/** What a member publishes at `/metrics`; undefined when it is not to be had there. */
export async function fetchCounters({
  endpoint,
  tls,
  signal,
}: MetricsOptions): Promise<Counters | undefined> {
  const url = metricsUrl(endpoint, tls !== undefined);
  if (url === undefined) return undefined;
  try {
    return parseCounters(await fetchPage(url, tls, signal));
  } catch {
    return undefined;
  }
}

/** The counters in a page of Prometheus' text format; undefined when none of them is there. */
export function parseCounters(page: string): Counters | undefined {
  const found = new Map<string, number>();
  for (const line of page.split('\n')) {
    const [, name = '', value = ''] = /^(\w+)(?:\{[^}]*\})? (\S+)/.exec(line) ?? [];
    if (name !== '') found.set(name, (found.get(name) ?? 0) + Number(value));
  }
  if (!Object.values(names).some((name) => found.has(name))) return undefined;
  const of = (counter: keyof typeof names) => found.get(names[counter]) ?? 0;
  return {
    puts: of('puts'),
    ranges: of('ranges'),
    txns: of('txns'),
    events: of('events'),
    watchers: of('watchers'),
  };
}

function metricsUrl(endpoint: string, hasTls: boolean): string | undefined {
  const [, scheme = hasTls ? 'https' : 'http', host = ''] = /^(?:([a-z]+):\/\/)?([^/]+)/.exec(endpoint) ?? [];
  const isHttp = scheme === 'http' || scheme === 'https';
  return isHttp && host !== '' ? `${scheme}://${host}/metrics` : undefined;
}

function fetchPage(url: string, tls: TlsOptions | undefined, signal: AbortSignal): Promise<string> {
  const { ca, cert, key, serverName, insecureSkipVerify } = tls ?? {};
  const pem = (source: TlsOptions['ca']) => {
    if (source === undefined) return undefined;
    return source instanceof Uint8Array ? Buffer.from(source) : readFileSync(source.file);
  };
  const options = { ca: pem(ca), cert: pem(cert), key: pem(key), servername: serverName };
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage): void => {
      collect(response).then(resolve, reject);
    };
    // A page a time: a connection that is kept would keep the program.
    const request = url.startsWith('https:')
      ? getHttps(
          url,
          { ...options, rejectUnauthorized: insecureSkipVerify !== true, agent: false, signal },
          onResponse,
        )
      : getHttp(url, { agent: false, signal }, onResponse);
    request.on('error', reject);
  });
}

async function collect(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`status ${response.statusCode ?? 0}`);
  }
  let page = '';
  for await (const chunk of response.setEncoding('utf8')) {
    page += String(chunk);
    if (page.length > pageBytesMax) throw new Error('no page of metrics is as long as that');
  }
  return page;
}
