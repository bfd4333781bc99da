import type { rpcpb } from '@quorate/wire';
import { finding, ok, unchecked, type Check, type Verdict } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { answering, idText, wholeCluster } from './members.ts';

/** Members that were added and have never begun. */
export const membersUnstarted: Check<ClusterFacts> = {
  id: 'members-unstarted',
  title: 'all members have begun',
  why: 'a voter that has never begun counts for the majority, and cannot vote',
  runbook: 'one-member-is-lost',
  examine: (facts) =>
    ofList(facts, (members) => {
      const unstarted = members.filter(({ name }) => name === '');
      if (unstarted.length === 0) return [ok(wholeCluster)];
      return unstarted.map(({ ID, peerURLs, isLearner }) => {
        const seen = `member ${idText(ID)} at ${peerURLs.join(', ')} was added and has never begun`;
        return finding(isLearner ? 'advice' : 'warning', wholeCluster, seen, [
          'Start it with --initial-cluster-state=existing and an empty directory',
          `Or take it out: $ quoratectl member remove ${idText(ID)}`,
        ]);
      });
    }),
};

/** Learners that have what they need, and were forgotten. */
export const membersLearning: Check<ClusterFacts> = {
  id: 'members-learning',
  title: 'no learner was forgotten',
  why: 'a learner does not vote: the cluster survives no more failures for it',
  runbook: 'add-or-grow',
  examine: (facts) =>
    ofList(facts, (members) => {
      const learners = members.filter(({ isLearner, name }) => isLearner && name !== '');
      if (learners.length === 0) return [ok(wholeCluster)];
      return learners.map(({ ID, name }) =>
        finding('advice', wholeCluster, `${name} is a learner`, [
          `When it has caught up (check raft-lag): $ quoratectl member promote ${idText(ID)}`,
        ]),
      );
    }),
};

/** How many voters there are. */
export const votersCount: Check<ClusterFacts> = {
  id: 'voters-count',
  title: 'there are 3, 5 or 7 voters',
  why: 'one voter survives no failure, and an even number no more than the odd one below, with one vote more for each write',
  runbook: 'add-or-grow',
  examine: (facts) =>
    ofList(facts, (members) => {
      const count = members.filter(({ isLearner }) => !isLearner).length;
      const advise = (seen: string, remedy: string) => [finding('advice', wholeCluster, seen, [remedy])];
      if (count === 1)
        return advise(
          'there is one voter: when it fails, all stands still',
          'Add two members, one after the other: $ quoratectl member add NAME --learner --peer-urls=URL',
        );
      if (count % 2 === 0)
        return advise(
          `there are ${count} voters, which survive as many failures as ${count - 1}`,
          'Add one, or remove one: $ quoratectl member add NAME --learner --peer-urls=URL',
        );
      if (count > thresholds.votersMax)
        return advise(
          `there are ${count} voters: each write waits for ${Math.floor(count / 2) + 1} of them`,
          'Remove two, one after the other: $ quoratectl member remove ID',
        );
      return [ok(wholeCluster, `${count} voters`)];
    }),
};

/** Addresses that members tell each other and clients. */
export const memberUrls: Check<ClusterFacts> = {
  id: 'member-urls',
  title: 'members tell addresses that others reach',
  why: 'who goes by an address of one machine only, or of two members, reaches nobody, or the wrong one',
  runbook: 'the-list-of-members',
  examine: (facts) => ofList(facts, (members) => urlVerdicts(members, facts)),
};

/** Members that fail together. */
export const oneMachine: Check<ClusterFacts> = {
  id: 'one-machine',
  title: 'members are on machines of their own',
  why: 'the cluster survives no more than that machine does',
  runbook: 'add-or-grow',
  examine: (facts) =>
    ofList(facts, (members) => {
      const isLocal = members.every(({ peerURLs }) => peerURLs.length > 0 && peerURLs.every(isLoopback));
      if (members.length < 2 || !isLocal) return [ok(wholeCluster)];
      return [
        finding('advice', wholeCluster, `all ${members.length} members are on one machine`, [
          'Put each member on a machine of its own',
        ]),
      ];
    }),
};

function urlVerdicts(members: readonly rpcpb.Member[], facts: ClusterFacts): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  const warn = (seen: string, remedy: readonly string[]) =>
    void verdicts.push(finding('warning', wholeCluster, seen, remedy));
  for (const kind of ['peerURLs', 'clientURLs'] as const) {
    const [flag, what] =
      kind === 'peerURLs' ? ['initial-advertise-peer-urls', 'peer'] : ['advertise-client-urls', 'client'];
    const owners = Map.groupBy(
      members.flatMap((member) =>
        member[kind].map((url) => ({ url, name: member.name || idText(member.ID) })),
      ),
      ({ url }) => url,
    );
    for (const [url, of] of owners) {
      if (of.length > 1)
        warn(
          `${of.map(({ name }) => name).join(' and ')} both tell the ${what} URL ${url}`,
          changeRemedy(flag),
        );
      if (/\/\/(?:0\.0\.0\.0|\[::\])[:/]/.test(url))
        warn(
          `${of[0]?.name ?? ''} tells the ${what} URL ${url}, which is no address to go to`,
          changeRemedy(flag),
        );
    }
    const local = [...owners.keys()].filter(isLoopback);
    const isSpread = [...owners.keys()].some((url) => !isLoopback(url)) || !isAskedLocally(facts);
    if (local.length > 0 && isSpread)
      warn(`${local.join(', ')}: the ${what} URL is of its own machine only`, changeRemedy(flag));
  }
  return verdicts.length === 0 ? [ok(wholeCluster)] : verdicts;
}

function changeRemedy(flag: string): readonly string[] {
  if (flag === 'advertise-client-urls') return [`Start the member with another --${flag}`];
  return ['$ quoratectl member update ID --peer-urls=URL', `Start the member with another --${flag}`];
}

/** A cluster of one machine that is looked at from there is as it should be for trying things. */
function isAskedLocally(facts: ClusterFacts): boolean {
  return answering(facts).every(({ endpoint }) => isLoopback(endpoint));
}

/** Whether an address is of the machine itself. */
export function isLoopback(url: string): boolean {
  return /^(?:[a-z]+:\/\/)?(?:localhost|127\.|\[::1\])/.test(url) || url.startsWith('unix');
}

function ofList(
  { memberList }: ClusterFacts,
  examine: (members: readonly rpcpb.Member[]) => readonly Verdict[],
): readonly Verdict[] {
  if (memberList.ok) return examine(memberList.value);
  return [unchecked(wholeCluster, `no list of members: ${memberList.reason}`)];
}
