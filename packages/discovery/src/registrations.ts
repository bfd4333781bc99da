import {
  formatInitialCluster,
  initialMembers,
  InitialClusterError,
  parseInitialCluster,
  type InitialMember,
} from '@quorate/membership';
import { DiscoveryError } from './errors.ts';
import type { RegistryEntry } from './registry.ts';

/** The largest cluster that discovery forms. More voters than a few only slow a cluster down. */
export const clusterSizeMax = 100;

/** Why an entry is not counted as a member. */
export type SkipReason = 'not name=url' | 'registered before';

/**
 * The size of the cluster from its key: what Go's `ParseInt` takes, but above 0 and within reason.
 *
 * @throws DiscoveryError
 */
export function parseClusterSize(text: string): number {
  const size = /^\+?\d+$/.test(text) ? Number(text) : NaN;
  if (size >= 1 && size <= clusterSizeMax) return size;
  throw new DiscoveryError(
    'DISCOVERY_BAD_SIZE',
    `discovery: size key is bad (${JSON.stringify(text.slice(0, 40))} is not a whole number from 1 to ${clusterSizeMax})`,
  );
}

/** Who has registered so far, in the order of that. */
export class Registrations {
  readonly #byKey = new Map<string, RegistryEntry>();

  /** How many there are. */
  get count(): number {
    return this.#byKey.size;
  }

  /** Takes an entry in; what is no registration, or one again, is left out, and why is returned. */
  add({ key, value, createRevision }: RegistryEntry): SkipReason | undefined {
    if (!value.includes('=')) return 'not name=url';
    if (this.#byKey.has(key)) return 'registered before';
    this.#byKey.set(key, { key, value: value.trim(), createRevision });
    return undefined;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** The first `size`: they form the cluster, whoever comes later does not. */
  first(size: number): readonly RegistryEntry[] {
    return [...this.#byKey.values()]
      .sort((a, b) => a.createRevision - b.createRevision || (a.key < b.key ? -1 : 1))
      .slice(0, size);
  }

  /** Whether the key is among the first `size`, or there is room for it. */
  hasRoomFor(key: string, size: number): boolean {
    const first = this.first(size);
    return first.length < size || first.some((entry) => entry.key === key);
  }
}

/**
 * The members that these registrations stand for, one each, as `--initial-cluster` would name them.
 *
 * @throws DiscoveryError when one names no URL, or several members, or two have the same name or URL
 */
export function clusterOf(entries: readonly RegistryEntry[], clusterToken: string): string {
  const members = entries.map(memberOf);
  const names = members.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new DiscoveryError(
      'DISCOVERY_DUPLICATE_NAME',
      `discovery: found duplicate name (${JSON.stringify(twice)}: give every member a --name of its own, and use a new token)`,
    );
  }
  const text = formatInitialCluster(members);
  const urls = members.flatMap(({ peerUrls }) => peerUrls);
  if (new Set(urls).size < urls.length || !haveOwnIds(members, clusterToken)) {
    throw new DiscoveryError(
      'DISCOVERY_DUPLICATE_URL',
      `discovery cluster ${text} has duplicate url: give every member URLs of its own, and use a new token`,
    );
  }
  return text;
}

function memberOf({ key, value }: RegistryEntry): InitialMember {
  let cause: unknown;
  try {
    const [member, ...others] = parseInitialCluster(value);
    if (member !== undefined && member.name !== '' && others.length === 0) return member;
  } catch (error) {
    if (!(error instanceof InitialClusterError)) throw error;
    cause = error;
  }
  throw new DiscoveryError(
    'DISCOVERY_BAD_REGISTRATION',
    `discovery: invalid peer URL (${JSON.stringify(value.slice(0, 200))} at ${key} is not name=url of one member: ` +
      'use a new token)',
    { cause },
  );
}

function haveOwnIds(members: readonly InitialMember[], clusterToken: string): boolean {
  try {
    return initialMembers(members, clusterToken).length === members.length;
  } catch (error) {
    if (error instanceof InitialClusterError) return false;
    throw error;
  }
}
