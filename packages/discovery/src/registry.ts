import { idToHex } from '@quorate/std';
import { DiscoveryError } from './errors.ts';

/** A key of the registry with its value, as text. */
export interface RegistryEntry {
  readonly key: string;
  readonly value: string;
  /** The revision that made the key: the order in which members have registered. */
  readonly createRevision: number;
}

/** The entries below a prefix, and the revision that they were read at. */
export interface RegistryListing {
  readonly entries: readonly RegistryEntry[];
  readonly revision: number;
}

/**
 * The cluster that a new one is discovered through, in the few calls that this takes. Each has a time limit of
 * its own and rejects when that has passed; aborting the signal rejects with the signal's reason.
 */
export interface RegistryClient {
  get(key: string, options: RegistryCallOptions): Promise<RegistryEntry | undefined>;
  put(key: string, value: string, options: RegistryCallOptions): Promise<void>;
  /** The entries whose keys begin with `prefix`: the `limit` oldest by create revision. */
  list(prefix: string, options: RegistryCallOptions & { readonly limit: number }): Promise<RegistryListing>;
  /** Keys that are put from `startRevision` on, in order; deletions are left out. Ends only by an error. */
  watch(
    prefix: string,
    options: RegistryCallOptions & { readonly startRevision: number },
  ): AsyncIterable<readonly RegistryEntry[]>;
  /** Whether it is of no use to try again after this error: a wrong password, say. Left out: it never is. */
  isFinal?(error: unknown): boolean;
}

/** What every call takes. */
export interface RegistryCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Where etcd's discovery keeps its keys. */
const root = '/_etcd/registry';

/**
 * The keys of one token:
 *
 * ```
 * /_etcd/registry/<token>/_config/size      how many members the cluster has, in decimal
 * /_etcd/registry/<token>/members/<id>      name=url[,name=url…] of a member; its ID in hex
 * ```
 */
export interface RegistryKeys {
  readonly size: string;
  readonly membersPrefix: string;
  memberOf(id: bigint): string;
}

/**
 * The keys of a token. Doubled and trailing slashes of the token do not count, as in etcd.
 *
 * @throws DiscoveryError when the token is none, or would lead out of the registry
 */
export function registryKeys(token: string): RegistryKeys {
  const segments = token.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.length === 0 || segments.includes('..')) {
    throw new DiscoveryError(
      'DISCOVERY_BAD_TOKEN',
      `discovery: the token ${JSON.stringify(token)} names no place in the registry: choose a word`,
    );
  }
  const base = `${root}/${segments.join('/')}`;
  const membersPrefix = `${base}/members/`;
  return {
    size: `${base}/_config/size`,
    membersPrefix,
    memberOf: (id) => `${membersPrefix}${idToHex(id)}`,
  };
}
