import { concatBytes, fromUtf8, type Timer } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { CompactedError, EtcdError, LeaseLostError } from './errors.ts';
import { abortReason } from './grpc-values.ts';
import { toKeyRange, type KeySelector } from './keys.ts';
import type { Answer, Keyspace } from './keyspace.ts';
import { isPassing, persistently } from './persistently.ts';
import { compare, op } from './txn.ts';
import type { Turn } from './turns.ts';
import type { WatchEvent } from './watch.ts';

/** What a place in a queue needs of the session that it belongs to. */
export interface PlaceHolder {
  readonly keyspace: Keyspace;
  readonly connections: Connections;
  readonly leaseId: bigint;
  /** Aborts when the session ends. */
  readonly signal: AbortSignal;
  readonly isAlive: boolean;
  /** Says that the server does not know the lease any more. */
  leaseIsGone(cause: unknown): void;
  /** Deletes a key, again and again if need be, and gives the turn back when it is gone. */
  release(key: Uint8Array, turn: Turn): Promise<void>;
}

/** Where a place is: all keys of the queue that are older than its own are before it. */
export interface Position {
  /** What the keys of the queue begin with. */
  readonly queue: Uint8Array;
  /** The key that stands for the place: nobody but this session has it. */
  readonly key: Uint8Array;
}

/** What a place is taken with. */
export interface Wanted extends Position {
  readonly value: Uint8Array;
  readonly turn: Turn;
  /** Aborts when whoever wants it gives up, or the session ends. */
  readonly signal: AbortSignal;
  /** For observers of the calls. */
  readonly context: unknown;
}

/** A key in the queue for a name. Locks and elections of etcd's clients and members have the same ones. */
export interface Place {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
  /** The store's revision when it was found to be the first in the queue. */
  readonly revision: bigint;
  /** What the key held before, where the lease had this place already. */
  readonly oldValue: Uint8Array | undefined;
}

/** How long whoever gives up waits for the key to be gone. */
const cleanUpMs = 1_000;

interface EnteredPlace extends Place {
  readonly isFirst: boolean;
}

const { SortOrder, SortTarget } = {
  SortOrder: rpcpb.RangeRequest_SortOrder,
  SortTarget: rpcpb.RangeRequest_SortTarget,
};
const firstCreated = { limit: 1n, sortOrder: SortOrder.ASCEND, sortTarget: SortTarget.CREATE };

/** The keys of all who want the same thing lie below its name. */
export function queuePrefix(name: Uint8Array): Uint8Array {
  return concatBytes([name, fromUtf8('/')]);
}

/** The place of a session in the queue for a name: it has one, however often it asks. */
export function positionOf(name: Uint8Array, leaseId: bigint): Position {
  const queue = queuePrefix(name);
  return { queue, key: concatBytes([queue, fromUtf8(leaseId.toString(16))]) };
}

/** Who is first in the queue for a name, as part of a request. */
export function firstInQueue(name: Uint8Array): Partial<rpcpb.RangeRequest> {
  return { ...toKeyRange({ prefix: queuePrefix(name) }), ...firstCreated };
}

/** Takes a place and waits until it is the first. Whatever ends the waiting takes the place away again. */
export function waitForPlace(holder: PlaceHolder, wanted: Wanted): Promise<Place> {
  return untilCleanedUp(holder.connections, wanted.signal, takePlace(holder, wanted));
}

/** Takes a place if nobody has one; undefined if somebody has. */
export function tryPlace(holder: PlaceHolder, wanted: Wanted): Promise<Place | undefined> {
  return untilCleanedUp(holder.connections, wanted.signal, takeFreePlace(holder, wanted));
}

/** The outcome. After an abort it is what cleaning up leads to; if that takes long, it goes on without us. */
export function untilCleanedUp<T>(
  connections: Connections,
  signal: AbortSignal,
  outcome: Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const onAbort = () => {
      timer = connections.clock.after(cleanUpMs, () => reject(abortReason(signal)));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    outcome.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
      timer?.cancel();
    });
  });
}

async function takePlace(holder: PlaceHolder, wanted: Wanted): Promise<Place> {
  const place = await enter(holder, wanted, []);
  try {
    let { revision } = place;
    if (!place.isFirst) {
      await untilFirst(holder, wanted, place.createRevision);
      revision = await checkStillThere(holder, wanted, place);
    }
    wanted.signal.throwIfAborted();
    checkAlive(holder);
    return { ...place, revision };
  } catch (error) {
    await holder.release(place.key, wanted.turn).catch(() => {});
    throw error;
  }
}

async function takeFreePlace(holder: PlaceHolder, wanted: Wanted): Promise<Place | undefined> {
  const isFree = compare.version({ prefix: wanted.queue }, '=', 0n);
  const place = await enter(holder, wanted, [isFree]);
  // Without the place, the key of an older try of ours would not be there: it is another's queue.
  if (place.createRevision === 0n || !place.isFirst) {
    wanted.turn.giveBack();
    return undefined;
  }
  try {
    wanted.signal.throwIfAborted();
    checkAlive(holder);
    return place;
  } catch (error) {
    await holder.release(place.key, wanted.turn).catch(() => {});
    throw error;
  }
}

/**
 * Puts the key in the queue. Once begun this is not given up before its end is known, since a request that was
 * cancelled might still be done, and leave a key that nobody knows of. Doing it twice is as good as once.
 */
async function enter(
  holder: PlaceHolder,
  { queue, key, value, turn, signal, context }: Wanted,
  conditions: readonly rpcpb.Compare[],
): Promise<EnteredPlace> {
  const { keyspace, connections, leaseId } = holder;
  const request = {
    compare: [...conditions, compare.createRevision(key, '=', 0n)],
    success: [op.put(key, value, { lease: leaseId })],
    failure: [op.get({ key })],
  };
  const first = op.get({ prefix: queue }, firstCreated);
  const [success, failure] = [
    [...request.success, first],
    [...request.failure, first],
  ];
  let mayBeThere = false;
  for (let attempt = 1; ; attempt++) {
    try {
      signal.throwIfAborted();
      const response = await keyspace.txn({ ...request, success, failure }, { context });
      mayBeThere = true;
      signal.throwIfAborted();
      return entered(key, response);
    } catch (error) {
      mayBeThere ||= isPassing(error);
      if (isPassing(error) && !signal.aborted) {
        await connections.pause(attempt, undefined);
        continue;
      }
      if (mayBeThere) await holder.release(key, turn).catch(() => {});
      else turn.giveBack();
      signal.throwIfAborted();
      if (error instanceof EtcdError && error.code === 'NOT_FOUND') holder.leaseIsGone(error);
      throw error;
    }
  }
}

function entered(key: Uint8Array, { succeeded, header, responses }: Answer<rpcpb.TxnResponse>): EnteredPlace {
  const own = succeeded ? undefined : keyOf(responses[0]);
  const first = keyOf(responses[1]);
  const createRevision = succeeded ? header.revision : (own?.createRevision ?? 0n);
  // Nobody is before a key that is the oldest, or older than the oldest of another queue.
  const isFirst = first === undefined || first.createRevision >= createRevision;
  return { key, createRevision, revision: header.revision, oldValue: own?.value, isFirst };
}

function keyOf(part: rpcpb.ResponseOp | undefined) {
  return part?.response?.$case === 'responseRange' ? part.response.value.kvs[0] : undefined;
}

/** Waits for the one before, and for no other: a turn that ends wakes one. */
async function untilFirst(
  { keyspace, connections }: PlaceHolder,
  { queue, signal, context }: Wanted,
  createRevision: bigint,
): Promise<void> {
  const before = {
    ...toKeyRange({ prefix: queue }),
    limit: 1n,
    sortOrder: SortOrder.DESCEND,
    sortTarget: SortTarget.CREATE,
    maxCreateRevision: createRevision - 1n,
  };
  for (;;) {
    const { kvs, header } = await persistently(connections, signal, () =>
      keyspace.kv.range(before, { signal, context }),
    );
    const last = kvs[0];
    if (last === undefined) return;
    const startRevision = (header?.revision ?? 0n) + 1n;
    await untilDeleted(keyspace, last.key, { startRevision, signal, context });
  }
}

/**
 * Waits until a key is deleted, at that revision or after it. False says that nobody knows any more whether it was: what
 * happened meanwhile was compacted away, and what there is now can be read.
 */
export function untilDeleted(keyspace: Keyspace, key: Uint8Array, options: WaitingFor): Promise<boolean> {
  return untilEvent(keyspace, { key }, 'delete', options);
}

/** Waits until something happens to one of these keys, in the same way. */
export async function untilEvent(
  keyspace: Keyspace,
  keys: KeySelector,
  type: WatchEvent['type'],
  options: WaitingFor,
): Promise<boolean> {
  const other = type === 'put' ? 'noDelete' : 'noPut';
  try {
    for await (const event of keyspace.watch({ ...keys, ...options, filters: [other] })) {
      if (event.type === type) return true;
    }
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
  }
  return false;
}

/** From where on an event is waited for, and for how long. */
export interface WaitingFor {
  readonly startRevision: bigint;
  readonly signal: AbortSignal | undefined;
  readonly context: unknown;
}

/**
 * Whoever is first because all others are gone may be gone as well: his lease may have ended while he waited. Resolves
 * to the store's revision when the place was still there.
 */
async function checkStillThere(
  { keyspace, connections }: PlaceHolder,
  { signal, context }: Wanted,
  { key, createRevision }: Place,
): Promise<bigint> {
  const { kvs, header } = await persistently(connections, signal, () =>
    keyspace.kv.range({ key }, { signal, context }),
  );
  if (kvs[0]?.createRevision === createRevision) return header?.revision ?? createRevision;
  throw new EtcdError('ABORTED', 'the place in the queue is lost: its key was deleted');
}

function checkAlive({ signal, isAlive, leaseId }: PlaceHolder): void {
  signal.throwIfAborted();
  if (!isAlive) throw new LeaseLostError(leaseId);
}
