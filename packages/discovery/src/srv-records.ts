import { clusterSizeMax } from './registrations.ts';
import type { DnsResolver, SrvRecord } from './resolver.ts';

/** Where records are looked up. */
export interface SrvDomain {
  readonly resolver: Pick<DnsResolver, 'resolveSrv'>;
  readonly domain: string;
  readonly signal?: AbortSignal | undefined;
}

/** The records of a service, in an order of their own; none, and a word why, when there is no answer. */
export async function recordsOf(
  service: string,
  { resolver, domain, signal }: SrvDomain,
  skip: (reason: string) => void,
): Promise<readonly SrvRecord[]> {
  try {
    const records = await resolver.resolveSrv(`_${service}._tcp.${domain}`, { signal });
    if (records.length > clusterSizeMax) {
      skip(`${records.length} records are more than a cluster has`);
      return [];
    }
    if (records.length === 0) skip('no records');
    return [...records].sort(
      (a, b) =>
        a.priority - b.priority || b.weight - a.weight || compareText(a.name, b.name) || a.port - b.port,
    );
  } catch (error) {
    signal?.throwIfAborted();
    skip(messageOf(error));
    return [];
  }
}

/** Labels of letters, digits, hyphens and underscores: whatever else a record holds cannot get into a URL. */
const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

/** The host that a record names; undefined, and a word why, when it names no address. */
export function hostOf({ name, port }: SrvRecord, skip: (reason: string) => void): string | undefined {
  const host = name.replace(/\.$/, '');
  if (hostName.test(host) && Number.isInteger(port) && port >= 1 && port <= 65_535) return host;
  skip(`${JSON.stringify(name)} with port ${port} is no address`);
  return undefined;
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
