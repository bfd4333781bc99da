import { expect, test } from 'vitest';
import { runClusterRounds } from '../src/cluster/cluster-rounds.ts';
import type { FaultName } from '../src/cluster/faults.ts';

/** Each is tried so often, one time after the other, in a cluster under load. */
const scenarios: readonly { readonly name: string; readonly faults: readonly FaultName[] }[] = [
  { name: 'kill -9 of the leader, five times', faults: Array.from({ length: 5 }, () => 'killLeader') },
  { name: 'kill -9 of a follower, five times', faults: Array.from({ length: 5 }, () => 'killFollower') },
  { name: 'kill -9 of all members, five times', faults: Array.from({ length: 5 }, () => 'killAll') },
  { name: 'SIGSTOP of the leader for several election time-outs', faults: ['pauseLeader', 'pauseLeader'] },
  { name: 'a rolling restart', faults: ['rollingRestart'] },
];

test.each(scenarios)(
  '$name, under load: the history stays linearizable, no acknowledged write is lost, members stay equal',
  { timeout: 180_000 },
  async ({ faults }) => {
    const result = await runClusterRounds({ faults, seed: 20261122 });
    expect(result.acknowledgedWrites).toBeGreaterThan(100);
    expect(result.revision).toBeGreaterThan(100);
    expect(result.watchEvents).toBeGreaterThan(result.revision);
  },
);

test('five members lose two at once, the leader among them, under load', { timeout: 180_000 }, async () => {
  const kinds = Array.from({ length: 5 }, () => 'quorate' as const);
  const result = await runClusterRounds({ kinds, faults: ['killMinority', 'killMinority'], seed: 20261123 });
  expect(result.acknowledgedWrites).toBeGreaterThan(100);
});
