/** A member in memory, for tests of what stands on a replica. */
export {
  openTestMember,
  putRequest,
  rangeRequest,
  type TestMember,
  type TestMemberOptions,
} from './test-member.ts';
export { MemoryNetwork } from './memory-network.ts';
export { peerUrlOf, TestCluster, type TestClusterOptions } from './test-cluster.ts';
