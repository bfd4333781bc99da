import { emptyBytes } from '@quorate/std';
import { lockpb, type ResponseHeader } from '@quorate/wire';
import { generatedHeader } from '../header.ts';
import { RpcError, status } from '../errors.ts';
import { generatedMethod } from '../generated-method.ts';
import type { Member } from '../member.ts';
import type { ServiceMethod } from '../service-method.ts';
import { AsCaller, deleteOp, firstCreated, getKey, isCreatedAt, putOp, rangeOp } from './as-caller.ts';
import { awaitTurn, giveUp, keyInQueue, ownLeaseTtlSeconds, queuePrefix } from './turn-taking.ts';

const { methods } = lockpb.LockDefinition;

/**
 * `v3lockpb.Lock`: locks that members of etcd and clients of both share, since all of them queue up by the same keys
 * (reference: lock service). A lock is held as long as its key exists, and that as long as its lease does.
 */
export function lockService(member: Member): Record<keyof typeof methods, ServiceMethod> {
  return {
    lock: generatedMethod(methods.lock, ({ name, lease }, { signal }, caller) =>
      lock(new AsCaller(member, caller), { name, lease }, signal),
    ),
    unlock: generatedMethod(methods.unlock, async ({ key }, _call, caller) => {
      const { header } = await new AsCaller(member, caller).txn({
        ...{ compare: [], success: [deleteOp(key)], failure: [] },
      });
      return { header: generatedHeader(header ?? member.header()) };
    }),
  };
}

async function lock(
  member: AsCaller,
  { name, lease: given }: Pick<lockpb.LockRequest, 'name' | 'lease'>,
  signal: AbortSignal,
): Promise<lockpb.LockResponse> {
  const lease = await member.openLease(given, ownLeaseTtlSeconds);
  const key = keyInQueue(name, lease);
  const prefix = queuePrefix(name);
  const queued = await member.txn({
    compare: [isCreatedAt(key, 0)],
    success: [putOp({ key, value: emptyBytes, lease }), rangeOp(firstCreated(prefix))],
    failure: [rangeOp(getKey(key)), rangeOp(firstCreated(prefix))],
  });
  const { header, kvs } = member.foundBy(queued, 1);
  // Whoever asks with the same lease again has his old place in the queue.
  const createRevision = queued.succeeded
    ? header.revision
    : (member.foundBy(queued, 0).kvs[0]?.createRevision ?? header.revision);
  const place = { key, createRevision };
  if (kvs[0]?.createRevision === createRevision) {
    // Whoever brought the lease may have asked again by now, and hold the lock; of one that was made here nobody knows.
    if (given === 0n && signal.aborted) await giveUp(member, place);
    return held(key, header);
  }
  const turn = await awaitTurn(member, prefix, place, signal);
  if (turn === undefined) throw new RpcError(status.UNKNOWN, 'mutex: session is expired');
  return held(key, turn);
}

function held(key: Uint8Array, header: ResponseHeader): lockpb.LockResponse {
  return { header: generatedHeader(header), key };
}
