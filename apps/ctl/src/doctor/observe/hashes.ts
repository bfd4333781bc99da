import type { Client } from '@quorate/client';
import type { MemberHash } from '../cluster-facts.ts';
import { reasonOf } from './reason.ts';

/** A compaction in between spoils a comparison; as often it is tried anew. */
const attemptsMax = 3;

/** What is asked of a client. */
export interface HashedClient {
  readonly maintenance: Pick<Client['maintenance'], 'status' | 'hashKv'>;
}

/** A member to ask, and how. */
export interface HashedMember {
  readonly endpoint: string;
  readonly client: () => Promise<HashedClient>;
}

/**
 * Asks members for the hash of their keys at one revision that all of them have. Each reads all of its keys for that.
 * Hashes of different compactions cannot be compared, so they are asked for again then.
 */
export async function observeHashes(
  members: readonly HashedMember[],
  timeoutMs: number,
): Promise<readonly MemberHash[]> {
  let hashes: readonly MemberHash[] = [];
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    hashes = await hashesOf(members, timeoutMs);
    const compactions = hashes.filter(({ hash }) => hash !== undefined).map((each) => each.compactRevision);
    if (new Set(compactions).size <= 1) break;
  }
  return hashes;
}

async function hashesOf(members: readonly HashedMember[], timeoutMs: number): Promise<readonly MemberHash[]> {
  const revisions = await Promise.all(
    members.map(async ({ client }) => {
      const status = await (await client()).maintenance.status({}, { timeoutMs }).catch(() => undefined);
      return status?.header?.revision;
    }),
  );
  const known = revisions.filter((revision) => revision !== undefined);
  const revision = known.reduce((a, b) => (a < b ? a : b), known[0] ?? 0n);
  return Promise.all(members.map((member) => hashOf(member, revision, timeoutMs)));
}

async function hashOf(
  { endpoint, client }: HashedMember,
  revision: bigint,
  timeoutMs: number,
): Promise<MemberHash> {
  try {
    const { hash, compactRevision } = await (await client()).maintenance.hashKv({ revision }, { timeoutMs });
    return { endpoint, revision, compactRevision, hash, reason: '' };
  } catch (error) {
    return {
      endpoint,
      revision,
      compactRevision: 0n,
      hash: undefined,
      reason: `no hash: ${reasonOf(error)}`,
    };
  }
}
