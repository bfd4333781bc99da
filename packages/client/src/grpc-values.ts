import type { ServiceError } from '@grpc/grpc-js';
import { codeName, EtcdError } from './errors.ts';

/** Messages are encoded already: gRPC gets and gives the bytes as they are. */
export function sameBuffer(bytes: Buffer): Buffer {
  return bytes;
}

/** A Buffer as a plain view of the same memory, so that none of its subarrays is a Buffer. */
export function plainBytes(bytes: Buffer | undefined): Uint8Array {
  return bytes === undefined
    ? new Uint8Array(0)
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The reason of an aborted signal, which whoever aborted gets back as it is. */
export function abortReason(signal: AbortSignal): Error {
  // Typed `any` by the platform, and by convention an Error.
  return signal.reason as Error;
}

/** gRPC's error as ours. A deadline of our own gets the text etcd's client has for it. */
export function toEtcdError(error: unknown): Error {
  if (!isServiceError(error)) return error instanceof Error ? error : new Error(String(error));
  const code = codeName(error.code);
  if (code === 'DEADLINE_EXCEEDED' && error.details.startsWith('Deadline exceeded')) {
    return new EtcdError(code, 'context deadline exceeded', { cause: error });
  }
  // gRPC's words for a call that found no connection and was therefore never started.
  const unsent = code === 'UNAVAILABLE' && error.details.startsWith('No connection established');
  return new EtcdError(code, error.details, { cause: error, unsent });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}
