/** Members and clusters as processes of their own, for tests and benchmarks. */
export {
  etcdBin,
  freePort,
  startEtcd,
  startQuorate,
  type MemberKind,
  type MemberOptions,
  type MemberProcess,
} from './member-process.ts';
export { runCrashRounds, type CrashRoundsOptions, type CrashRoundsResult } from './crash-rounds.ts';
export { ClusterMember, type Bootstrap, type ClusterMemberOptions } from './cluster/cluster-member.ts';
export { until } from './cluster/until.ts';
export { withCluster, type ProcessCluster, type ProcessClusterOptions } from './cluster/process-cluster.ts';
export { abuseFigures, type AbuseFigures } from './abuse/figures.ts';
export { runClusterRounds, type ClusterRoundsOptions } from './cluster/cluster-rounds.ts';
export { faultNames, snapshotFlags, type FaultName } from './cluster/faults.ts';
export type { Verified } from './cluster/verify.ts';
export { measureFailover, quantiles, type FailoverOptions } from './cluster/failover.ts';
