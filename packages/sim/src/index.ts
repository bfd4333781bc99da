/** Whole clusters in one process from one seed, and the checkers of what they promise. */
export { Simulation, type SimulationOptions } from './simulation.ts';
export {
  SimulatedCallError,
  SimulatedClient,
  type Condition,
  type Keys,
  type SimulatedEvent,
  type SimulatedKeyValue,
  type Write,
} from './simulated-client.ts';
export { HistoryViolation } from './check-evidence.ts';
export { EscapeError } from './world/guards.ts';
export { SafetyViolation } from './world/checks/safety-violation.ts';
export { SimulationError } from './world/timeline.ts';
export type { CrashKind } from './world/machine.ts';
export type { FaultKind } from './world/swarm.ts';
// What clients saw.
export type {
  AppliedEntry,
  ByteString,
  Compare,
  CompactRequest,
  CompactResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  History,
  InitialState,
  KeyValue,
  KvRequest,
  KvResponse,
  LeaderPeriod,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeline,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  LoggedRequest,
  MessageContext,
  Operation,
  Outcome,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RefusalCode,
  Request,
  Response,
  RevisionEvents,
  SortTarget,
  TxnRequest,
  TxnResponse,
  WatchAttempt,
  WatchCreateRequest,
  WatchEvent,
  WatchHistory,
  WatchMessage,
} from './history/types.ts';

export type {
  AppliedAuthEntry,
  AuthChange,
  AuthOperation,
  AuthOutcome,
  AuthRefusal,
  AuthRequest,
  AuthSnapshot,
  CallContext,
  LogIdentity,
  Login,
  Permission,
  Proof,
} from './history/auth.ts';

// The checkers of what clients saw.
export { AuthCourse } from './checkers/auth/auth-course.ts';
export { checkPermissions, type PermissionEvidence } from './checkers/auth/check.ts';
export { checkCompaction } from './checkers/compaction.ts';
export { checkLeases, type LeaseBounds, type LeaseOptions } from './checkers/leases/check.ts';
export { checkLinearizable, type LinearizabilityOptions } from './checkers/linearizability/check.ts';
export { TruthLog, type TruthStep } from './checkers/truth-log.ts';
export {
  HistoryError,
  type ReportOptions,
  type Rule,
  type Verdict,
  type Violation,
} from './checkers/violation.ts';
export { checkWatch, type WatchOptions } from './checkers/watch/check.ts';
export { checkWgl, type WglOptions } from './checkers/wgl/check.ts';
