/** A member in memory, for tests of what stands on a replica. */
export {
  openTestMember,
  putRequest,
  rangeRequest,
  type TestMember,
  type TestMemberOptions,
} from './test-member.ts';
export { MemoryNetwork, type Interception } from './memory-network.ts';
export { PausableClock, type LateKind } from './pausable-clock.ts';
export { peerUrlOf, TestCluster, type Ground, type TestClusterOptions } from './test-cluster.ts';
