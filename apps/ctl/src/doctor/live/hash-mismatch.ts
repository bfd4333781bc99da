import { finding, ok, unchecked, type Check, type Verdict } from '../check.ts';
import type { ClusterFacts, MemberHash } from '../cluster-facts.ts';
import { answering, idText, wholeCluster } from './members.ts';

/** Members that applied the same log have the same hash at the same revision. */
export const hashMismatch: Check<ClusterFacts> = {
  id: 'hash-mismatch',
  title: 'hashes of all keys, at one revision',
  why: 'members that differ give different answers to the same question, and nobody is told',
  runbook: 'quoratecorrupt',
  examine(facts) {
    const { hashes } = facts;
    if (!hashes.ok) return [unchecked(wholeCluster, hashes.reason)];
    const silent = hashes.value
      .filter(({ hash }) => hash === undefined)
      .map(({ endpoint, reason }) => unchecked(endpoint, reason));
    const told = hashes.value.filter(({ hash }) => hash !== undefined);
    if (told.length < 2) {
      const reason = 'a hash says something next to that of another member, and there is none';
      return [...silent, ...(told.length === 0 ? [] : [unchecked(wholeCluster, reason)])];
    }
    return [...silent, ...compare(told, facts)];
  },
};

function compare(hashes: readonly MemberHash[], facts: ClusterFacts): readonly Verdict[] {
  const places = new Set(hashes.map((each) => `${each.revision}/${each.compactRevision}`));
  if (places.size > 1) {
    const reason = 'members were compacted at different revisions while they were asked; run it again';
    return [unchecked(wholeCluster, reason)];
  }
  const byHash = Map.groupBy(hashes, ({ hash }) => hash);
  const at = `revision ${hashes[0]?.revision ?? 0n}`;
  if (byHash.size === 1) return [ok(wholeCluster, `${hashes.length} members are equal at ${at}`)];
  const groups = [...byHash.values()].toSorted((a, b) => b.length - a.length);
  const [most = [], second = []] = groups;
  const seen = `at ${at} there are ${byHash.size} hashes: ${hashes
    .map(({ endpoint, hash }) => `${endpoint} has ${hash}`)
    .join(', ')}`;
  // Without a majority nobody can say who is right.
  if (most.length <= hashes.length / 2 || most.length === second.length)
    return [finding('critical', wholeCluster, seen, undecidedRemedy)];
  return groups
    .slice(1)
    .flat()
    .map(({ endpoint }) =>
      finding('critical', endpoint, `${seen}; this one differs from most`, remedyFor(endpoint, facts)),
    );
}

function remedyFor(endpoint: string, facts: ClusterFacts): readonly string[] {
  const member = answering(facts).find((each) => each.endpoint === endpoint);
  return [
    'Send no clients to this member any more, and keep a copy of its data directory for a report',
    'Back up one of those that agree: $ quoratectl --endpoints=ENDPOINT snapshot save backup.db',
    `Replace the member. Remove it: $ quoratectl member remove ${member === undefined ? 'ID' : idText(member.id)}`,
    'Add it anew, start it with an empty directory, and promote it: $ quoratectl member add NAME --learner --peer-urls=URL',
  ];
}

const undecidedRemedy = [
  'No majority agrees, so the members alone cannot tell which data are right: stop writing now',
  'Back up each of them: $ quoratectl --endpoints=ENDPOINT snapshot save ENDPOINT.db',
  'Compare what is in them with what your applications know, and restore the right one on all members',
] as const;
