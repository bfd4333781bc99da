import { InitialClusterError, MemberBadUrlsError } from './errors.ts';
import { compareIds, compareText, memberId } from './ids.ts';
import type { NewMember } from './member.ts';
import { parseMemberUrls } from './member-urls.ts';

/** One name of `--initial-cluster` with its peer URLs, sorted. */
export interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/**
 * Reads `--initial-cluster`: `name=url` parts between commas; a name with several URLs comes several times.
 * Members are in the order of their first mention.
 *
 * @throws InitialClusterError when a URL is none that a member can have
 */
export function parseInitialCluster(text: string): InitialMember[] {
  const urls = new Map<string, string[]>();
  for (const part of text.split(',')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const url = equals < 0 ? '' : part.slice(equals + 1);
    const known = urls.get(name);
    if (known === undefined) urls.set(name, [url]);
    else known.push(url);
  }
  return [...urls].map(([name, texts]) => ({ name, peerUrls: parsePeerUrls(texts) }));
}

/** The text that `parseInitialCluster` reads: parts sorted, as etcd prints it. */
export function formatInitialCluster(members: readonly InitialMember[]): string {
  return members
    .flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`))
    .sort(compareText)
    .join(',');
}

/** What `checkInitialCluster` compares. */
export interface InitialClusterCheck {
  readonly members: readonly InitialMember[];
  /** `--name` of this member. */
  readonly name: string;
  /** `--initial-advertise-peer-urls` of this member. */
  readonly advertisePeerUrls: readonly string[];
}

/**
 * Whether a new member can start with its configuration: it is in the initial cluster, with the URLs that it
 * advertises, and no URL is there twice. Host names are compared as text; who wants them resolved does so first.
 *
 * @throws InitialClusterError with etcd's text
 */
export function checkInitialCluster({ members, name, advertisePeerUrls }: InitialClusterCheck): void {
  const local = members.find((member) => member.name === name);
  if (local === undefined) {
    throw new InitialClusterError(
      `couldn't find local name ${JSON.stringify(name)} in the initial cluster configuration`,
    );
  }
  checkAdvertised(local, advertisePeerUrls);
  const all = members.flatMap((member) => member.peerUrls);
  if (new Set(all).size < all.length) {
    throw new InitialClusterError(`initial cluster ${formatInitialCluster(members)} has duplicate url`);
  }
}

/**
 * The first members of a cluster, with their IDs, in the order of those.
 *
 * @throws InitialClusterError when two members come out with one ID
 */
export function initialMembers(members: readonly InitialMember[], clusterToken: string): NewMember[] {
  const made = members
    .map(({ name, peerUrls }) => ({ id: memberId({ peerUrls, clusterToken }), name, peerUrls }))
    .sort((a, b) => compareIds(a.id, b.id));
  if (new Set(made.map(({ id }) => id)).size < made.length) {
    throw new InitialClusterError(`initial cluster ${formatInitialCluster(members)} has duplicate url`);
  }
  return made;
}

function checkAdvertised({ name, peerUrls }: InitialMember, advertisePeerUrls: readonly string[]): void {
  const advertised = parsePeerUrls(advertisePeerUrls);
  const missing = peerUrls.filter((url) => !advertised.includes(url));
  if (missing.length > 0) {
    throw new InitialClusterError(
      `--initial-cluster has ${missing.map((url) => `${name}=${url}`).join(',')} but missing from ` +
        `--initial-advertise-peer-urls=${advertised.join(',')}`,
    );
  }
  const extra = advertised.filter((url) => !peerUrls.includes(url));
  if (extra.length > 0) {
    throw new InitialClusterError(
      `--initial-advertise-peer-urls has ${extra.join(',')} but missing from ` +
        `--initial-cluster=${formatInitialCluster([{ name, peerUrls }])}`,
    );
  }
}

function parsePeerUrls(texts: readonly string[]): string[] {
  try {
    return parseMemberUrls(texts);
  } catch (cause) {
    if (!(cause instanceof MemberBadUrlsError)) throw cause;
    throw new InitialClusterError(`error setting up initial cluster: ${cause.message}`, { cause });
  }
}
