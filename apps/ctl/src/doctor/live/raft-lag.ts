import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { answering, eachAnswering } from './members.ts';

/** How far members are behind the leader, and behind what they have in their own log. */
export const raftLag: Check<ClusterFacts> = {
  id: 'raft-lag',
  title: 'members keep up with the leader',
  why: 'a member that lags answers serializable reads with old data, and cannot take over',
  runbook: 'a-member-lags-behind',
  examine(facts) {
    const indices = answering(facts).map(({ status }) => status.raftIndex);
    const newest = indices.reduce((a, b) => (a > b ? a : b), 0n);
    return eachAnswering(facts, ({ endpoint, status }) => {
      const behind = Number(newest - status.raftIndex);
      const unapplied = Number(status.raftIndex - status.raftAppliedIndex);
      if (unapplied >= thresholds.applyGapRefused) {
        const seen = `${unapplied} entries wait to be applied: from ${thresholds.applyGapRefused} on it refuses writes`;
        return finding('critical', endpoint, seen, remedy);
      }
      if (behind < thresholds.lagEntries && unapplied < thresholds.lagEntries)
        return ok(endpoint, `${behind} entries behind, ${unapplied} to apply`);
      const seen = `it is ${behind} entries behind the newest, and ${unapplied} of its own wait to be applied`;
      return finding('warning', endpoint, seen, remedy);
    });
  },
};

const remedy = [
  'Run it again: one that has just begun catches up',
  'If it does not, compare its disk and processor with those of the others (checks wal-sync, backend-commit, event-loop)',
] as const;
