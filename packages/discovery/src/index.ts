/** How a new cluster finds its members, through the registry of another cluster or DNS, and how others find it in DNS. */
export { joinCluster, type DiscoveryEvent, type JoinOptions } from './join-cluster.ts';
export type { RegistryCallOptions, RegistryClient, RegistryEntry, RegistryListing } from './registry.ts';
export { registryKeys, type RegistryKeys } from './registry.ts';
export { clusterSizeMax, type SkipReason } from './registrations.ts';
export { discoverBySrv, type SrvOptions } from './srv.ts';
export { discoverClients, type SrvClientOptions, type SrvEndpoint } from './srv-clients.ts';
export type { DnsResolver, ResolveOptions, SrvRecord } from './resolver.ts';
export { checkAdvertisedUrls, type AdvertisedCheck } from './advertised.ts';
export { DiscoveryError, type DiscoveryErrorCode } from './errors.ts';
