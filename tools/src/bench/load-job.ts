/** The requests that are measured, one at a time for each slot. */
export type UnaryWorkloadName =
  | 'put'
  | 'linearizable get'
  | 'serializable get'
  | 'mixed 9:1'
  | 'range of 1,000 keys'
  | 'list of 10,000 keys of 1 KiB'
  | 'list of 100 MB'
  | 'count of all keys'
  | 'page of 500 keys'
  | 'guarded update';

export type WorkloadName = UnaryWorkloadName | 'lease keep-alive' | 'watch';

/** Load for a time, and what came of it. */
export interface MeasureJob {
  readonly kind: 'measure';
  readonly workload: WorkloadName;
  readonly endpoint: string;
  /** Whose CPU time is measured, together. */
  readonly serverPids: readonly number[];
  readonly connections: number;
  /** Requests under way at once, over all connections; for `watch`, watchers. */
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** How many keys there are, for workloads that read all of them. */
  readonly keys?: number;
}

/** Clients that anybody can get, in place of the generator's own. */
export const stockClients = ['@grpc/grpc-js', '@quorate/client'] as const;
export type StockClient = (typeof stockClients)[number];

/** Load through a stock client. */
export interface ClientJob extends Omit<MeasureJob, 'kind' | 'workload' | 'keys'> {
  readonly kind: 'client';
  readonly client: StockClient;
  readonly workload: 'put' | 'linearizable get';
}

/** Puts at a fixed pace, whether or not those before were answered. */
export interface PacedJob {
  readonly kind: 'paced';
  readonly endpoint: string;
  readonly perSecond: number;
  readonly measureMs: number;
}

/** Puts keys `0 .. count` under a prefix. */
export interface FillJob {
  readonly kind: 'fill';
  readonly endpoint: string;
  readonly prefix: string;
  readonly count: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly connections: number;
  readonly inFlight: number;
}

/** Gets one key that a fill has put, and checks it. */
export interface ProbeJob {
  readonly kind: 'probe';
  readonly endpoint: string;
  readonly prefix: string;
  readonly index: number;
  readonly keySize: number;
  readonly valueSize: number;
}

export type LoadJob = MeasureJob | ClientJob | PacedJob | FillJob | ProbeJob;

export interface LoadResult {
  /** Operations that ended within the measured time (for `watch`: events). */
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** CPU time of the servers over that time, user and system. */
  readonly serverCpuMs: number;
  /** CPU time of the load generator over that time. */
  readonly generatorCpuMs: number;
  /** Of paced puts, each from the time when it was due. */
  readonly latenciesMs?: readonly number[];
}

/** What the generator says to the process that started it. */
export type LoadMessage =
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly message: string; readonly isWrongAnswer: boolean };
