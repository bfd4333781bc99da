import { bytesOfText, type ByteString } from '../byte-string.ts';

/** An answer of DNS to the question where a service is. */
export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
}

/** Where endpoints are looked up. */
export interface DiscoveryOptions {
  /** `--discovery-srv`. */
  readonly domain: string;
  /** `--discovery-srv-name`: put behind the name of the service, for several clusters in one domain. */
  readonly serviceName: string;
  /** Whether endpoints without TLS are taken, too. */
  readonly insecure: boolean;
}

/**
 * The endpoints of a cluster that DNS knows: `_etcd-client-ssl._tcp` for those with TLS, `_etcd-client._tcp` for
 * those without.
 *
 * @throws Error when there are none
 */
export async function discoverEndpoints(
  { domain, serviceName, insecure }: DiscoveryOptions,
  resolve: (question: string) => Promise<readonly ServiceRecord[]>,
): Promise<ByteString[]> {
  const suffix = serviceName === '' ? '' : `-${serviceName}`;
  const services = [
    { scheme: 'https', service: `etcd-client-ssl${suffix}` },
    ...(insecure ? [{ scheme: 'http', service: `etcd-client${suffix}` }] : []),
  ];
  const endpoints: ByteString[] = [];
  let failure: unknown;
  for (const { scheme, service } of services) {
    try {
      const records = await resolve(`_${service}._tcp.${domain}`);
      endpoints.push(...records.map(({ name, port }) => bytesOfText(`${scheme}://${name}:${port}`)));
    } catch (error) {
      failure = error;
    }
  }
  if (endpoints.length > 0) return endpoints;
  const reason = failure instanceof Error ? `: ${failure.message}` : '';
  throw new Error(`no endpoints of ${domain} are in DNS${reason}`, { cause: failure });
}
