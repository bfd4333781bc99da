import type { Crew } from './crew.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/**
 * States that a campaign of many seeds must have reached, each of them: one that reaches them not proves nothing
 * about them.
 */
export const mustHappen: readonly string[] = [
  'all members down',
  'bits of the log turned over',
  'compacted on a follower',
  'crash after a restart',
  'crash at backend.stage.install.before',
  'crash at backend.write.before',
  'crash at disk.sync.after',
  'crash at disk.sync.before',
  'crash at network.send.after',
  'crash at network.send.before',
  'crash at observer.onApplied',
  'crash with a compaction under way',
  'damage refused at start',
  'leader changed with a compaction under way',
  'leader lost its office while paused',
  'leadership transferred',
  'learner promoted',
  'lease expired soon after a leader change',
  'login across a change of leader',
  'lost member replaced',
  'member removed',
  'permission denied',
  'permission revoked between propose and apply',
  'removed member heard of it',
  'revoked token refused',
  'snapshot installed',
  'snapshot installed by learner',
  'snapshot installed during a change of members',
  'snapshot not sent',
  'start failed by disk',
  'stopped by disk',
  'token used at a member that had not applied its login',
  'torn tail repaired',
  'users changed by a snapshot',
  'voter added',
  'watch cancelled by a revocation',
  'write tried again for an old auth revision',
];

/** A lease that expires so soon after an election was granted, most likely, under the leader before. */
const soonMs = 6_000;

/** Counts the states that faults are for. */
export function countRareStates(world: World, crew: Crew): void {
  const { tally, timeline } = world;
  const leadersSince = new Map<string, number>();
  let leader = 0n;
  const isCompacting = ({ replica }: Machine): boolean => replica?.state.store.hasCompaction === true;
  world.listen({
    onDown: (machine, kind) => {
      tally.note(`crash: ${kind}`);
      if (machine.lives > 1) tally.note('crash after a restart');
      if (machine.wasCompacting) tally.note('crash with a compaction under way');
    },
    onPlannedCrash: (_machine, point) => tally.note(`crash at ${point}`),
    onResumed: ({ replica }) => {
      const isDeposed = replica?.isLeader === true && crew.leader()?.replica !== replica;
      if (isDeposed) tally.note('leader lost its office while paused');
    },
    observer: (machine) => ({
      onLeaderChange: (event) => {
        leadersSince.set(machine.name, timeline.nowMs);
        if (event.leader === 0n || event.leader === leader) return;
        leader = event.leader;
        tally.note('leader changed');
        if (crew.machines.some(isCompacting)) tally.note('leader changed with a compaction under way');
      },
      onSnapshot: () => tally.note('snapshot marked'),
      onSnapshotSent: ({ error }) => tally.note(error === undefined ? 'snapshot sent' : 'snapshot not sent'),
      onSnapshotInstalled: () => {
        tally.note('snapshot installed');
        if (machine.replica?.isLearner === true) tally.note('snapshot installed by learner');
        if (crew.isBusy) tally.note('snapshot installed during a change of members');
      },
      onLogRepaired: () => tally.note('torn tail repaired'),
      onImage: ({ outcome }) => tally.note(`image of a store ${outcome}`),
      onCompacted: () => {
        tally.note('compacted');
        if (machine.replica?.isLeader !== true) tally.note('compacted on a follower');
      },
      onLeaseExpired: ({ count }) => {
        tally.note('lease expired', count);
        const since = leadersSince.get(machine.name) ?? 0;
        if (timeline.nowMs - since < soonMs) tally.note('lease expired soon after a leader change', count);
      },
      onAlarm: ({ type }) => tally.note(`alarm: ${type}`),
      onCorruption: ({ reason }) => timeline.fail(new Error(`corruption found: ${reason}`)),
    }),
  });
}
