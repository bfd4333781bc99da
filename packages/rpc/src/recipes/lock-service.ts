import { emptyBytes } from '@quorate/std';
import { lockpb, type ResponseHeader } from '@quorate/wire';
import { generatedHeader } from '../header.ts';
import { RpcError, status } from '../errors.ts';
import { generatedMethod } from '../generated-method.ts';
import type { Member } from '../member.ts';
import type { ServiceMethod } from '../service-method.ts';
import { AsCaller, deleteOp, firstCreated, getKey, isCreatedAt, putOp, rangeOp } from './as-caller.ts';
import { isStillThere, keyInQueue, ownLeaseTtlSeconds, queuePrefix, untilFirst } from './turn-taking.ts';

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
  if (kvs[0]?.createRevision === createRevision) return held(key, header);
  try {
    await untilFirst(member, prefix, createRevision, signal);
  } catch (error) {
    await leave(member, key, createRevision);
    throw error;
  }
  if (!(await isStillThere(member, key, createRevision))) {
    throw new RpcError(status.UNKNOWN, 'mutex: session is expired');
  }
  return held(key, member.header());
}

/** Takes one's key away again, if it is still one's own; who waits behind it would wait for nobody. */
async function leave(member: AsCaller, key: Uint8Array, createRevision: number): Promise<void> {
  const request = { compare: [isCreatedAt(key, createRevision)], success: [deleteOp(key)], failure: [] };
  await member.txn(request).catch(() => {}); // The lease takes it away later.
}

function held(key: Uint8Array, header: ResponseHeader): lockpb.LockResponse {
  return { header: generatedHeader(header), key };
}
