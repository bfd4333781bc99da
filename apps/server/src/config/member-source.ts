import { ConfigError } from './errors.ts';
import type { ServerConfig } from './schema.ts';

/** Where a new member learns who else is in its cluster. */
export type MemberSource =
  | { readonly kind: 'flag'; readonly initialCluster: string }
  | { readonly kind: 'registry'; readonly token: string; readonly endpoints: readonly string[] }
  | { readonly kind: 'srv'; readonly domain: string; readonly serviceName: string };

/**
 * The one source that the configuration names.
 *
 * @throws ConfigError when it names several, or one by halves
 */
export function memberSourceOf(config: ServerConfig): MemberSource {
  const { initialCluster, discoveryToken: token, discoveryEndpoints, discoverySrv: domain } = config;
  const given = [
    ['--initial-cluster', initialCluster],
    ['--discovery-endpoints', discoveryEndpoints],
    ['--discovery-srv', domain],
  ].filter(([, value]) => value !== '');
  if (given.length > 1) {
    throw new ConfigError(
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or ' +
        `"discovery-srv": here are ${given.map(([flag]) => flag).join(' and ')}`,
    );
  }
  if ((token === '') !== (discoveryEndpoints === '')) {
    throw new ConfigError('both --discovery-token and --discovery-endpoints must be set');
  }
  if (domain !== '') return { kind: 'srv', domain, serviceName: config.discoverySrvName };
  if (token === '') return { kind: 'flag', initialCluster };
  const endpoints = discoveryEndpoints.split(',').map((endpoint) => endpoint.trim());
  if (endpoints.includes('')) {
    throw new ConfigError('--discovery-endpoints must not contain empty endpoints');
  }
  if (config.initialClusterState === 'existing') {
    throw new ConfigError(
      '--discovery-token is for a new cluster: name the members by --initial-cluster to join an existing one',
    );
  }
  return { kind: 'registry', token, endpoints };
}
