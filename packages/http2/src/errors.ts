/** What ends a connection or a stream, as it is said on the wire (RFC 9113 §7). */
export const errorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;
/** One of them; a peer may also send numbers that have no name. */
export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

/** What a client may do only so often without asking for anything. */
export type BudgetName = 'resets' | 'pings' | 'settings' | 'overheadBytes' | 'headerBlock';

/** The client has violated HTTP/2 in a way that ends the connection. Its message is for our log, and goes into the GOAWAY. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code = 'HTTP2_CONNECTION';
  /** What the GOAWAY says. */
  readonly errorCode: ErrorCode;
  /** Of what there was too much, when that is the reason. */
  readonly budget: BudgetName | undefined;

  constructor(code: ErrorCode, message: string, budget?: BudgetName) {
    super(message);
    this.errorCode = code;
    this.budget = budget;
  }
}

/** A header block cannot be decoded; the state of both sides differs from now on, so the connection ends (RFC 7541 §2.2). */
export function compressionError(message: string): ConnectionError {
  return new ConnectionError(errorCode.COMPRESSION_ERROR, message);
}
