const messages = {
  REPLICA_TIMEOUT: 'the request was not applied in time',
  REPLICA_STOPPED: 'the member has stopped',
  REPLICA_NO_LEADER: 'there is no leader',
  REPLICA_NO_SPACE: 'the quota of the store is used up',
  REPLICA_CORRUPT: 'the cluster has a corruption alarm',
  REPLICA_REQUEST_TOO_LARGE: 'the request is larger than the limit of one proposal',
  REPLICA_TOO_MANY_REQUESTS: 'too many proposals are waiting',
  REPLICA_INVALID_ALARM: 'the alarm request has an unknown action or type',
} as const;

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
