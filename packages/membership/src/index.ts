/** Who belongs to a cluster: identities, attributes, and the rules of changing them. */
export { clusterId, compareIds, memberId, type MemberIdentity } from './ids.ts';
export { parseMemberUrls } from './member-urls.ts';
export {
  checkInitialCluster,
  formatInitialCluster,
  initialMembers,
  parseInitialCluster,
  type InitialClusterCheck,
  type InitialMember,
} from './initial-cluster.ts';
export {
  decodeMember,
  encodeMember,
  encodePromotion,
  isStarted,
  type Member,
  type MemberAttributes,
  type MemberContext,
  type NewMember,
} from './member.ts';
export {
  addMemberChange,
  bootstrapEntries,
  promoteMemberChange,
  removeMemberChange,
  updateMemberChange,
  type MemberChange,
  type MemberChangeType,
} from './conf-change.ts';
export { decodeConfState, encodeConfState } from './conf-state.ts';
export {
  defaultLearnerCountMax,
  Membership,
  type Downgrade,
  type MembershipBucket,
  type MembershipEvent,
  type MembershipRows,
} from './membership.ts';
export {
  checkAddition,
  checkPromotion,
  checkRemoval,
  quorum,
  type ClusterHealth,
} from './reconfiguration.ts';
export { encodeV2Store } from './v2-store.ts';
export {
  InitialClusterError,
  MemberBadUrlsError,
  MemberExistsError,
  MemberJsonError,
  MemberNotFoundError,
  MemberNotLearnerError,
  MemberRemovedError,
  MembershipError,
  NotEnoughStartedError,
  PeerUrlExistsError,
  TooManyLearnersError,
  UnhealthyClusterError,
  type MembershipErrorCode,
} from './errors.ts';
