/** Members as processes of their own, for tests and benchmarks. */
export {
  etcdBin,
  freePort,
  startEtcd,
  startQuorate,
  type MemberOptions,
  type MemberProcess,
} from './member-process.ts';
export { runCrashRounds, type CrashRoundsOptions, type CrashRoundsResult } from './crash-rounds.ts';
