import { idToHex } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';

/** The names of gRPC's status codes, each at its number. */
const codeNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** The name of a gRPC status code: what callers look at. */
export type EtcdErrorCode = (typeof codeNames)[number];

/** What an EtcdError carries beside its code and message. */
export interface EtcdErrorOptions {
  readonly cause?: unknown;
  /** The request surely never left this process, so that sending it again cannot do it twice. */
  readonly unsent?: boolean;
}

/** A call that failed: `code` is the name of the gRPC status, `message` what etcd said, to the letter. */
export class EtcdError extends Error {
  override readonly name: string = 'EtcdError';
  readonly code: EtcdErrorCode;
  /** Whether the request surely never left this process. When false, a write may or may not have happened. */
  readonly unsent: boolean;

  constructor(code: EtcdErrorCode, message: string, options: EtcdErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.unsent = options.unsent ?? false;
  }
}

/** The server ended a watch: it may not be, or cannot be what was asked for. */
export class WatchCanceledError extends EtcdError {
  override readonly name: string = 'WatchCanceledError';
  /** The header of the response that said so. */
  readonly header: rpcpb.ResponseHeader | undefined;

  constructor(code: EtcdErrorCode, message: string, header: rpcpb.ResponseHeader | undefined) {
    super(code, message);
    this.header = header;
  }
}

/** A watch asked for events that compaction has removed; those from `compactRevision` on are still there. */
export class CompactedError extends WatchCanceledError {
  override readonly name = 'CompactedError';
  /** The oldest revision that a watch can start from. */
  readonly compactRevision: bigint;

  constructor(compactRevision: bigint, header: rpcpb.ResponseHeader | undefined) {
    super('OUT_OF_RANGE', 'etcdserver: mvcc: required revision has been compacted', header);
    this.compactRevision = compactRevision;
  }
}

/** A lease that was kept alive is gone, or could not be renewed within its time to live. */
export class LeaseLostError extends EtcdError {
  override readonly name = 'LeaseLostError';
  readonly leaseId: bigint;

  constructor(leaseId: bigint, options: EtcdErrorOptions = {}) {
    super('NOT_FOUND', `lease ${idToHex(leaseId)} expired or was revoked`, options);
    this.leaseId = leaseId;
  }
}

/** A snapshot broke off, or is not what its checksum says; what was received of it is worth nothing. */
export class SnapshotError extends EtcdError {
  override readonly name = 'SnapshotError';

  constructor(message: string) {
    super('DATA_LOSS', message);
  }
}

/** The number of a status code, as gRPC and OpenTelemetry write it. */
export function codeNumber(name: EtcdErrorCode): number {
  return codeNames.indexOf(name);
}

/** The name of a status code's number; UNKNOWN for numbers that gRPC does not know. */
export function codeName(code: number): EtcdErrorCode {
  return codeNames[code] ?? 'UNKNOWN';
}

/** Words Go uses for codes, as they stand in the cancel reason of a watch. */
const goCodeNames = new Map<string, EtcdErrorCode>(
  codeNames.map((name) => [name.replaceAll('_', '').toLowerCase(), name]),
);

/**
 * The error in a response that ends a watch. A cancel reason of the form `rpc error: code = PermissionDenied
 * desc = …` tells its code; one that is plain text is CANCELLED; none at all is a revision in the future.
 */
export function watchCanceledError(response: rpcpb.WatchResponse): WatchCanceledError {
  const { compactRevision, cancelReason, header } = response;
  if (compactRevision !== 0n) return new CompactedError(compactRevision, header);
  if (cancelReason === '') {
    const text = 'etcdserver: mvcc: required revision is a future revision';
    return new WatchCanceledError('OUT_OF_RANGE', text, header);
  }
  const parts = /^rpc error: code = (\w+) desc = (.*)$/s.exec(cancelReason);
  const code = goCodeNames.get(parts?.[1]?.toLowerCase().replace('canceled', 'cancelled') ?? '');
  if (code === undefined) return new WatchCanceledError('CANCELLED', cancelReason, header);
  return new WatchCanceledError(code, parts?.[2] ?? cancelReason, header);
}
