import { concatBytes, equalBytes, fromUtf8 } from '@quorate/std';
import { rpcpb, type mvccpb } from '@quorate/wire';
import { EtcdError } from '../errors.ts';
import { toKeyRange } from '../keys.ts';
import type { CallOptions } from '../options.ts';
import { persistently } from '../persistently.ts';
import { untilCleanedUp, untilDeleted, untilEvent, type PlaceHolder } from '../queue-place.ts';
import type { WaitOptions } from '../session.ts';
import { limitedSignal } from '../time-limit.ts';
import { noTurn } from '../turns.ts';
import { compare, op } from '../txn.ts';
import { uniqueName } from './unique-name.ts';

/** Who a double barrier is for. */
export interface DoubleBarrierOptions {
  /** How many enter together. */
  readonly count: number;
}

const oldestFirst = {
  sortTarget: rpcpb.RangeRequest_SortTarget.CREATE,
  sortOrder: rpcpb.RangeRequest_SortOrder.ASCEND,
};

/** The signal and the context of calls that wait. */
type Waiting = Required<Pick<CallOptions, 'context'>> & { readonly signal: AbortSignal };

/**
 * A barrier at which so many begin together, and end together: `enter` waits for the last to come, `leave` for the last
 * to go. Who comes when all are there is refused; the next round begins when everybody has left. Who is lost with its
 * session is not waited for at the end. Clients in Go (`recipe.DoubleBarrier`) meet at the same ones. Its keys are
 *
 *     <name>/waiters/<unique>   who is there, with the lease of his session
 *     <name>/ready              put by the last to come, deleted by the last to go
 */
export class DoubleBarrier {
  readonly #holder: PlaceHolder;
  readonly #count: number;
  readonly #waiters: Uint8Array;
  readonly #ready: Uint8Array;
  /** The key that stands for us, from `enter` until we have left. */
  #key: Uint8Array | undefined;

  /** @internal `Session.doubleBarrier` makes them. */
  constructor(holder: PlaceHolder, name: Uint8Array, { count }: DoubleBarrierOptions) {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new RangeError(`a double barrier is for one or more, and not for ${count}`);
    this.#holder = holder;
    this.#count = count;
    this.#waiters = concatBytes([name, fromUtf8('/waiters/')]);
    this.#ready = concatBytes([name, fromUtf8('/ready')]);
  }

  /**
   * Waits until so many have entered. However it ends before, nobody counts on us any more.
   *
   * @throws EtcdError FAILED_PRECONDITION `too many clients` when enough are there, LeaseLostError when the session ends
   *   first, the signal's reason
   */
  async enter(options: WaitOptions = {}): Promise<void> {
    if (this.#key !== undefined)
      throw new EtcdError('FAILED_PRECONDITION', 'the barrier was entered already');
    using limited = limitedSignal(this.#holder.connections.clock, options, this.#holder.signal);
    const { signal } = limited;
    signal.throwIfAborted();
    const key = concatBytes([this.#waiters, fromUtf8(uniqueName(this.#holder.connections.random))]);
    this.#key = key;
    const entering = this.#comeIn(key, { signal, context: options.context }).catch(async (error: unknown) => {
      await this.#goOut(key);
      signal.throwIfAborted();
      throw error;
    });
    await untilCleanedUp(this.#holder.connections, signal, entering);
  }

  /**
   * Waits until all have left. However it ends before, we have.
   *
   * @throws EtcdError FAILED_PRECONDITION for who has not entered; otherwise as `enter`
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    const key = this.#key;
    if (key === undefined) throw new EtcdError('FAILED_PRECONDITION', 'the barrier was not entered');
    using limited = limitedSignal(this.#holder.connections.clock, options, this.#holder.signal);
    const { signal } = limited;
    const leaving = this.#untilAllLeft(key, { signal, context: options.context }).finally(() =>
      this.#goOut(key),
    );
    await untilCleanedUp(this.#holder.connections, signal, leaving);
  }

  async #comeIn(key: Uint8Array, waiting: Waiting): Promise<void> {
    const { waiters } = await this.#add(key, waiting);
    const place = waiters.findIndex((waiter) => equalBytes(waiter.key, key));
    const own = waiters[place];
    if (own === undefined)
      throw new EtcdError('ABORTED', 'the place at the barrier is lost: its key was deleted');
    if (place >= this.#count) throw new EtcdError('FAILED_PRECONDITION', 'too many clients');
    if (place === this.#count - 1) await this.#open(waiting);
    else await this.#untilOpen(own.createRevision, waiting);
  }

  /** Puts our key; doing it twice is as good as once. It is not cancelled: it might be done all the same. */
  async #add(key: Uint8Array, { signal, context }: Waiting): Promise<{ waiters: mvccpb.KeyValue[] }> {
    const { keyspace, connections, leaseId } = this.#holder;
    const all = op.get({ prefix: this.#waiters }, { ...oldestFirst, keysOnly: true });
    const txn = {
      compare: [compare.version(key, '=', 0n)],
      success: [op.put(key, '', { lease: leaseId }), all],
      failure: [all],
    };
    try {
      const { responses } = await persistently(connections, signal, () => keyspace.txn(txn, { context }));
      const found = responses.at(-1)?.response;
      return { waiters: found?.$case === 'responseRange' ? found.value.kvs : [] };
    } catch (error) {
      // The server does not know the lease.
      if (error instanceof EtcdError && error.code === 'NOT_FOUND') this.#holder.leaseIsGone(error);
      throw error;
    }
  }

  /** We are the last to come. */
  async #open({ signal, context }: Waiting): Promise<void> {
    const { keyspace, connections } = this.#holder;
    await persistently(connections, signal, () => keyspace.put(this.#ready, '', { signal, context }));
  }

  /** As long as we are there, nobody deletes the key that says so. */
  async #untilOpen(sinceRevision: bigint, waiting: Waiting): Promise<void> {
    const { keyspace, connections } = this.#holder;
    for (;;) {
      const { kvs, header } = await persistently(connections, waiting.signal, () =>
        keyspace.kv.range({ key: this.#ready }, waiting),
      );
      // One of a round before is not for us.
      if ((kvs[0]?.modRevision ?? 0n) > sinceRevision) return;
      const startRevision = (header?.revision ?? 0n) + 1n;
      if (await untilEvent(keyspace, { key: this.#ready }, 'put', { ...waiting, startRevision })) return;
    }
  }

  /** The oldest leaves last: it waits for the newest, again and again, and all others for the oldest. */
  async #untilAllLeft(key: Uint8Array, waiting: Waiting): Promise<void> {
    const { keyspace, connections } = this.#holder;
    for (;;) {
      const range = { ...toKeyRange({ prefix: this.#waiters }), ...oldestFirst, keysOnly: true };
      const { kvs, header } = await persistently(connections, waiting.signal, () =>
        keyspace.kv.range(range, waiting),
      );
      const [oldest, newest] = [kvs[0], kvs.at(-1)];
      if (oldest === undefined || newest === undefined) return;
      const isOldest = equalBytes(oldest.key, key);
      if (isOldest && kvs.length === 1) {
        const close = { success: [op.delete({ key: this.#ready }), op.delete({ key })] };
        await persistently(connections, waiting.signal, () => keyspace.txn(close, waiting));
        this.#key = undefined;
        return;
      }
      if (!isOldest) await this.#goOut(key);
      const startRevision = (header?.revision ?? 0n) + 1n;
      await untilDeleted(keyspace, (isOldest ? newest : oldest).key, { ...waiting, startRevision });
    }
  }

  /** If no member confirms it, the session goes on trying as long as it lives. */
  async #goOut(key: Uint8Array): Promise<void> {
    if (this.#key === undefined) return;
    this.#key = undefined;
    await this.#holder.release(key, noTurn).catch(() => {});
  }
}
