import { parseInitialCluster } from '@quorate/membership';
import { fetchMembers, PeerError, type PeerTls, type RunningCluster } from '@quorate/peer';
import type { Logger } from 'pino';
import type { ResolvedBootstrap } from './bootstrap.ts';

/** How long a running cluster may take to answer: whoever joins one needs it, whoever begins one only looks. */
const timeoutMs = { existing: 10_000, new: 1_000 } as const;

/**
 * What the cluster at the other members' peer URLs says of itself; undefined when nobody answers there. A member
 * that joins takes its identity from it, and one that begins a cluster sees whether it has begun before.
 */
export async function findRunningCluster(
  { bootstrap, advertisePeerUrls }: ResolvedBootstrap,
  { log, tls }: { readonly log: Logger; readonly tls: PeerTls },
): Promise<RunningCluster | undefined> {
  const urls = parseInitialCluster(bootstrap.initialCluster)
    .flatMap(({ peerUrls }) => peerUrls)
    .filter((url) => !advertisePeerUrls.includes(url));
  if (urls.length === 0) return undefined;
  try {
    return await fetchMembers(urls, { timeoutMs: timeoutMs[bootstrap.kind], tls });
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    if (bootstrap.kind === 'existing') log.warn({ err: error, urls }, 'no member of the cluster answers');
    return undefined;
  }
}
