import { equalBytes, type Timer } from '@quorate/std';
import type { Connections } from './connections.ts';
import { EtcdError, LeaseLostError } from './errors.ts';
import { toBytes, type Bytes } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import type { HeldLease, Renewal } from './lease.ts';
import { Leadership, Lock } from './lock.ts';
import type { CallOptions } from './options.ts';
import { isPassing, persistently } from './persistently.ts';
import { positionOf, tryPlace, waitForPlace, type PlaceHolder, type Position } from './queue-place.ts';
import { DoubleBarrier, type DoubleBarrierOptions } from './recipes/double-barrier.ts';
import { readerPosition, writerPosition } from './recipes/read-write-lock.ts';
import { limitedSignal, withinLimits } from './time-limit.ts';
import { noTurn, Turns, type Turn } from './turns.ts';

/** As etcd's own clients have it. */
const ttlSecondsDefault = 60;
/** The part of its time to live that a lease is not counted upon: clocks need not run at the same rate. */
const marginPart = 0.1;

/** How a session is opened. */
export interface SessionOptions extends Pick<CallOptions, 'signal' | 'timeoutMs' | 'context'> {
  /** How long what the session holds outlives it when it breaks. Default 60; servers have a smallest one. */
  readonly ttlSeconds?: number;
  /** A lease that exists, to go on with in place of a new one. */
  readonly leaseId?: bigint;
}

/** How long to wait for a turn. There is no limit but these. */
export type WaitOptions = Pick<CallOptions, 'signal' | 'timeoutMs' | 'context'>;

/** See `Keyspace.session`. */
export async function openSession(
  keyspace: Keyspace,
  connections: Connections,
  { ttlSeconds = ttlSecondsDefault, leaseId, ...options }: SessionOptions,
): Promise<Session> {
  const { clock } = connections;
  const sent = { sentAtMs: clock.now(), sentAtWallMs: clock.wallMs() };
  const { ID, TTL } =
    leaseId === undefined
      ? await keyspace.lease.grant({ ttlSeconds }, options)
      : await keyspace.lease.keepAliveOnce(leaseId, {
          ...options,
          timeoutMs: options.timeoutMs ?? connections.requestTimeoutMs,
        });
  const granted = { id: ID, ttlMs: Number(TTL) * 1000, ...sent };
  return new Session(keyspace, connections, granted, options.context);
}

/**
 * A lease that is kept alive, and the locks and elections held with it. Dispose of it, or `close` it, to give all of
 * that back: `await using session = await client.session()`.
 *
 * When the lease is lost, or could be (it was not renewed in time), `signal` aborts with a LeaseLostError: before
 * the server can have given what the session holds to another, by the local clock. A session that is lost stays so.
 */
export class Session implements AsyncDisposable {
  /** Attach keys to this lease to have them end with the session. */
  readonly leaseId: bigint;
  readonly #keyspace: Keyspace;
  readonly #connections: Connections;
  readonly #turns = new Turns();
  readonly #ended = new AbortController();
  readonly #renewing: Promise<void>;
  readonly #stopRenewing = new AbortController();
  readonly #holder: PlaceHolder;
  #ttlMs = 0;
  /** Until when the lease surely lives: by the clock that does not jump, and by that which a sleeping machine keeps. */
  #sureUntilMs = 0;
  #sureUntilWallMs = 0;
  #timer: Timer | undefined;
  #closing: Promise<void> | undefined;

  /** @internal `Keyspace.session` makes them. */
  constructor(
    keyspace: Keyspace,
    connections: Connections,
    { id, ...granted }: Pick<Renewal, 'ttlMs' | 'sentAtMs' | 'sentAtWallMs'> & { readonly id: bigint },
    context: unknown,
  ) {
    this.leaseId = id;
    this.#keyspace = keyspace;
    this.#connections = connections;
    this.#holder = this.#asHolder();
    this.#renewed(granted);
    const { ttlMs, sentAtMs } = granted;
    const held = { id, ttlMs, expiresAtMs: sentAtMs + ttlMs, firstAfterMs: ttlMs / 3 };
    this.#renewing = this.#renew(held, context);
  }

  /** Aborts when the session ends: with a LeaseLostError, or an EtcdError CANCELLED when it was closed. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Whether the lease surely lives, as far as the local clock can tell. */
  get isAlive(): boolean {
    if (this.signal.aborted) return false;
    const { clock } = this.#connections;
    return clock.now() < this.#sureUntilMs && clock.wallMs() < this.#sureUntilWallMs;
  }

  /**
   * Waits until the lock of this name is this session's. Clients in Go, and `v3lockpb.Lock`, take the same locks. Two
   * who lock the same name by one session wait for each other, too.
   *
   * However it ends without the lock, by its signal, its time limit or an error, no key is left in the queue: that is
   * waited for.
   *
   * @throws LeaseLostError when the session ends first, EtcdError, or the signal's reason
   */
  async lock(name: Bytes, options: WaitOptions = {}): Promise<Lock> {
    const { place, turn } = await this.#takePlace(toBytes(name), new Uint8Array(0), options);
    return new Lock(this.#holder, place, turn);
  }

  /**
   * Waits until nobody writes under this name, nor waited for that earlier: then any number of sessions read together.
   * Keys are those of `RWMutex` of clients in Go, apart from those of `lock`. Ends and fails as `lock` does.
   *
   * Each call is a reader of its own. Who reads and then wants to write waits for himself.
   */
  readLock(name: Bytes, options: WaitOptions = {}): Promise<Lock> {
    return this.#lockAt(readerPosition(toBytes(name), this.#connections.random), options);
  }

  /** Waits until nobody reads or writes under this name, nor waited for that earlier; see `readLock`. */
  writeLock(name: Bytes, options: WaitOptions = {}): Promise<Lock> {
    return this.#lockAt(writerPosition(toBytes(name), this.#connections.random), options);
  }

  /** A barrier at which `count` wait for one another, of whom this session is one; nothing is sent before it is entered. */
  doubleBarrier(name: Bytes, options: DoubleBarrierOptions): DoubleBarrier {
    return new DoubleBarrier(this.#holder, toBytes(name), options);
  }

  /** The lock if nobody holds it or waits for it, otherwise undefined; others never see us in their queue. */
  async tryLock(name: Bytes, options: WaitOptions = {}): Promise<Lock | undefined> {
    const bytes = toBytes(name);
    using limited = limitedSignal(this.#connections.clock, options, this.signal);
    limited.signal.throwIfAborted();
    const turn = this.#turns.tryTake(bytes);
    if (turn === undefined) return undefined;
    const { signal } = limited;
    const position = positionOf(bytes, this.leaseId);
    const wanted = { ...position, value: new Uint8Array(0), turn, signal, context: options.context };
    const place = await tryPlace(this.#holder, wanted);
    return place === undefined ? undefined : new Lock(this.#holder, place, turn);
  }

  /** Stands for election with what to say as the leader, and waits to be elected. Fails as `lock` does. */
  async campaign(name: Bytes, value: Bytes, options: WaitOptions = {}): Promise<Leadership> {
    const proposal = toBytes(value);
    const { place, turn } = await this.#takePlace(toBytes(name), proposal, options);
    const leadership = new Leadership(this.#holder, place, turn);
    // Who took over a lease, with its place, may have something else to say.
    if (place.oldValue !== undefined && !equalBytes(place.oldValue, proposal)) {
      await leadership.proclaim(proposal, options);
    }
    return leadership;
  }

  /**
   * Ends the session: all that it holds is given back at once, by revoking the lease. When no member confirms that, the
   * lease ends by itself when its time is over. Harmless when done twice. Whoever does not want to wait for the end may
   * leave; it goes on.
   */
  close(options: WaitOptions = {}): Promise<void> {
    this.#closing ??= this.#close({ revoke: !this.signal.aborted, context: options.context });
    return withinLimits(this.#connections.clock, this.#closing, options);
  }

  /** Ends the session without revoking the lease: what hangs on it stays until somebody else lets it end. */
  orphan(): Promise<void> {
    this.#closing ??= this.#close({ revoke: false });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #takePlace(name: Uint8Array, value: Uint8Array, options: WaitOptions) {
    using limited = limitedSignal(this.#connections.clock, options, this.signal);
    const { signal } = limited;
    const turn = await this.#turns.take(name, signal);
    const wanted = { ...positionOf(name, this.leaseId), value, turn, signal, context: options.context };
    return { place: await waitForPlace(this.#holder, wanted), turn };
  }

  async #lockAt(position: Position, options: WaitOptions): Promise<Lock> {
    using limited = limitedSignal(this.#connections.clock, options, this.signal);
    const { signal } = limited;
    signal.throwIfAborted();
    const wanted = { ...position, value: new Uint8Array(0), turn: noTurn, signal, context: options.context };
    return new Lock(this.#holder, await waitForPlace(this.#holder, wanted), noTurn);
  }

  #asHolder(): PlaceHolder {
    const isAlive = () => this.isAlive;
    return {
      keyspace: this.#keyspace,
      connections: this.#connections,
      leaseId: this.leaseId,
      signal: this.signal,
      get isAlive() {
        return isAlive();
      },
      leaseIsGone: (cause) => {
        this.#lose(new LeaseLostError(this.leaseId, { cause }));
        this.signal.throwIfAborted();
      },
      release: (key, turn) => this.#release(key, turn),
    };
  }

  async #release(key: Uint8Array, turn: Turn): Promise<void> {
    try {
      await this.#keyspace.delete(key);
      turn.giveBack();
    } catch (error) {
      // Whatever the session held goes with its lease.
      if (this.signal.aborted) return;
      // The key must not stay, for as long as the lease is kept alive, in the way of all behind it.
      const again = () => this.#keyspace.delete(key);
      const released = isPassing(error) ? persistently(this.#connections, this.signal, again) : undefined;
      void Promise.resolve(released)
        .catch(() => {})
        .finally(() => turn.giveBack());
      throw error;
    }
  }

  async #renew(held: HeldLease, context: unknown): Promise<void> {
    const { signal } = this.#stopRenewing;
    try {
      const renewals = this.#keyspace.lease.renewals(held, { signal, context });
      for await (const renewal of renewals) this.#renewed(renewal);
    } catch (error) {
      if (signal.aborted) return;
      const lost = error instanceof LeaseLostError;
      this.#lose(lost ? error : new LeaseLostError(this.leaseId, { cause: error }));
    }
  }

  #renewed({ ttlMs, sentAtMs, sentAtWallMs }: Pick<Renewal, 'ttlMs' | 'sentAtMs' | 'sentAtWallMs'>): void {
    const { clock } = this.#connections;
    const sureMs = ttlMs * (1 - marginPart);
    this.#ttlMs = ttlMs;
    this.#sureUntilMs = sentAtMs + sureMs;
    this.#sureUntilWallMs = sentAtWallMs + sureMs;
    this.#timer?.cancel();
    if (this.signal.aborted) return;
    const onTimeOver = () => this.#lose(new LeaseLostError(this.leaseId));
    this.#timer = clock.after(Math.max(0, this.#sureUntilMs - clock.now()), onTimeOver);
  }

  #lose(reason: Error): void {
    this.#timer?.cancel();
    this.#stopRenewing.abort(reason);
    this.#ended.abort(reason);
  }

  async #close({ revoke, context }: { readonly revoke: boolean; readonly context?: unknown }): Promise<void> {
    this.#lose(new EtcdError('CANCELLED', 'the session is closed'));
    await this.#renewing;
    if (!revoke) return;
    const timeoutMs = Math.min(this.#ttlMs, this.#connections.requestTimeoutMs);
    try {
      await this.#keyspace.lease.revoke(this.leaseId, { timeoutMs, context });
    } catch (error) {
      // Gone already, or nobody to ask: then it ends by itself.
      if (!(error instanceof EtcdError)) throw error;
    }
  }
}
