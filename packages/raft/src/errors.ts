/** The node cannot start: an option makes no sense, or what was found on disk is no state Raft can be in. */
export class RaftOptionsError extends Error {
  override readonly name = 'RaftOptionsError';
  readonly code = 'RAFT_OPTIONS';
}

/** A configuration change cannot be read, or cannot be made to the configuration there is. */
export class ConfChangeError extends Error {
  override readonly name = 'ConfChangeError';
  readonly code = 'RAFT_CONF_CHANGE';
}
