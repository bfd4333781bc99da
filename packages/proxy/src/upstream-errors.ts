import { EtcdError, type EtcdErrorCode } from '@quorate/client';
import { RpcError, status } from '@quorate/rpc';

/** gRPC's numbers for the names of its codes. */
const numbers = status satisfies Record<EtcdErrorCode, number>;

/** An error of the cluster as the one that the proxy's client gets: the same code and the same text. */
export function toProxiedError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error;
  // No member was found in all that time: to whoever set no time himself, that is what has happened.
  if (error.code === 'DEADLINE_EXCEEDED' && error.unsent && error.cause instanceof EtcdError) {
    return new RpcError(numbers[error.cause.code], error.cause.message, { cause: error });
  }
  return new RpcError(numbers[error.code], error.message, { cause: error });
}

/** The words of a member without a leader, for streams that demand one. */
export const noLeaderText = 'etcdserver: no leader';

/** What a client is told whose stream ends because the proxy does. */
export function proxyStopped(): RpcError {
  return new RpcError(status.UNAVAILABLE, 'etcdserver: server stopped');
}

/** Whether a stream that broke of this error may be opened again: all that is said of this very request may not. */
export function mayReopen(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  return (
    error.status === status.UNAVAILABLE ||
    error.status === status.CANCELLED ||
    error.status === status.INTERNAL ||
    error.status === status.UNKNOWN
  );
}
