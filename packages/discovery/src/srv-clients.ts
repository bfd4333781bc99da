import { DiscoveryError } from './errors.ts';
import type { DnsResolver } from './resolver.ts';
import { hostOf, recordsOf } from './srv-records.ts';

/** What finding a cluster in DNS takes. */
export interface SrvClientOptions {
  readonly resolver: Pick<DnsResolver, 'resolveSrv'>;
  /** `--discovery-srv`: the domain that the records are of. */
  readonly domain: string;
  /** `--discovery-srv-name`: tells clusters of one domain apart; empty when there is but one. */
  readonly serviceName?: string;
  readonly signal?: AbortSignal | undefined;
  /** Told of a record, or a whole service, that is left out. */
  readonly onSkipped?: (reason: string) => void;
}

/** Where clients reach a member, as a record says. */
export interface SrvEndpoint {
  readonly scheme: 'https' | 'http';
  readonly host: string;
  readonly port: number;
  /** Those of the lowest priority are to be asked before all others, in proportion to their weights (RFC 2782). */
  readonly priority: number;
  readonly weight: number;
}

/**
 * Where clients reach the members of a cluster, as the SRV records `_etcd-client-ssl._tcp` (https) and
 * `_etcd-client._tcp` (http) of a domain say; those with TLS first, each kind by priority and weight.
 *
 * @throws DiscoveryError when no record was found
 */
export async function discoverClients(options: SrvClientOptions): Promise<readonly SrvEndpoint[]> {
  const { domain, serviceName = '' } = options;
  const suffix = serviceName === '' ? '' : `-${serviceName}`;
  const problems: string[] = [];
  const found: SrvEndpoint[] = [];
  for (const { service, scheme } of [
    { service: `etcd-client-ssl${suffix}`, scheme: 'https' },
    { service: `etcd-client${suffix}`, scheme: 'http' },
  ] as const) {
    const skip = (reason: string): void => {
      problems.push(`_${service}._tcp.${domain}: ${reason}`);
      options.onSkipped?.(`_${service}._tcp.${domain}: ${reason}`);
    };
    for (const record of await recordsOf(service, options, skip)) {
      const host = hostOf(record, skip);
      if (host === undefined) continue;
      const { port, priority, weight } = record;
      const isKnown = found.some((known) => known.host === host && known.port === port);
      if (!isKnown) found.push({ scheme, host, port, priority, weight });
    }
  }
  if (found.length > 0) return found;
  throw new DiscoveryError('DISCOVERY_NO_RECORDS', `dns lookup errors: ${problems.join(' and ')}`);
}
