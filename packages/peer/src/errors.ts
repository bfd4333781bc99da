const messages = {
  PEER_UNREACHABLE: 'the member could not be reached',
  PEER_TIMEOUT: 'the member did not answer in time',
  PEER_REFUSED: 'the member refused',
  PEER_BAD_ANSWER: 'the member answered with something that is no answer',
  PEER_CLOSED: 'the transport is closed',
} as const;

/** What can go wrong with another member. */
export type PeerErrorCode = keyof typeof messages;

/** Why a question to another member, or a snapshot for it, came to nothing. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  readonly code: PeerErrorCode;
  /** The HTTP status, where there was one. */
  readonly status: number | undefined;
  /** What the other member said, where it said something. */
  readonly reason: string | undefined;

  constructor(
    code: PeerErrorCode,
    options: ErrorOptions & { readonly status?: number; readonly reason?: string } = {},
  ) {
    super(options.reason === undefined ? messages[code] : `${messages[code]}: ${options.reason}`, options);
    this.code = code;
    this.status = options.status;
    this.reason = options.reason;
  }
}

/** The text of whatever was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of an error that has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
