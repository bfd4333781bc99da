import { EtcdError, op, prefixEnd, type Keyspace, type WatchEvent } from '@quorate/client';
import { concatBytes, type Clock } from '@quorate/std';
import type { mvccpb, rpcpb } from '@quorate/wire';

/** How many keys are copied at a time: each is a request of its own, whose order among the others does not matter. */
const copiesAtOnce = 32;
/** Pauses before what failed is tried again grow from the one to the other. */
const pauseMinMs = 100;
const pauseMaxMs = 2_000;

/** One of the two ends of a mirror. */
export type MirrorEnd = 'source' | 'destination';

/** What is mirrored, and where to. */
export interface MirrorOptions {
  readonly source: Keyspace;
  readonly destination: Keyspace;
  /** Which keys of the source. */
  readonly prefix: Uint8Array;
  /** What their names begin with at the destination. */
  readonly destinationPrefix: Uint8Array;
  /** Follow from this revision on, and copy nothing first; 0 copies what there is. */
  readonly fromRevision: bigint;
  /** The most operations of a transaction at the destination; 0 is no limit. */
  readonly txnOpsMax: number;
  /** How long a read or a write may take before it is tried again. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Hears of each key that was copied, and of each change that was repeated. */
  readonly onMirrored: (count: number) => void;
  /** Hears when an end stops answering; it is asked again until it does. */
  readonly onTrouble: (end: MirrorEnd, error: EtcdError) => void;
  /** Hears that all there was has been copied, as of this revision. */
  readonly onCopied?: (revision: bigint) => void;
  readonly signal?: AbortSignal;
}

/**
 * Copies keys to another cluster, all as of one revision, and then repeats every change of them there, in order: the
 * changes of one revision in one transaction, or in several one after the other if they are more than `txnOpsMax`.
 * Never ends by itself.
 *
 * Both ends must answer once; from then on each may fail for as long as it likes. What may or may not have been written
 * is written again, which is the same as once, because nobody else writes these keys.
 *
 * @throws EtcdError when trying again cannot help: CompactedError, or OUT_OF_RANGE, when the source has forgotten what
 *   has not been mirrored yet; the signal's reason
 */
export async function mirror(options: MirrorOptions): Promise<never> {
  await meetDestination(options);
  const revision = options.fromRevision > 0n ? options.fromRevision - 1n : await copy(options);
  return await follow(options, revision + 1n);
}

/** Finds out whether anybody is there at all, before the source is read. */
async function meetDestination(options: MirrorOptions): Promise<void> {
  const { destination, destinationPrefix, timeoutMs, signal } = options;
  try {
    await destination.count({ prefix: destinationPrefix }, { timeoutMs, signal });
  } catch (error) {
    // Who may write need not be one who may read; and all else the first write will say as well.
    if (signal?.aborted === true || isPassing(error)) throw error;
  }
}

/** Copies all keys as of one revision, which is the result. */
async function copy(options: MirrorOptions): Promise<bigint> {
  const { source, prefix, timeoutMs, signal } = options;
  const place: CopyPlace = { revision: 0n, from: prefix };
  const endExclusive = prefixEnd(prefix);
  const readFrom = async () => {
    const range = { from: place.from, endExclusive };
    const { revision } = place;
    for await (const page of source.pages({ range }, { revision, timeoutMs, signal })) {
      place.revision = page.revision;
      await putAll(options, page.kvs);
      const last = page.kvs.at(-1);
      // The first key after it is one zero byte longer.
      if (last !== undefined) place.from = concatBytes([last.key, new Uint8Array(1)]);
    }
  };
  // The first page is asked for only once: nobody may be there.
  const isBegun = () => place.revision > 0n;
  await persistently(options, 'source', readFrom, isBegun);
  options.onCopied?.(place.revision);
  return place.revision;
}

/** How far copying is: what comes next, and as of which revision all is read. */
interface CopyPlace {
  revision: bigint;
  from: Uint8Array;
}

/** Puts keys, some at a time. */
async function putAll(options: MirrorOptions, kvs: readonly mvccpb.KeyValue[]): Promise<void> {
  const { destination, timeoutMs, signal } = options;
  const remaining = kvs.values();
  const putRemaining = async () => {
    for (const { key, value } of remaining) {
      const name = renamed(options, key);
      await persistently(options, 'destination', () => destination.put(name, value, { timeoutMs, signal }));
      options.onMirrored(1);
    }
  };
  await Promise.all(Array.from({ length: copiesAtOnce }, putRemaining));
}

async function follow(options: MirrorOptions, startRevision: bigint): Promise<never> {
  const { source, destination, prefix, timeoutMs, signal } = options;
  for await (const { events } of source.watch({ prefix, startRevision, signal }).batches()) {
    for (const part of transactionsOf(events, options.txnOpsMax)) {
      const success = part.map((event) => operationOf(options, event));
      await persistently(options, 'destination', () => destination.txn({ success }, { timeoutMs, signal }));
      options.onMirrored(part.length);
    }
  }
  throw new EtcdError('INTERNAL', 'the watch of the source came to an end');
}

/** Parts of what happened that belong into one transaction each: never of two revisions. */
export function transactionsOf(events: readonly WatchEvent[], opsMax: number): WatchEvent[][] {
  const parts: WatchEvent[][] = [];
  for (const event of events) {
    const part = parts.at(-1);
    const isFull = opsMax > 0 && part?.length === opsMax;
    if (part === undefined || isFull || part[0]?.kv.modRevision !== event.kv.modRevision) parts.push([event]);
    else part.push(event);
  }
  return parts;
}

function operationOf(options: MirrorOptions, { type, kv }: WatchEvent): rpcpb.RequestOp {
  const name = renamed(options, kv.key);
  return type === 'put' ? op.put(name, kv.value) : op.delete({ key: name });
}

function renamed({ prefix, destinationPrefix }: MirrorOptions, key: Uint8Array): Uint8Array {
  return concatBytes([destinationPrefix, key.subarray(prefix.length)]);
}

/**
 * Does what may be done twice until it is done, whatever passing troubles an end has. Before `isMet`, the first trouble
 * is the end of it.
 */
async function persistently<T>(
  { clock, onTrouble, signal }: MirrorOptions,
  end: MirrorEnd,
  action: () => Promise<T>,
  isMet: () => boolean = () => true,
): Promise<T> {
  for (let pauseMs = pauseMinMs; ; pauseMs = Math.min(pauseMs * 2, pauseMaxMs)) {
    try {
      return await action();
    } catch (error) {
      if (signal?.aborted === true || !isPassing(error) || !isMet()) throw error;
      if (pauseMs === pauseMinMs) onTrouble(end, error);
    }
    await pause(clock, pauseMs, signal);
  }
}

/** Whether an error is the trouble of a member, or of the way to it, and not what it thinks of the request. */
function isPassing(error: unknown): error is EtcdError {
  if (!(error instanceof EtcdError)) return false;
  switch (error.code) {
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED':
    case 'INTERNAL':
      return true;
    case 'CANCELLED':
      // By a server that stops; without a cause it was our own client.
      return error.cause !== undefined;
    case 'RESOURCE_EXHAUSTED':
      return error.message === 'etcdserver: too many requests';
    default:
      return false;
  }
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(delayMs, resolve);
    const onAbort = () => {
      timer.cancel();
      resolve();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
