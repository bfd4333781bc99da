/** Canonical status codes of gRPC. */
export const status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** One of the numbers in `status`. */
export type StatusCode = (typeof status)[keyof typeof status];

/**
 * A call's end other than success, as the client sees it. It has no stack: it is an answer, of which a client may cause
 * thousands, and to note where each was made would cost more than to make it. A mistake of ours is its `cause`.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code = 'RPC_STATUS';
  readonly status: StatusCode;

  constructor(code: StatusCode, message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.status = code;
  }
}
