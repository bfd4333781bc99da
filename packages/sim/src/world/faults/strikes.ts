import type { Machine } from '../machine.ts';
import type { FaultKind } from '../swarm.ts';
import { bitRot, wipe } from './damage.ts';
import { leaseStorm } from './lease-storm.ts';
import { usurp } from './usurp.ts';
import { flap, partition } from './partitions.ts';
import { split } from '../network-troubles.ts';
import type { Stage } from './nemesis.ts';

/** Places in the code at which a crash is of most interest. */
const crashPoints = [
  'disk.write.before',
  'disk.write.after',
  'disk.sync.before',
  'disk.sync.after',
  'disk.rename',
  'disk.remove',
  'disk.open',
  'disk.truncate',
  'disk.syncDir',
  'backend.write.before',
  'backend.write.after',
  'backend.stage.write',
  'backend.stage.seal',
  'backend.stage.install',
  'backend.stage.begin',
  'network.send.before',
  'network.send.after',
  'network.snapshot',
  'observer.onApplied',
  'observer.onLeaderChange',
  'observer.onSnapshot',
  'observer.onCompacted',
  'observer.onMemberChange',
] as const;

/** What each kind of fault does when it strikes. */
export const strikes: Record<FaultKind, (stage: Stage) => void | Promise<void>> = {
  crash: (stage) => pickRunning(stage)?.crash('process'),
  powerCut: (stage) => pickRunning(stage)?.crash('power'),
  crashAtPoint: planCrash,
  restartStorm,
  gracefulRestart: (stage) => pickRunning(stage)?.stop(() => stage.world.tally.note('stopped in order')),
  pause,
  partition,
  flapping: flap,
  clientCut,
  slowDisk,
  diskError: (stage) => {
    const machine = pickRunning(stage);
    if (machine !== undefined) machine.troubles.failNextSync = true;
  },
  diskFull,
  clockJump: ({ crew, chance }) => {
    const machine = chance.pick(crew.machines);
    machine.clockError.wallOffsetMs += chance.between(-1, 1) * chance.magnitude(1, 1e9);
  },
  transfer,
  campaign: dropHeartbeats,
  lag,
  usurp,
  membership: (stage) => stage.crew.changeMembers(),
  wipe,
  bitRot,
  leaseStorm,
};

function pickRunning({ crew, chance }: Stage): Machine | undefined {
  const running = crew.machines.filter(({ process }) => process !== undefined);
  // The leader is of most interest.
  const leader = crew.leader();
  if (leader !== undefined && chance.happens(0.35)) return leader;
  return running.length === 0 ? undefined : chance.pick(running);
}

function planCrash(stage: Stage): void {
  const { chance, world } = stage;
  const machine = pickRunning(stage);
  if (machine === undefined) return;
  const point = chance.pick(crashPoints);
  machine.crashPlan = {
    point,
    countdown: countdownOf(point, chance),
    kind: chance.pick(['process', 'power'] as const),
  };
  world.timeline.trace.note(`${machine.name} shall crash at ${point}`);
}

/** What happens seldom is struck at once, what happens all the time at some later time. */
function countdownOf(point: string, chance: Stage['chance']): number {
  return /stage|snapshot|Snapshot|Member|rename|remove/.test(point)
    ? chance.count(1, 3)
    : chance.magnitude(1, 20);
}

/** One member is alone for so long that it needs a snapshot, and may crash while it takes it. */
async function lag({ crew, chance, world, isOver }: Stage): Promise<void> {
  const followers = crew.members.filter(({ replica }) => replica?.isLeader === false);
  if (followers.length === 0) return;
  const machine = chance.pick(followers);
  const cut = split('lag', [machine.name]);
  world.network.add(cut);
  await sleepUnless(chance.between(1_500, 5_000), world, isOver);
  world.network.remove(cut);
  if (isOver() || machine.process === undefined || chance.happens(0.2)) return;
  const point = chance.pick([
    'backend.stage.begin',
    'backend.stage.write',
    'backend.stage.seal',
    'backend.stage.install',
  ] as const);
  machine.crashPlan = {
    point,
    countdown: chance.count(1, 2),
    kind: chance.pick(['process', 'power'] as const),
  };
}

/** Several members go down, again and again: all of them at once, or one after the other. */
async function restartStorm({ crew, chance, world, isOver }: Stage): Promise<void> {
  const rounds = chance.count(1, 4);
  for (let round = 0; round < rounds && !isOver(); round++) {
    const victims = chance.happens(0.4) ? crew.machines : chance.some(crew.machines);
    const kind = chance.pick(['process', 'power'] as const);
    for (const machine of victims) {
      machine.crash(kind);
      if (chance.happens(0.3)) await world.timeline.sleep(chance.wait(100));
    }
    if (victims.length === crew.machines.length) world.tally.note('all members down');
    await world.timeline.sleep(chance.wait(800));
  }
}

async function pause(stage: Stage): Promise<void> {
  const { chance, world, isOver } = stage;
  const machine = pickRunning(stage);
  const process = machine?.process;
  if (machine === undefined || process === undefined) return;
  const pauseMs = chance.magnitude(10, 8000);
  world.timeline.trace.note(`${machine.name} pauses for ${pauseMs} ms`);
  if (machine.replica?.isLeader === true) world.tally.note('leader paused');
  machine.pause();
  const endMs = world.timeline.nowMs + pauseMs;
  while (world.timeline.nowMs < endMs && !isOver()) await world.timeline.sleep(Math.min(200, pauseMs));
  if (machine.process === process) machine.resume();
}

async function clientCut({ crew, chance, world, isOver }: Stage): Promise<void> {
  const cut = new Set(chance.some(crew.machines).map(({ name }) => name));
  const troubles = {
    name: 'clients',
    isCut: () => false,
    isCutFromClients: (machine: string) => cut.has(machine),
  };
  world.network.add(troubles);
  await sleepUnless(chance.magnitude(50, 4000), world, isOver);
  world.network.remove(troubles);
}

async function slowDisk(stage: Stage): Promise<void> {
  const { chance, world, isOver } = stage;
  const { troubles } = pickRunning(stage) ?? {};
  if (troubles === undefined) return;
  troubles.slowness = chance.magnitude(5, 500);
  await sleepUnless(chance.magnitude(100, 5000), world, isOver);
  troubles.slowness = 1;
}

async function diskFull(stage: Stage): Promise<void> {
  const { chance, world, isOver } = stage;
  const { troubles } = pickRunning(stage) ?? {};
  if (troubles === undefined) return;
  troubles.isFull = true;
  await sleepUnless(chance.magnitude(50, 3000), world, isOver);
  troubles.isFull = false;
}

/** The leader is asked to hand over, to whoever: somebody who is down, a learner, a stranger. */
async function transfer({ crew, chance, world }: Stage): Promise<void> {
  const leader = crew.leader();
  const target = chance.pick(crew.machines);
  const { process, replica } = leader ?? {};
  const targetID = target.replica?.id ?? chance.uint64();
  if (process === undefined || replica === undefined) return;
  const abort = new AbortController();
  world.timeline.after(chance.between(100, 3000), 'transfer timeout', () =>
    abort.abort(new Error('timeout')),
  );
  await new Promise<void>((resolve) => {
    process.onceGone(resolve);
    process.later(0, 'transfer', () => {
      replica.maintenance.moveLeader({ targetID }, { signal: abort.signal }).then(
        () => {
          world.tally.note('leadership transferred');
          resolve();
        },
        () => resolve(),
      );
    });
  });
}

/** Nobody hears the leader for a little more than an election takes: elections without any crash. */
async function dropHeartbeats({ crew, chance, world, plan, isOver }: Stage): Promise<void> {
  const leader = crew.leader();
  if (leader === undefined) return;
  const troubles = { name: 'deaf', isCut: (from: string) => from === leader.name };
  world.network.add(troubles);
  const electionMs = plan.world.replica.electionTimeoutMs ?? 1000;
  await sleepUnless(electionMs * chance.between(0.8, 2.5), world, isOver);
  world.network.remove(troubles);
}

async function sleepUnless(ms: number, world: Stage['world'], isOver: () => boolean): Promise<void> {
  const endMs = world.timeline.nowMs + ms;
  while (world.timeline.nowMs < endMs && !isOver()) {
    await world.timeline.sleep(Math.min(250, endMs - world.timeline.nowMs));
  }
}
