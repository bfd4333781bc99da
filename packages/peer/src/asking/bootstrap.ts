import { PeerError } from '../errors.ts';
import { headers, headerOf, idFromHex, paths } from '../names.ts';
import { parseMembers } from '../json.ts';
import type { PeerTls } from '../outgoing/dialling.ts';
import type { PeerMember, PeerVersions } from '../types.ts';
import { accepted, askAny, askVersions } from './questions.ts';

/** How long to wait for each URL. */
export interface FetchOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** For URLs with TLS; without it these cannot be reached. */
  readonly tls?: PeerTls | undefined;
}

/** A running cluster, as one of its members tells of it. */
export interface RunningCluster {
  readonly clusterId: bigint;
  readonly members: readonly PeerMember[];
}

/**
 * Asks the given peer URLs, one after the other, for the members of the cluster that they belong to; the first
 * that answers is believed. Needs no transport: this is for a member that has no identity yet.
 *
 * @throws PeerError of the last URL when none gives an answer; what the signal says when it says stop
 */
export async function fetchMembers(urls: readonly string[], options: FetchOptions): Promise<RunningCluster> {
  return firstOf(urls, async (url) => {
    const answer = accepted(
      await askAny({ ...options, urls: [url] }, { method: 'GET', path: paths.members }),
    );
    const clusterId = idFromHex(headerOf(answer.message, headers.clusterId) ?? '');
    if (clusterId === undefined) throw new PeerError('PEER_BAD_ANSWER', { reason: 'no cluster ID' });
    const members = parseMembers(answer.body);
    // A member that has just started may know its cluster, but nobody in it.
    if (members.length === 0) throw new PeerError('PEER_BAD_ANSWER', { reason: 'no members' });
    return { clusterId, members };
  });
}

/** Asks the given URLs of one member, one after the other, for its versions. @throws PeerError, as `fetchMembers` */
export async function fetchVersions(urls: readonly string[], options: FetchOptions): Promise<PeerVersions> {
  return firstOf(urls, (url) => askVersions({ ...options, urls: [url] }));
}

async function firstOf<T>(urls: readonly string[], fetch: (url: string) => Promise<T>): Promise<T> {
  let failure = new PeerError('PEER_UNREACHABLE', { reason: 'no URL was given' });
  for (const url of urls) {
    try {
      return await fetch(url);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      failure = error;
    }
  }
  throw failure;
}
