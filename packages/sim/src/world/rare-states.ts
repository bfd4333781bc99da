import type { Crew } from './crew.ts';
import type { World } from './world.ts';

/** Counts the states that faults are for: a simulator that never reaches them proves nothing about them. */
export function countRareStates(world: World, _crew: Crew): void {
  const { tally } = world;
  world.listen({
    onDown: (machine, kind) => {
      tally.note(`crash: ${kind}`);
      if (machine.lives > 1) tally.note('crash after a restart');
    },
    onPlannedCrash: (_machine, point) => tally.note(`crash at ${point}`),
    observer: (machine) => ({
      onSnapshot: () => tally.note('snapshot marked'),
      onSnapshotSent: ({ error }) => tally.note(error === undefined ? 'snapshot sent' : 'snapshot not sent'),
      onSnapshotInstalled: () => {
        tally.note('snapshot installed');
        if (machine.replica?.isLearner === true) tally.note('snapshot installed by learner');
      },
      onLogRepaired: () => tally.note('torn tail repaired'),
      onCompacted: () => {
        tally.note('compacted');
        if (machine.replica?.isLeader !== true) tally.note('compacted on a follower');
      },
      onLeaseExpired: ({ count }) => tally.note('lease expired', count),
      onAlarm: ({ type }) => tally.note(`alarm: ${type}`),
      onCorruption: ({ reason }) => world.timeline.fail(new Error(`corruption found: ${reason}`)),
    }),
  });
}
