import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { answering, silenceOf, wholeCluster } from './members.ts';

/** Whether enough voters live, and one of them may fail. */
export const quorum: Check<ClusterFacts> = {
  id: 'quorum',
  title: 'more voters live than are needed',
  why: 'without more than half of the voters nothing can be written, and no linearizable read is answered',
  runbook: 'quoratequorumindanger',
  examine(facts) {
    const { memberList } = facts;
    if (!memberList.ok) return [unchecked(wholeCluster, `no list of members: ${memberList.reason}`)];
    const refused = facts.members.find(({ isRefused }) => isRefused);
    if (refused !== undefined) return [unchecked(wholeCluster, `${refused.endpoint}: ${silenceOf(refused)}`)];
    const voters = memberList.value.filter(({ isLearner }) => !isLearner);
    const alive = new Set(answering(facts).map(({ id }) => id));
    const dead = voters.filter(({ ID }) => !alive.has(ID));
    const unasked = dead.filter(({ clientURLs, name }) => name !== '' && !wasAsked(facts, clientURLs));
    // One that was asked at another address than it tells is among those that do not answer.
    const silent = facts.members.filter(({ status }) => !status.ok).length;
    if (unasked.length > silent) {
      const names = unasked.map(({ name }) => name).join(', ');
      return [unchecked(wholeCluster, `nobody looked at ${names}: give their endpoints, or --cluster`)];
    }
    const majority = Math.floor(voters.length / 2) + 1;
    const living = voters.length - dead.length;
    const seen = `${living} of ${voters.length} voters answer, ${majority} are needed`;
    // One or two voters survive no failure anyway.
    const isEnough = living > majority || (voters.length <= 2 && living >= majority);
    if (isEnough) return [ok(wholeCluster, seen)];
    const missing = dead.map(({ name, ID }) => name || ID.toString(16)).join(', ');
    return [
      finding('critical', wholeCluster, `${seen}; ${missing} ${dead.length === 1 ? 'does' : 'do'} not`, [
        `Bring back ${missing} before anything else; do not restart or upgrade those that live`,
        living >= majority
          ? 'If one will not come back, replace it while there is a majority: $ quoratectl member remove ID'
          : 'If they will not come back: start one that is intact with --force-new-cluster, or restore a backup',
      ]),
    ];
  },
};

/** Whether a member's own address, or its host's, is among those that were looked at. */
function wasAsked({ members }: ClusterFacts, clientUrls: readonly string[]): boolean {
  const asked = new Set(members.map(({ endpoint }) => withoutScheme(endpoint)));
  return clientUrls.some((url) => asked.has(withoutScheme(url)));
}

function withoutScheme(url: string): string {
  return url.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/, '');
}
