/** A client for etcd and Quorate: typed calls, watches that resume, leases, locks, elections, views, transactions. */
export { Client } from './client.ts';
export { Keyspace, type Answer, type PutOptions, type ReadAllOptions, type ReadOptions } from './keyspace.ts';
export type { CallOptions, ClientOptions } from './options.ts';
export type { Credentials } from './tokens.ts';
export {
  TlsOptionsError,
  type PemFile,
  type PemSource,
  type TlsOptions,
  type TlsOptionsErrorCode,
} from './tls-options.ts';
export { EndpointError } from './endpoint.ts';
export type { UnaryCallOptions } from './connections.ts';
export type { UnaryMethod } from './method.ts';
export {
  CompactedError,
  EtcdError,
  LeaseLostError,
  SnapshotError,
  WatchCanceledError,
  type EtcdErrorCode,
} from './errors.ts';
export { KeyPrefix } from './key-prefix.ts';
export { prefixEnd, toKeyRange, type Bytes, type KeyRange, type KeySelector } from './keys.ts';
export { compare, op, type Compared, type CompareSign, type Op, type Txn } from './txn.ts';
export { TxnBuilder, type ResultsOf, type TxnOutcome } from './txn-builder.ts';
export { Watch, type WatchBatch, type WatchEvent, type WatchOptions } from './watch.ts';
export { WatchGroup, type GroupedWatchOptions, type WatchGroupOptions } from './watch-group.ts';
export { Kv } from './kv.ts';
export { Leases, type GrantOptions } from './lease.ts';
export { Cluster } from './cluster.ts';
export { Maintenance } from './maintenance.ts';
export {
  Auth,
  Roles,
  Users,
  type NewUser,
  type PermissionType,
  type RoleDescription,
  type RolePermission,
} from './auth.ts';
export type { SnapshotPart } from './snapshot.ts';
export type { Page, PageOptions } from './pages.ts';
export type { Session, SessionOptions, WaitOptions } from './session.ts';
export type { Leadership, Lock } from './lock.ts';
export type { Barrier, HoldOptions } from './recipes/barrier.ts';
export type { DoubleBarrier, DoubleBarrierOptions } from './recipes/double-barrier.ts';
export type { EnqueueOptions, PriorityQueue } from './recipes/priority-queue.ts';
export type { Queue } from './recipes/queue.ts';
export type { LeasingKv, LeasingOptions } from './leasing.ts';
export type { Election } from './election.ts';
export type { StmIsolation, StmOptions, StmTransaction } from './stm.ts';
export type { View, ViewChange, ViewOptions } from './view.ts';
export { json, text, type Codec, type TypedEntry, type TypedEvent, type TypedKv } from './typed-kv.ts';
export type { ElectionService, LockService } from './recipe-services.ts';
export type { CallObserver, ClientObserver, EndedCall, StartedCall } from './observer.ts';
export { ClientMetrics, type MetricSample } from './client-metrics.ts';
export { traceCalls, type Span, type Tracer, type TracingOptions } from './tracing.ts';
