import { expect, test } from 'vitest';
import { withContainers } from '../src/containers/container-cluster.ts';
import { faults, underLoad, type FaultName } from '../src/containers/faults.ts';

/** Each strikes a cluster under load, one after the other. */
const scenarios: readonly { readonly name: string; readonly names: readonly FaultName[] }[] = [
  {
    name: 'SIGKILL of the leader, of a follower, and of all',
    names: ['killLeader', 'killFollower', 'killAll'],
  },
  { name: 'a leader that is frozen, twice', names: ['pauseLeader', 'pauseLeader'] },
  { name: 'SIGTERM of all members, one after the other', names: ['rollingRestart'] },
];

test.each(scenarios)(
  '$name, under load: the history stays linearizable, no acknowledged write is lost, members stay equal',
  async ({ names }) => {
    const result = await withContainers({}, (cluster) =>
      underLoad(cluster, { seed: 20261123 }, async (context) => {
        for (const name of names) await faults[name](context);
      }),
    );
    expect(result.acknowledgedWrites).toBeGreaterThan(100);
    expect(result.watchEvents).toBeGreaterThan(result.revision);
  },
);
