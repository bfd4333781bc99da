import { concatBytes, fromUtf8 } from '@quorate/std';
import type { ResponseHeader } from '@quorate/wire';
import { AsCaller, CompactedAwayError, deleteOp, getKey, isCreatedAt, lastCreated } from './as-caller.ts';

/** How long a lease lives that a caller did not bring (reference: the concurrency package). */
export const ownLeaseTtlSeconds = 60n;

/** The keys of all who want the same thing lie below its name. */
export function queuePrefix(name: Uint8Array): Uint8Array {
  return concatBytes([name, fromUtf8('/')]);
}

/** The key of one of them: which one it is his lease says. */
export function keyInQueue(name: Uint8Array, lease: bigint): Uint8Array {
  return concatBytes([queuePrefix(name), fromUtf8(lease.toString(16))]);
}

/** A place in a queue: whose key was created at this revision. */
export interface Place {
  readonly key: Uint8Array;
  readonly createRevision: number;
}

/**
 * Resolves when it is the turn of whoever has the place, to the header of the read that showed that it is still theirs;
 * to undefined when it is not, since their lease has ended meanwhile. Whoever goes before that, for whatever reason,
 * leaves no key behind.
 */
export async function awaitTurn(
  member: AsCaller,
  prefix: Uint8Array,
  place: Place,
  signal: AbortSignal,
): Promise<ResponseHeader | undefined> {
  try {
    await untilFirst(member, prefix, place.createRevision, signal);
    const { header, kvs } = await member.range(getKey(place.key));
    signal.throwIfAborted();
    return kvs[0]?.createRevision === place.createRevision ? header : undefined;
  } catch (error) {
    await giveUp(member, place).catch(() => {}); // The lease takes the key away later.
    throw error;
  }
}

/** Takes one's key away; one that is another's by now, or nobody's, stays as it is. */
export async function giveUp(member: AsCaller, { key, createRevision }: Place): Promise<ResponseHeader> {
  const { header } = await member.txn({
    compare: [isCreatedAt(key, createRevision)],
    success: [deleteOp(key)],
    failure: [],
  });
  return header ?? member.header();
}

/**
 * Resolves when no key below the prefix is older than this create revision. Waits for the one before it only, so that a
 * turn that ends wakes one.
 */
async function untilFirst(
  member: AsCaller,
  prefix: Uint8Array,
  createRevision: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { header, kvs } = await member.range(lastCreated(prefix, createRevision - 1));
    const before = kvs[0];
    if (before === undefined) return;
    await untilDeleted(member, before.key, header.revision, signal);
  }
}

async function untilDeleted(
  member: AsCaller,
  key: Uint8Array,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { kind } of member.changes({ key, rangeEnd: new Uint8Array(0) }, revision, signal)) {
      if (kind === 'delete') return;
    }
  } catch (error) {
    if (!(error instanceof CompactedAwayError)) throw error;
  }
}
