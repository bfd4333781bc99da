import type { rpcpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import { toBytes, type Bytes } from './keys.ts';
import type { CallOptions } from './options.ts';
import type { Place, PlaceHolder } from './queue-place.ts';
import { compare, op } from './txn.ts';
import type { WaitOptions } from './session.ts';
import { withinLimits } from './time-limit.ts';
import type { Turn } from './turns.ts';

/** What a session holds at a place in a queue, while it is the first. */
abstract class Held implements AsyncDisposable {
  /** The key that stands for it. */
  readonly key: Uint8Array;
  /**
   * A number that only grows from holder to holder: the revision that created the key. Whatever is written for the
   * holder elsewhere can carry it along, and refuse smaller ones.
   */
  readonly fencingToken: bigint;
  /** The store's revision when it was found to be held: not before `fencingToken`, and later for who had to wait. */
  readonly heldSinceRevision: bigint;
  /**
   * The comparison that holds as long as this is held. With it in the `compare` of a transaction (of the client, or of
   * the namespace, that the session is of), nothing is written by one who only believes that he still holds it.
   */
  readonly guard: rpcpb.Compare;
  protected readonly holder: PlaceHolder;
  readonly #turn: Turn;
  #leaving: Promise<void> | undefined;

  constructor(holder: PlaceHolder, { key, createRevision, revision }: Place, turn: Turn) {
    this.holder = holder;
    this.key = key;
    this.fencingToken = createRevision;
    this.heldSinceRevision = revision;
    this.guard = compare.createRevision(key, '=', createRevision);
    this.#turn = turn;
  }

  /**
   * Whether it is surely held at this moment, as far as clocks can tell; not any more a while before the lease can end.
   * Between asking and acting time passes: `guard` and `fencingToken` are for what must not happen too late.
   */
  get isHeld(): boolean {
    return this.#leaving === undefined && this.holder.isAlive;
  }

  /** Aborts when the session ends, and this with it. */
  get signal(): AbortSignal {
    return this.holder.signal;
  }

  /** Deletes the key, so that it is the next one's turn. */
  protected leave(options: WaitOptions = {}): Promise<void> {
    this.#leaving ??= this.holder.release(this.key, this.#turn);
    return withinLimits(this.holder.connections.clock, this.#leaving, options);
  }

  /** As giving it back by name. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}

/** A lock that is held: `await using lock = await session.lock('name')`. */
export class Lock extends Held {
  /**
   * Gives the lock back. When no member can confirm that, it throws, and the session goes on trying in the background;
   * so it does when the caller waits no longer. Harmless when done twice.
   */
  unlock(options?: WaitOptions): Promise<void> {
    return this.leave(options);
  }
}

/** An election that was won, for as long as the session lives: `await using leadership = await session.campaign(…)`. */
export class Leadership extends Held {
  /**
   * Says something else as the leader.
   *
   * @throws EtcdError FAILED_PRECONDITION for one who is not the leader any more
   */
  async proclaim(value: Bytes, options: CallOptions = {}): Promise<rpcpb.ResponseHeader> {
    const { keyspace, leaseId } = this.holder;
    const put = op.put(this.key, toBytes(value), { lease: leaseId });
    const { succeeded, header } = await keyspace.txn({ compare: [this.guard], success: [put] }, options);
    if (!succeeded) throw new EtcdError('FAILED_PRECONDITION', 'election: not leader');
    return header;
  }

  /** Lets the next candidate lead. As with `Lock.unlock`, the session goes on trying when this throws. */
  resign(options?: WaitOptions): Promise<void> {
    return this.leave(options);
  }
}
