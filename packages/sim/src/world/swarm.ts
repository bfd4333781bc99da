import { PlainPasswords } from '@quorate/credentials/testing';
import type { ReplicaOptions } from '@quorate/replica';
import { Chance } from './chance.ts';
import type { WorldOptions } from './world.ts';

/** Every kind of trouble that a seed may switch on, with the mean time between two strikes in milliseconds. */
export const faultKinds = {
  crash: [800, 6000],
  powerCut: [800, 6000],
  crashAtPoint: [400, 3000],
  restartStorm: [5000, 15000],
  gracefulRestart: [3000, 10000],
  pause: [1000, 8000],
  partition: [1000, 6000],
  flapping: [3000, 10000],
  lag: [2000, 8000],
  usurp: [1000, 5000],
  clientCut: [2000, 8000],
  slowDisk: [2000, 10000],
  diskError: [3000, 12000],
  diskFull: [4000, 15000],
  clockJump: [2000, 10000],
  transfer: [1000, 6000],
  campaign: [2000, 8000],
  membership: [1500, 6000],
  wipe: [5000, 15000],
  bitRot: [5000, 15000],
  leaseStorm: [3000, 12000],
} as const;

/** A kind of trouble that may strike by chance, such as `powerCut` or `partition`. */
export type FaultKind = keyof typeof faultKinds;

/** How often clients do what; weights, not shares. */
export interface WorkloadPlan {
  readonly workers: number;
  readonly watchers: number;
  readonly keys: number;
  /** Mean pause between two operations of a worker. */
  readonly thinkMs: number;
  readonly timeoutMs: number;
  /** How often a worker goes to another member without need. */
  readonly wandering: number;
  readonly compactions: number;
  readonly leases: number;
  readonly transactions: number;
  readonly reads: number;
}

/** Who the clients are, in a cluster with users, and how often what they may is changed. */
export interface AuthPlan {
  readonly users: number;
  readonly roles: number;
  /** Mean pause between two changes. */
  readonly changeMs: number;
  /** How often a rare change turns authentication off, in per cent. */
  readonly toggles: number;
  readonly tokens: 'simple' | 'signed';
  readonly tokenTtlMs: number;
  /** How often clients show an old token, or none. */
  readonly carelessness: number;
}

/** All that a seed decides before the first event. */
export interface Plan {
  readonly seed: number;
  readonly members: number;
  /** How long faults and clients go on. */
  readonly durationMs: number;
  readonly world: Omit<WorldOptions, 'onLine'>;
  readonly workload: WorkloadPlan;
  /** Left out: a cluster without users. */
  readonly auth?: AuthPlan;
  /** Mean time between strikes of the kinds that are on. */
  readonly faults: Partial<Record<FaultKind, number>>;
}

/** What is given instead of drawn; faults by name, to strike often. */
export interface PlanOverrides {
  readonly members?: number;
  readonly durationMs?: number;
  readonly faults?: readonly FaultKind[];
  /** Whether there are users. */
  readonly auth?: boolean;
}

/** How many seeds have users. */
const authShare = 0.25;

/**
 * Draws what a seed is about: which faults are on and how hard they strike, and members tuned so that snapshots,
 * cuts of the log and small batches come often.
 */
export function drawPlan(seed: number, overrides: PlanOverrides = {}): Plan {
  const chance = new Chance(seed).branch('plan');
  const members = overrides.members ?? drawMembers(chance);
  const durationMs = overrides.durationMs ?? chance.between(4_000, 14_000);
  const auth = drawAuth(chance.branch('auth'), overrides.auth);
  const workload = drawWorkload(chance.branch('workload'));
  const faults = drawFaults(chance.branch('faults'), members, overrides.faults);
  const drawn = withUsers(drawWorld(seed, chance.branch('world')), auth);
  const world = seed < laterSeeds ? drawn : withLaterWays(drawn, chance.branch('later'));
  return { seed, members, durationMs, world, workload, faults, ...(auth !== undefined && { auth }) };
}

/** From this seed on there is more to draw; those below keep the course for which the planted bugs are known. */
const laterSeeds = 10_000;

/** Images of stores, long reads in small slices, and renewals that are answered at once. */
function withLaterWays(world: Plan['world'], chance: Chance): Plan['world'] {
  const imagePath = '/data/member/image';
  const readSliceWork = chance.pick([1, 3, 2_000]);
  return {
    ...world,
    renewsAtOnce: chance.happens(0.5),
    replica: { ...world.replica, imagePath, readSliceWork },
  };
}

function drawAuth(chance: Chance, isWanted?: boolean): AuthPlan | undefined {
  const isDrawn = chance.happens(authShare);
  if (!(isWanted ?? isDrawn)) return undefined;
  return {
    users: chance.count(1, 4),
    roles: chance.count(1, 4),
    changeMs: chance.magnitude(30, 600),
    toggles: chance.pick([0, 30, 100]),
    tokens: chance.happens(0.3) ? 'signed' : 'simple',
    tokenTtlMs: chance.happens(0.2) ? chance.count(1_000, 4_000) : 300_000,
    carelessness: chance.pick([0, 0.05, 0.2]),
  };
}

function withUsers(world: Plan['world'], auth: AuthPlan | undefined): Plan['world'] {
  if (auth === undefined) return world;
  const { tokens, tokenTtlMs: simpleTokenTtlMs } = auth;
  const replica = { ...world.replica, passwords: new PlainPasswords(), simpleTokenTtlMs };
  return { ...world, replica, signsTokens: tokens === 'signed' };
}

function drawMembers(chance: Chance): number {
  const dice = chance.below(100);
  return dice < 15 ? 1 : dice < 85 ? 3 : 5;
}

function drawWorld(seed: number, chance: Chance): Plan['world'] {
  const isLossy = chance.happens(0.5);
  return {
    seed,
    network: {
      delayMs: chance.magnitude(1, 40) / 2,
      loss: isLossy ? chance.between(0, 0.1) : 0,
      duplication: chance.happens(0.4) ? chance.between(0, 0.2) : 0,
      reordering: chance.happens(0.5) ? chance.between(0, 0.2) : 0,
    },
    disk: {
      rates: { syncEio: 0, writeEio: 0, readEio: 0 },
      writeMs: chance.between(0.01, 0.2),
      syncMs: chance.magnitude(1, 40) / 4,
    },
    backendWriteMs: chance.magnitude(1, 50) / 10,
    snapshots: {
      breaks: chance.happens(0.3) ? chance.between(0, 0.3) : 0,
      stalls: chance.happens(0.3) ? chance.between(0, 0.3) : 0,
      stallMs: 500,
    },
    clockDrift: chance.happens(0.5) ? chance.between(0, 0.05) : 0.001,
    replica: drawReplica(chance.branch('replica')),
  };
}

function drawReplica(chance: Chance): Partial<ReplicaOptions> {
  const heartbeatIntervalMs = chance.pick([20, 50, 100, 100]);
  return {
    heartbeatIntervalMs,
    electionTimeoutMs: heartbeatIntervalMs * chance.pick([5, 10, 10]),
    preVote: chance.happens(0.85),
    snapshotCount: chance.magnitude(10, 1000),
    snapshotCatchUpEntries: chance.magnitude(10, 100),
    maxWals: chance.pick([1, 2, 5]),
    ...drawRaftLimits(chance.branch('raft')),
    segmentSizeBytes: chance.magnitude(4, 64) * 1024,
    backendBatchIntervalMs: chance.magnitude(2, 200),
    backendBatchLimit: chance.magnitude(2, 1000),
    compactionSleepMs: chance.pick([1, 10, 50]),
    valueBudgetBytes: chance.pick([0, 500, 4000, 1024 ** 2]),
    watchProgressIntervalMs: chance.pick([500, 2000, 600_000]),
    // Otherwise a change waits until members have been connected for five seconds.
    strictReconfiguration: chance.happens(0.2),
    leaseCheckpointMs: chance.happens(0.3) ? chance.count(500, 3000) : 0,
    corruptionCheckMs: chance.happens(0.3) ? chance.count(500, 3000) : 0,
    compactHashCheckMs: chance.happens(0.5) ? chance.count(500, 3000) : 60_000,
    initialCorruptionCheck: chance.happens(0.2),
    ...(chance.happens(0.15) && {
      autoCompaction: { mode: 'revision', retentionRevisions: chance.count(5, 100) } as const,
    }),
  };
}

/** Often an append holds one entry only, and few of them are under way. */
function drawRaftLimits(chance: Chance): {
  readonly maxAppendBytes: number;
  readonly maxInflightAppends: number;
} {
  return {
    maxAppendBytes: chance.pick([1, 1, 300, 1024 ** 2]),
    maxInflightAppends: chance.pick([1, 2, 10, 512]),
  };
}

function drawWorkload(chance: Chance): WorkloadPlan {
  return {
    workers: chance.count(1, 8),
    watchers: chance.count(0, 4),
    keys: chance.count(2, 12),
    thinkMs: chance.magnitude(2, 100),
    timeoutMs: chance.pick([500, 2000, 8000]),
    wandering: chance.pick([0, 0.05, 0.5]),
    compactions: chance.pick([0, 1, 4]),
    leases: chance.pick([0, 5, 20]),
    transactions: chance.pick([5, 20]),
    reads: chance.pick([5, 20, 40]),
  };
}

function drawFaults(chance: Chance, members: number, only?: readonly FaultKind[]): Plan['faults'] {
  if (only !== undefined) return Object.fromEntries(only.map((kind) => [kind, chance.between(200, 800)]));
  const focus = members > 1 ? drawFocus(chance.branch('focus')) : undefined;
  if (focus !== undefined) return focus;
  const faults: Partial<Record<FaultKind, number>> = {};
  // Some seeds have much of everything, some little: rare faults have to meet in peace, too.
  const rate = chance.pick([0.15, 0.35, 0.6]);
  const pace = chance.pick([1, 1, 0.5, 0.2]);
  for (const [kind, [min, max]] of Object.entries(faultKinds)) {
    const mine = chance.branch(kind);
    // The keys of `faultKinds` are what they are.
    if (mine.happens(rate) && isPossible(kind as FaultKind, members))
      faults[kind as FaultKind] = pace * mine.between(min, max);
  }
  // Where machines are lost for good, only their replacement changes the members: a majority must stay.
  if (faults.wipe !== undefined || faults.bitRot !== undefined) delete faults.membership;
  return faults;
}

/** Now and then a seed is about one thing only, and much of it. */
function drawFocus(chance: Chance): Plan['faults'] | undefined {
  const pace = chance.between(200, 800);
  const dice = chance.below(100);
  if (dice < 7) return { usurp: pace };
  if (dice < 12) return { pause: pace, campaign: pace * 2 };
  if (dice < 16) return { lag: pace, crashAtPoint: pace * 4 };
  if (dice < 20) return { powerCut: pace };
  return undefined;
}

/** A member alone has nobody to be parted from, and nobody who has a good copy. */
function isPossible(kind: FaultKind, members: number): boolean {
  const needsOthers: readonly FaultKind[] = [
    'partition',
    'flapping',
    'lag',
    'usurp',
    'wipe',
    'bitRot',
    'transfer',
    'membership',
  ];
  return members > 1 || !needsOthers.includes(kind);
}
