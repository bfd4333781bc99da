import type { Client } from '@quorate/client';
import type { JudgedCluster, JudgedMember } from './judged.ts';
import { until } from './until.ts';

/** How a member is asked before another is tried. */
export const askTimeoutMs = 1_000;

/** What `leaderOf` asks. */
export interface LeaderQuestion<Member extends JudgedMember> {
  /** Those that can answer. */
  readonly alive: readonly Member[];
  /** How many members the cluster has. */
  readonly size: number;
  readonly client: (members: readonly Member[]) => Client;
}

/** The member that leads, once one of the members alive says so of itself and most others of it. */
export async function leaderOf<Member extends JudgedMember>(
  question: () => LeaderQuestion<Member>,
): Promise<Member> {
  return until('a leader', async () => {
    const { alive, size, client: clientOf } = question();
    await using client = clientOf(alive);
    const asked = await Promise.allSettled(
      alive.map(async (member) => {
        const options = { endpoint: member.endpoint, timeoutMs: askTimeoutMs };
        const { leader, raftTerm, header } = await client.maintenance.status({}, options);
        return { member, leader, raftTerm, id: header?.memberId ?? 0n };
      }),
    );
    const answers = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const highest = answers.reduce((most, { raftTerm }) => (raftTerm > most ? raftTerm : most), 0n);
    const leads = answers.find(({ leader, id, raftTerm }) => leader === id && raftTerm === highest);
    const followers = answers.filter(({ leader }) => leader === leads?.id).length;
    return followers * 2 > size ? leads?.member : undefined;
  });
}

/**
 * Waits until all members are at one revision, and compares their hashes of it.
 *
 * @throws Error that tells the hashes apart
 */
export async function untilEqual(
  cluster: JudgedCluster,
): Promise<{ readonly revision: bigint; readonly hash: number }> {
  const { members } = cluster;
  await using client = cluster.client(members);
  const options = members.map(({ endpoint }) => ({ endpoint, timeoutMs: askTimeoutMs }));
  const revision = await until('all members to be at one revision', async () => {
    const revisions = await Promise.all(
      options.map(async (to) => (await client.maintenance.status({}, to)).header?.revision ?? 0n),
    );
    return revisions.every((other) => other === revisions[0]) ? revisions[0] : undefined;
  });
  const hashes = await Promise.all(
    options.map(async (to) => (await client.maintenance.hashKv({ revision }, to)).hash),
  );
  const [hash] = hashes;
  if (hash !== undefined && hashes.every((other) => other === hash)) return { revision, hash };
  const told = members.map(({ name, kind }, at) => `${name} (${kind}) ${hashes[at]}`).join(', ');
  throw new Error(`hashes at revision ${revision} differ: ${told}`);
}
