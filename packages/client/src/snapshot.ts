import { rpcpb } from '@quorate/wire';
import { createHash } from 'node:crypto';
import type { Connections } from './connections.ts';
import { SnapshotError } from './errors.ts';
import { encodeMessage, methodPath } from './method.ts';
import type { CallOptions } from './options.ts';

/** Bytes of the checksum at the end of a snapshot: a SHA-256. */
const checksumBytes = 32;

/** A part of a store on its way. */
export interface SnapshotPart {
  /** `database` in all parts but the last, whose blob is the checksum. It comes after it was found to be right. */
  readonly kind: 'database' | 'checksum';
  readonly blob: Uint8Array;
  /** How many bytes of the database are still to come. */
  readonly remainingBytes: bigint;
  /** The version of the storage format, like `3.6.0`; empty from members before 3.6. */
  readonly version: string;
}

/** See `Maintenance.snapshot`. */
export async function* fetchSnapshot(
  connections: Connections,
  options: CallOptions,
): AsyncGenerator<SnapshotPart, void, undefined> {
  const { methods } = rpcpb.MaintenanceDefinition;
  const path = methodPath(rpcpb.MaintenanceDefinition, methods.snapshot);
  const request = encodeMessage(rpcpb.SnapshotRequest, {});
  const hash = createHash('sha256');
  let sizeBytes = 0;
  // Only the end of the stream tells the checksum from the database, so each message waits for the next one.
  let held: rpcpb.SnapshotResponse | undefined;
  for await (const message of connections.serverMessages(path, request, options)) {
    if (held !== undefined) {
      hash.update(held.blob);
      sizeBytes += held.blob.length;
      yield part('database', held);
    }
    held = rpcpb.SnapshotResponse.decode(message);
  }
  if (held?.blob.length !== checksumBytes || held.remainingBytes !== 0n) {
    const receivedBytes = sizeBytes + (held?.blob.length ?? 0);
    throw new SnapshotError(`sha256 checksum not found [bytes: ${receivedBytes}]`);
  }
  if (hash.digest().compare(held.blob) !== 0) {
    throw new SnapshotError(`the sha256 of ${sizeBytes} bytes received is not what the member says it is`);
  }
  yield part('checksum', held);
}

function part(kind: SnapshotPart['kind'], response: rpcpb.SnapshotResponse): SnapshotPart {
  const { blob, remainingBytes, version } = response;
  return { kind, blob, remainingBytes, version };
}
