import {
  checkAdvertisedUrls,
  discoverBySrv,
  DiscoveryError,
  joinCluster,
  type DiscoveryEvent,
  type DnsResolver,
  type RegistryClient,
} from '@quorate/discovery';
import {
  checkInitialCluster,
  formatInitialCluster,
  initialMembers,
  InitialClusterError,
  parseInitialCluster,
} from '@quorate/membership';
import { systemClock, type Clock } from '@quorate/std';
import type { Logger } from 'pino';
import { memberSourceOf, type MemberSource } from './config/member-source.ts';
import { ConfigError } from './config/errors.ts';
import type { ServerConfig } from './config/schema.ts';
import { NodeDns } from './node-dns.ts';

/** How a member without a log comes to its cluster. A member with one does not look at this. */
export type Bootstrap =
  | { readonly kind: 'new'; readonly initialCluster: string; readonly clusterToken: string }
  | { readonly kind: 'existing'; readonly initialCluster: string };

/** What the configuration says of the cluster, everything looked up that is to be looked up. */
export interface ResolvedBootstrap {
  /** `initialCluster` is `name=url,…`, checked: this member is in it, and no URL is there twice. */
  readonly bootstrap: Bootstrap;
  /** Make a cluster of this member alone out of its data. */
  readonly forceNewCluster: boolean;
  /** The peer URLs told to the other members. */
  readonly advertisePeerUrls: readonly string[];
}

/** What resolving needs beside the configuration; what is left out is that of this machine. */
export interface BootstrapDeps {
  /** Whether the member has a log: then nothing is looked up, and nobody is asked. */
  readonly hasLog: boolean;
  readonly log: Logger;
  readonly resolver?: DnsResolver;
  readonly clock?: Clock;
  /** Opens the registry of `--discovery-endpoints`. */
  readonly connect?: (config: ServerConfig) => Promise<RegistryClient & AsyncDisposable>;
  readonly signal?: AbortSignal;
}

/**
 * Finds out which cluster the member belongs to: from `--initial-cluster`, from the registry of
 * `--discovery-endpoints` (which may wait for other members), or from the DNS records of `--discovery-srv`.
 *
 * @throws ConfigError with one sentence that names what is wrong; the signal's reason
 */
export async function resolveBootstrap(
  config: ServerConfig,
  deps: BootstrapDeps,
): Promise<ResolvedBootstrap> {
  const source = memberSourceOf(config);
  const { forceNewCluster, initialAdvertisePeerUrls: advertisePeerUrls } = config;
  if (deps.hasLog) {
    if (source.kind !== 'flag') {
      deps.log.warn('discovery is not asked: the member has a log already, and belongs to its cluster');
    }
    return {
      bootstrap: bootstrapOf(config, source, config.initialCluster),
      forceNewCluster,
      advertisePeerUrls,
    };
  }
  try {
    const initialCluster = await findMembers(config, source, deps);
    const bootstrap = bootstrapOf(config, source, initialCluster);
    await check(config, bootstrap, deps);
    return { bootstrap, forceNewCluster, advertisePeerUrls };
  } catch (error) {
    throw inOneSentence(error, source);
  }
}

function bootstrapOf(config: ServerConfig, source: MemberSource, initialCluster: string): Bootstrap {
  if (config.initialClusterState === 'existing') return { kind: 'existing', initialCluster };
  // With a registry its token tells clusters apart, as in etcd: the IDs that members register follow from it.
  const clusterToken = source.kind === 'registry' ? source.token : config.initialClusterToken;
  return { kind: 'new', initialCluster, clusterToken };
}

async function findMembers(config: ServerConfig, source: MemberSource, deps: BootstrapDeps): Promise<string> {
  switch (source.kind) {
    case 'flag':
      return source.initialCluster;
    case 'srv':
      return findInDns(config, source, deps);
    case 'registry':
      return findInRegistry(config, source, deps);
  }
}

async function findInDns(
  config: ServerConfig,
  { domain, serviceName }: MemberSource & { readonly kind: 'srv' },
  { log, resolver = new NodeDns(), signal }: BootstrapDeps,
): Promise<string> {
  const initialCluster = await discoverBySrv({
    resolver,
    domain,
    serviceName,
    name: config.name,
    advertisePeerUrls: config.initialAdvertisePeerUrls,
    signal,
    onSkipped: (reason) => log.warn({ reason }, 'left out while looking for members in DNS'),
  });
  log.info({ domain, initialCluster }, 'found the members in DNS');
  return initialCluster;
}

async function findInRegistry(
  config: ServerConfig,
  { token, endpoints }: MemberSource & { readonly kind: 'registry' },
  { log, clock = systemClock, connect, signal }: BootstrapDeps,
): Promise<string> {
  const self = { name: config.name, peerUrls: config.initialAdvertisePeerUrls };
  const [member] = initialMembers([self], token);
  if (member === undefined)
    throw new ConfigError('--initial-advertise-peer-urls: at least one URL is needed');
  // Loaded by those who need it: a client is as large as the rest of a member.
  const open = connect ?? (await import('./discovery-registry.ts')).connectRegistry;
  await using client = await open(config);
  const initialCluster = await joinCluster({
    client,
    clock,
    token,
    memberId: member.id,
    registration: formatInitialCluster([self]),
    signal,
    onEvent: (event) => logEvent(log, event),
  });
  log.info({ endpoints, initialCluster }, 'found the members through discovery');
  return initialCluster;
}

/** Who reads the log must see whom the member waits for. Tokens are not logged: they let others in. */
function logEvent(log: Logger, event: DiscoveryEvent): void {
  switch (event.kind) {
    case 'found':
      log.debug({ member: event.value }, 'a member has registered');
      return;
    case 'registered':
      log.info('registered for discovery');
      return;
    case 'waiting':
      log.info({ found: event.found, size: event.size }, 'waiting for other members to register');
      return;
    case 'skipped':
      if (event.reason === 'not name=url') log.warn('what registered for discovery is no member');
      return;
    case 'retry':
      log.warn(
        { err: event.error, step: event.step, delayMs: event.delayMs },
        'discovery will be tried again',
      );
  }
}

/** @throws ConfigError, InitialClusterError, DiscoveryError */
async function check(config: ServerConfig, bootstrap: Bootstrap, deps: BootstrapDeps): Promise<void> {
  const { name, initialAdvertisePeerUrls: advertisedUrls } = config;
  const { resolver = new NodeDns(), clock = systemClock, log, signal } = deps;
  const members = parseInitialCluster(bootstrap.initialCluster);
  const local = members.find((member) => member.name === name);
  if (local === undefined) {
    const url = advertisedUrls[0] ?? '<peer URL>';
    throw new InitialClusterError(
      `couldn't find local name ${JSON.stringify(name)} in the initial cluster configuration ` +
        `(${bootstrap.initialCluster}): add ${name}=${url} to --initial-cluster, or correct --name`,
    );
  }
  // A member that joins has told its URLs to the cluster before; of those it is asked.
  if (bootstrap.kind === 'new') {
    await checkAdvertisedUrls({
      name,
      initialUrls: local.peerUrls,
      advertisedUrls,
      resolver,
      clock,
      signal,
      onRetry: ({ host, error }) =>
        log.warn({ err: error, host }, 'a host name is not known yet, trying again'),
    });
  }
  checkInitialCluster({ members, name, advertisePeerUrls: local.peerUrls });
  if (bootstrap.kind === 'new') initialMembers(members, bootstrap.clusterToken);
  if (members.length > 1 && name === 'default') {
    log.warn('every member of a cluster should have a --name of its own: this one is called default');
  }
}

function flagOf(source: MemberSource): string {
  switch (source.kind) {
    case 'flag':
      return '--initial-cluster';
    case 'registry':
      return '--discovery-token';
    case 'srv':
      return '--discovery-srv';
  }
}

function inOneSentence(error: unknown, source: MemberSource): unknown {
  if (error instanceof DiscoveryError && source.kind === 'registry') {
    return new ConfigError(`${flagOf(source)}: failed to join discovery cluster (${error.message})`, {
      cause: error,
    });
  }
  if (error instanceof DiscoveryError && error.code !== 'DISCOVERY_URLS_DIFFER') {
    return new ConfigError(`${flagOf(source)}: ${error.message}`, { cause: error });
  }
  if (error instanceof DiscoveryError || error instanceof InitialClusterError) {
    return new ConfigError(error.message, { cause: error });
  }
  return error;
}
