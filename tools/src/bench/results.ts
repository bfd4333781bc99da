import type { WorkloadName } from './load-job.ts';
import type { Spread } from './measure.ts';
import type { Placement } from './placement.ts';
import type { MemoryUse } from './proc.ts';

export const sideNames = ['quorate', 'etcd'] as const;
export type SideName = (typeof sideNames)[number];

/** Two sides of a comparison. */
export type Sides<T> = Readonly<Record<SideName, T>>;

/** Those that are compared, where the tuned etcd is one of them. */
export const contenders = ['quorate', 'etcd', 'tuned'] as const;
export type Contender = (typeof contenders)[number];

/** Quorate, an etcd as shipped and, where it was measured, a tuned one. */
export type Contenders<T> = Sides<T> & { readonly tuned?: T };

/** How an etcd is started that is not as shipped. */
export interface EtcdSetting {
  /** As the page calls it. */
  readonly name: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Where and how it was measured. Nothing in it names a host or a folder. */
export interface Environment {
  readonly command: string;
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** How servers and generators were placed on them. */
  readonly placements: readonly Placement[];
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
  readonly p999Ms: Spread;
  readonly cpuMicros: Spread;
  /** The load generator's CPU time for an operation. */
  readonly generatorMicros: Spread;
}

/** Memory of a server right after a row, the largest of all repetitions, in bytes. */
export interface RowMemory {
  readonly pss: number;
  readonly pssAnonymous: number;
  /** The most that was in memory while the row was measured, mapped files included. */
  readonly peakRss: number;
}

export interface CallRow {
  readonly workload: WorkloadName;
  readonly inFlight: number;
  readonly connections: number;
  readonly sides: Contenders<RowSide>;
  readonly memory: Contenders<RowMemory>;
}

/** Calls to one member, for each placement. */
export interface CallsResult {
  readonly seconds: number;
  readonly placements: readonly { readonly placement: Placement; readonly rows: readonly CallRow[] }[];
}

/** One way to start an etcd, and what came of it. */
export interface TuningTrial {
  readonly setting: EtcdSetting;
  readonly putsPerSecond: number;
  readonly getsPerSecond: number;
}

export interface TuningResult {
  readonly seconds: number;
  readonly placements: readonly {
    readonly placement: Placement;
    readonly trials: readonly TuningTrial[];
    /** The best one that is not as shipped: what is called tuned. */
    readonly chosen: EtcdSetting;
  }[];
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

export interface MillionSide {
  readonly loadSeconds: number;
  readonly afterLoad: MemoryUse;
  /** Of the last restart, right after its first read. */
  readonly afterRestart: MemoryUse;
  readonly stopMs: Spread;
  /** From the start of the process to the answer to the first linearizable read. */
  readonly firstReadMs: Spread;
}

/** A member with many keys. */
export interface MillionResult {
  readonly keys: number;
  readonly sides: Contenders<MillionSide>;
  /** What it takes to count all of them, and to get some of them. */
  readonly rows: readonly CallRow[];
}

/** Puts at a fixed pace while a long list is read over and over. */
export interface InterferenceSide {
  readonly quiet: PutPhase;
  readonly during: PutPhase;
  /** The same of each repetition by itself. */
  readonly p99Ms: Spread;
  readonly listsPerSecond: Spread;
}

export interface InterferenceResult {
  readonly putsPerSecond: number;
  readonly listKeys: number;
  readonly listBytes: number;
  readonly seconds: number;
  readonly placements: readonly {
    readonly placement: Placement;
    readonly sides: Contenders<InterferenceSide>;
  }[];
}

/** What one client that anybody can get showed. */
export interface ClientSide {
  readonly perSecond: Spread;
  readonly cpuMicros: Spread;
  /** The client's own CPU time for an operation. */
  readonly clientMicros: Spread;
}

export interface ClientRow {
  readonly client: string;
  readonly operation: string;
  readonly sides: Sides<ClientSide>;
}

export interface ClientsResult {
  readonly rows: readonly ClientRow[];
  /** What could not be run here, and why. */
  readonly missing: readonly string[];
}

export type MemberRole = 'leader' | 'follower';

export interface ClusterRow {
  readonly workload: WorkloadName;
  readonly inFlight: number;
  readonly connections: number;
  /** The member that clients speak to. */
  readonly through: MemberRole;
  /** CPU is that of all members together. */
  readonly sides: Contenders<RowSide>;
}

/** Three members of each side. */
export interface ClusterResult {
  readonly seconds: number;
  /** Measurements that were made again because the leader changed meanwhile. */
  readonly repeated: Contenders<number>;
  readonly rows: readonly ClusterRow[];
}

/** A light load of puts while something else goes on, all rounds together. */
export interface PutPhase {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms?: number;
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

/** A section that was measured, and where and how. */
export interface Measured<T> {
  readonly environment: Environment;
  readonly result: T;
}

/** All that was measured, maybe in several runs; sections that never were are not there. */
export interface BenchResult {
  readonly tuning?: Measured<TuningResult>;
  readonly calls?: Measured<CallsResult>;
  readonly million?: Measured<MillionResult>;
  readonly interference?: Measured<InterferenceResult>;
  readonly cluster?: Measured<ClusterResult>;
  readonly clients?: Measured<ClientsResult>;
  readonly inProcess?: Measured<InProcessResult>;
  readonly catchUp?: Measured<RecoveryResult>;
  readonly snapshot?: Measured<RecoveryResult>;
  readonly failover?: Measured<FailoverResult>;
}

/** The sections in the order of the page. */
export const resultNames = [
  'tuning',
  'calls',
  'million',
  'interference',
  'cluster',
  'clients',
  'inProcess',
  'catchUp',
  'snapshot',
  'failover',
] as const satisfies readonly (keyof BenchResult)[];
