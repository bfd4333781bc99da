import { invariant } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { createHash } from 'node:crypto';
import { decodeRequest } from './generated-method.ts';
import type { MemberMaintenance } from './member.ts';
import type { StreamCall } from './transport.ts';

/** Bytes of the file in one message, as etcd sends them; only the last one may have fewer. */
const blobBytes = 32 * 1024;

/**
 * Sends the store as a file: its bytes in order, each message with how many are still to come, and at the end the
 * SHA-256 of them all, by which a client knows that the file is whole. A client that reads slowly holds the reading
 * of the store back; one that goes away ends it.
 */
export async function sendSnapshot(maintenance: MemberMaintenance, call: StreamCall): Promise<void> {
  for await (const bytes of call.requests) decodeRequest(rpcpb.SnapshotRequest, bytes);
  const { sizeBytes, version, chunks } = await maintenance.snapshot();
  const hash = createHash('sha256');
  let remainingBytes = sizeBytes;
  // Leaving this loop, by whichever way, ends `chunks`.
  for await (const blob of inBlobs(chunks)) {
    if (call.signal.aborted) return;
    invariant(blob.length <= remainingBytes, 'a snapshot is no longer than it said');
    remainingBytes -= blob.length;
    hash.update(blob);
    await send(call, { remainingBytes, blob, version });
  }
  invariant(remainingBytes === 0, 'a snapshot is as long as it said');
  await send(call, { remainingBytes, blob: hash.digest(), version });
}

async function send(
  call: StreamCall,
  part: { readonly remainingBytes: number; readonly blob: Uint8Array; readonly version: string },
): Promise<void> {
  const { remainingBytes, blob, version } = part;
  const message = { header: undefined, remainingBytes: BigInt(remainingBytes), blob, version };
  if (!call.send(rpcpb.SnapshotResponse.encode(message).finish())) await call.drained();
}

/** The bytes of chunks of any size in blobs of one size. A blob is good until the next one is asked for. */
async function* inBlobs(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const blob = new Uint8Array(blobBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + blobBytes - filled);
      blob.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < blobBytes) continue;
      yield blob;
      filled = 0;
    }
  }
  if (filled > 0) yield blob.subarray(0, filled);
}
