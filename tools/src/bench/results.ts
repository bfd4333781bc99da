import type { WorkloadName } from './load-job.ts';
import type { Spread } from './measure.ts';
import type { MemoryUse } from './proc.ts';

export const sideNames = ['quorate', 'etcd'] as const;
export type SideName = (typeof sideNames)[number];

/** Two sides of a comparison. */
export type Sides<T> = Readonly<Record<SideName, T>>;

/** Where and how it was measured. Nothing in it names a host or a folder. */
export interface Environment {
  readonly command: string;
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly fileSystem: string;
  readonly node: string;
  readonly quorate: string;
  readonly etcd: string;
  /** Load average of a minute when the run began, to see whether the machine was quiet. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly syncP50Ms: number;
  readonly syncP99Ms: number;
}

/** What one side showed in one row. */
export interface RowSide {
  readonly perSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly cpuMicros: Spread;
  /** The load generator's CPU time for an operation. */
  readonly generatorMicros: Spread;
}

export interface GrpcRow {
  readonly workload: WorkloadName;
  readonly inFlight: number;
  readonly connections: number;
  readonly sides: Sides<RowSide>;
}

export interface GrpcResult {
  readonly seconds: number;
  readonly rows: readonly GrpcRow[];
}

/** Operations a second through `replica`, and what etcd showed over gRPC in turn with it. */
export interface InProcessResult {
  readonly seconds: number;
  readonly puts: Spread;
  readonly linearizableGets: Spread;
  readonly serializableGets: Spread;
  readonly rangeBytesPerSecond: Spread;
  readonly etcdPuts: Spread;
  readonly etcdLinearizableGets: Spread;
}

export interface RestartSide {
  readonly loadSeconds: number;
  readonly afterLoad: MemoryUse;
  /** Of the last restart, right after its first read. */
  readonly afterRestart: MemoryUse;
  readonly stopMs: Spread;
  /** From the start of the process to the answer to the first linearizable read. */
  readonly firstReadMs: Spread;
}

export interface RestartResult {
  readonly keys: number;
  readonly sides: Sides<RestartSide>;
}

export type MemberRole = 'leader' | 'follower';

export interface ClusterRow {
  readonly workload: WorkloadName;
  readonly inFlight: number;
  readonly connections: number;
  /** The member that clients speak to. */
  readonly through: MemberRole;
  /** CPU is that of all members together. */
  readonly sides: Sides<RowSide>;
}

/** Three members of each side. */
export interface ClusterResult {
  readonly seconds: number;
  /** Measurements that were made again because the leader changed meanwhile. */
  readonly repeated: Sides<number>;
  readonly rows: readonly ClusterRow[];
}

/** A light load of puts while something else goes on, all rounds together. */
export interface PutPhase {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export const phaseNames = ['before', 'during', 'after'] as const;
export type PhaseName = (typeof phaseNames)[number];

/** How one side brings up a member that has fallen behind. */
export interface RecoverySide {
  /** Until the member answers with what it had missed. */
  readonly recoveredMs: Spread;
  /** The same member once more, when it has missed nothing; only where it comes back with its data. */
  readonly restartedMs?: Spread;
  /** Size of the leader's store, as it says itself. */
  readonly storeBytes: number;
  /** What clients of the leader saw. */
  readonly phases: Readonly<Record<PhaseName, PutPhase>>;
}

/** A member that comes back by the log, or a new one that gets a snapshot. */
export interface RecoveryResult {
  /** How many keys it has to get, and how large their values are. */
  readonly keys: number;
  readonly valueSize: number;
  readonly putsPerSecond: number;
  readonly repeated: Sides<number>;
  readonly sides: Sides<RecoverySide>;
}

export interface FailoverSide {
  /** From the death of the leader to the first acknowledged write. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly minMs: number;
  readonly maxMs: number;
}

export interface FailoverResult {
  readonly rounds: number;
  readonly sides: Sides<FailoverSide>;
}

/** All that a run has measured; sections that were not asked for are not there. */
export interface BenchResult {
  readonly environment: Environment;
  readonly grpc?: GrpcResult;
  readonly inProcess?: InProcessResult;
  readonly restart?: RestartResult;
  readonly cluster?: ClusterResult;
  readonly catchUp?: RecoveryResult;
  readonly snapshot?: RecoveryResult;
  readonly failover?: FailoverResult;
}
