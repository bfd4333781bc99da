import { createHash } from 'node:crypto';
import { concatBytes, fromUtf8, uint64FromBytes, uint64ToBytes } from '@quorate/std';

/** What the ID of a member is made of. */
export interface MemberIdentity {
  readonly peerUrls: readonly string[];
  /** `--initial-cluster-token`; empty for a member that joins a running cluster. */
  readonly clusterToken: string;
  /** Unix time of the request to add it; absent for the first members of a cluster. */
  readonly addedAtUnixSeconds?: number;
}

/** The ID of a member: the same for everybody who knows the same configuration. */
export function memberId({ peerUrls, clusterToken, addedAtUnixSeconds }: MemberIdentity): bigint {
  const sorted = [...peerUrls].sort(compareText);
  return sha1Id(fromUtf8(sorted.join('') + clusterToken + String(addedAtUnixSeconds ?? '')));
}

/** The ID of a cluster, made of its first members and fixed from then on. */
export function clusterId(memberIds: Iterable<bigint>): bigint {
  const sorted = [...memberIds].sort(compareIds);
  return sha1Id(concatBytes(sorted.map(uint64ToBytes)));
}

/** Ascending order of unsigned IDs. */
export function compareIds(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Order of texts by their UTF-8 bytes, as Go sorts strings. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function sha1Id(bytes: Uint8Array): bigint {
  return uint64FromBytes(createHash('sha1').update(bytes).digest());
}
