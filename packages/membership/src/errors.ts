/** Why a change of the membership, or a configuration of it, was refused. */
export type MembershipErrorCode =
  | 'MEMBER_EXISTS'
  | 'MEMBER_REMOVED'
  | 'MEMBER_NOT_FOUND'
  | 'MEMBER_NOT_LEARNER'
  | 'MEMBER_BAD_URLS'
  | 'PEER_URL_EXISTS'
  | 'TOO_MANY_LEARNERS'
  | 'NOT_ENOUGH_STARTED'
  | 'UNHEALTHY'
  | 'BAD_INITIAL_CLUSTER'
  | 'BAD_MEMBER_JSON';

/** What all errors of this package have in common. */
export abstract class MembershipError extends Error {
  abstract readonly code: MembershipErrorCode;
}

/** A member with this ID is there already. */
export class MemberExistsError extends MembershipError {
  override readonly name = 'MemberExistsError';
  readonly code = 'MEMBER_EXISTS';
  constructor() {
    super('member ID already exist');
  }
}

/** A member with this ID was there once; an ID never comes back. */
export class MemberRemovedError extends MembershipError {
  override readonly name = 'MemberRemovedError';
  readonly code = 'MEMBER_REMOVED';
  constructor() {
    super('the member has been permanently removed from the cluster');
  }
}

/** No member has this ID. */
export class MemberNotFoundError extends MembershipError {
  override readonly name = 'MemberNotFoundError';
  readonly code = 'MEMBER_NOT_FOUND';
  constructor() {
    super('member not found');
  }
}

/** Only a learner can be promoted. */
export class MemberNotLearnerError extends MembershipError {
  override readonly name = 'MemberNotLearnerError';
  readonly code = 'MEMBER_NOT_LEARNER';
  constructor() {
    super('can only promote a learner member');
  }
}

/** URLs that no member can be reached at. */
export class MemberBadUrlsError extends MembershipError {
  override readonly name = 'MemberBadUrlsError';
  readonly code = 'MEMBER_BAD_URLS';
}

/** Another member has one of these peer URLs. */
export class PeerUrlExistsError extends MembershipError {
  override readonly name = 'PeerUrlExistsError';
  readonly code = 'PEER_URL_EXISTS';
  constructor() {
    super('Peer URLs already exists');
  }
}

/** The cluster has as many learners as it may. */
export class TooManyLearnersError extends MembershipError {
  override readonly name = 'TooManyLearnersError';
  readonly code = 'TOO_MANY_LEARNERS';
  constructor() {
    super('too many learner members in cluster');
  }
}

/** After the change the started members alone would be no quorum. */
export class NotEnoughStartedError extends MembershipError {
  override readonly name = 'NotEnoughStartedError';
  readonly code = 'NOT_ENOUGH_STARTED';
  constructor() {
    super('re-configuration failed due to not enough started members');
  }
}

/** After the change the connected members alone would be no quorum. */
export class UnhealthyClusterError extends MembershipError {
  override readonly name = 'UnhealthyClusterError';
  readonly code = 'UNHEALTHY';
  constructor() {
    super('unhealthy cluster');
  }
}

/** `--initial-cluster` and what goes with it do not fit together. The text is etcd's. */
export class InitialClusterError extends MembershipError {
  override readonly name = 'InitialClusterError';
  readonly code = 'BAD_INITIAL_CLUSTER';
}

/** A stored member, a context or a ConfState that is no JSON of its kind. */
export class MemberJsonError extends MembershipError {
  override readonly name = 'MemberJsonError';
  readonly code = 'BAD_MEMBER_JSON';
}
