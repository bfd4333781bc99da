const messages = {
  REPLICA_TIMEOUT: 'the request was not applied in time',
  REPLICA_STOPPED: 'the member has stopped',
  REPLICA_TIMEOUT_LEADER_FAIL:
    'the request was not applied in time; the leader before this one may have lost it',
  REPLICA_TIMEOUT_CONNECTION_LOST: 'the request was not applied in time; this member has lost the others',
  REPLICA_APPLY_TIMEOUT: 'this member applies what is committed too slowly',
  REPLICA_CANCELED: 'the caller has given up',
  REPLICA_NO_LEADER: 'there is no leader',
  REPLICA_NOT_LEADER: 'this member does not lead',
  REPLICA_LEADER_CHANGED: 'the leader has changed meanwhile',
  REPLICA_BAD_TRANSFEREE: 'the target is no voting member',
  REPLICA_TRANSFER_TIMEOUT: 'the target did not become the leader in time',
  LEARNER_NOT_READY: 'the learner has not caught up with the leader yet',
  REPLICA_CLUSTER_ID_MISMATCH: 'the other member belongs to another cluster',
  REPLICA_WRONG_DOWNGRADE_FORMAT: 'the target version has none of the forms X.Y and X.Y.Z',
  REPLICA_INVALID_DOWNGRADE_TARGET: 'the target version is not one minor version below that of the cluster',
  REPLICA_NO_CLUSTER_VERSION: 'the cluster has not agreed on a version yet',
  REPLICA_DOWNGRADE_IN_PROCESS: 'a downgrade is under way',
  REPLICA_NO_DOWNGRADE: 'no downgrade is under way',
  REPLICA_BAD_SNAPSHOT: 'the snapshot cannot be installed',
  REPLICA_NO_SPACE: 'the quota of the store is used up',
  REPLICA_CORRUPT: 'the cluster has a corruption alarm',
  REPLICA_REQUEST_TOO_LARGE: 'the request is larger than the limit of one proposal',
  REPLICA_TOO_MANY_REQUESTS: 'too many proposals are waiting',
  REPLICA_INVALID_ALARM: 'the alarm request has an unknown action or type',
} as const;

/** Why a member does not carry out a request. */
export type ReplicaErrorCode = keyof typeof messages;

/** A request that the member could not carry out; the code says why. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError';
  readonly code: ReplicaErrorCode;

  constructor(code: ReplicaErrorCode, options?: ErrorOptions & { readonly detail?: string }) {
    super(options?.detail === undefined ? messages[code] : `${messages[code]}: ${options.detail}`, options);
    this.code = code;
  }
}

/** What is on disk does not fit together, or not to what the member was told to be; it does not start. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code = 'REPLICA_START';
}
