import { discoverClients, DiscoveryError, type DnsResolver, type SrvEndpoint } from '@quorate/discovery';
import type { Logger } from 'pino';
import { ConfigError } from '../config/errors.ts';

/** Flags of discovery, which the commands have in common. */
export interface DiscoveryFlags {
  readonly discoverySrv: string;
  readonly discoverySrvName: string;
  readonly insecureDiscovery: boolean;
}

/** What discovery needs beside the flags. */
export interface DiscoveryDeps {
  readonly resolver: Pick<DnsResolver, 'resolveSrv'>;
  readonly log: Logger;
}

/**
 * Where DNS says that members are; those without TLS only with `--insecure-discovery`. Empty when nobody asked for it.
 *
 * @throws ConfigError when DNS knows none that may be used
 */
export async function discovered(
  flags: DiscoveryFlags,
  { resolver, log }: DiscoveryDeps,
): Promise<readonly SrvEndpoint[]> {
  const { discoverySrv: domain, discoverySrvName: serviceName, insecureDiscovery } = flags;
  if (domain === '') {
    if (serviceName !== '') log.warn('--discovery-srv-name is ignored, since --discovery-srv is not set');
    if (insecureDiscovery) log.warn('--insecure-discovery is ignored, since --discovery-srv is not set');
    return [];
  }
  const found = await ask({ resolver, domain, serviceName, log });
  if (insecureDiscovery) return found;
  const secure = found.filter(({ scheme }) => scheme === 'https');
  for (const { scheme, host, port } of found.filter((endpoint) => !secure.includes(endpoint))) {
    log.warn({ endpoint: `${scheme}://${host}:${port}` }, 'an endpoint that DNS names is insecure: left out');
  }
  if (secure.length > 0) return secure;
  throw new ConfigError(
    `--discovery-srv: the records of ${domain} name no member with TLS; --insecure-discovery takes those without`,
  );
}

async function ask({
  log,
  ...question
}: DiscoveryDeps & { domain: string; serviceName: string }): Promise<readonly SrvEndpoint[]> {
  const onSkipped = (reason: string): void =>
    log.debug({ reason }, 'DNS has no answer, or one that is of no use');
  try {
    return await discoverClients({ ...question, onSkipped });
  } catch (error) {
    if (!(error instanceof DiscoveryError)) throw error;
    throw new ConfigError(`--discovery-srv: ${error.message}`, { cause: error });
  }
}

/** An endpoint as a URL. */
export function urlOf({ scheme, host, port }: SrvEndpoint): string {
  return `${scheme}://${host}:${port}`;
}
