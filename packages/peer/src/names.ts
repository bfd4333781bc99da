import { idToHex } from '@quorate/std';
import type { PeerHost } from './types.ts';

/** Paths and headers of the peer port, and what they say about versions (reference: peer HTTP). */

/** The two streams that each member opens to each other one. */
export type StreamType = 'msgapp' | 'message';

export const streamTypes: readonly StreamType[] = ['msgapp', 'message'];

export const paths = {
  raft: '/raft',
  stream: '/raft/stream/',
  snapshot: '/raft/snapshot',
  probing: '/raft/probing',
  members: '/members',
  promote: '/members/promote/',
  hashKv: '/members/hashkv',
  leases: '/leases',
  leasesInternal: '/leases/internal',
  version: '/version',
  downgradeEnabled: '/downgrade/enabled',
} as const;

/** Header names, spelled as Go's library puts them on the wire. */
export const headers = {
  from: 'X-Server-From',
  version: 'X-Server-Version',
  minClusterVersion: 'X-Min-Cluster-Version',
  clusterId: 'X-Etcd-Cluster-Id',
  peerUrls: 'X-Peerurls',
  to: 'X-Raft-To',
} as const;

/** The oldest cluster that a server of today takes part in. */
const minClusterVersion = '3.0.0';
/** What a server is taken for that does not say. */
const versionUnsaid = '2.0.0';

/** Who we are: what every raft request carries. */
export function identityHeaders(host: PeerHost): Record<string, string> {
  return {
    [headers.from]: idToHex(host.id),
    [headers.version]: host.serverVersion,
    [headers.minClusterVersion]: minClusterVersion,
    [headers.clusterId]: idToHex(host.clusterId),
    [headers.peerUrls]: host.peerUrls().join(','),
  };
}

/** The value of a header that came, whatever its spelling; the first one where it came several times. */
export function headerOf(
  message: { readonly headers: NodeJS.Dict<string | string[]> },
  name: string,
): string | undefined {
  const value = message.headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

/** Why a request cannot be taken, by what its headers say of the sender's cluster; undefined when it can. */
export function incompatibility(
  request: { readonly headers: NodeJS.Dict<string | string[]> },
  host: PeerHost,
): string | undefined {
  const version = minorOf(headerOf(request, headers.version) || versionUnsaid);
  const needed = minorOf(headerOf(request, headers.minClusterVersion) || versionUnsaid);
  const own = minorOf(host.serverVersion);
  if (version === undefined || needed === undefined || own === undefined) return 'incompatible version';
  if (version < minorOf(minClusterVersion)! || needed > own) return 'incompatible version';
  if (headerOf(request, headers.clusterId) !== idToHex(host.clusterId)) return 'cluster ID mismatch';
  return undefined;
}

/** Major and minor version as one number that compares as they do. */
function minorOf(version: string): number | undefined {
  const parts = /^(\d{1,5})\.(\d{1,5})\.\d/.exec(version);
  return parts === null ? undefined : Number(parts[1]) * 100_000 + Number(parts[2]);
}

/** An ID in hex, as paths and headers have it. */
export function idFromHex(text: string): bigint | undefined {
  return /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}
