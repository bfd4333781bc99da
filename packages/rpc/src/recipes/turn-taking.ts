import { concatBytes, fromUtf8 } from '@quorate/std';
import { AsCaller, CompactedAwayError, getKey, lastCreated } from './as-caller.ts';

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

/**
 * Resolves when no key below the prefix is older than this create revision: then it is the turn of whoever has it. Waits
 * for the one before it only, so that a turn that ends wakes one.
 */
export async function untilFirst(
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

/** Whether the key is still the one that was created at this revision: not when its lease has ended meanwhile. */
export async function isStillThere(
  member: AsCaller,
  key: Uint8Array,
  createRevision: number,
): Promise<boolean> {
  const { kvs } = await member.range(getKey(key));
  return kvs[0]?.createRevision === createRevision;
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
