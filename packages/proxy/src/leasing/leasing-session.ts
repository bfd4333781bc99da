import type { Keyspace, Session } from '@quorate/client';
import { fromUtf8, toUtf8, type Clock, type Random } from '@quorate/std';
import { backOff } from '../back-off.ts';

/** What an owner is told who is to give up a key. */
export const revokeText = 'REVOKE';

/** Seconds until what a proxy owns is free when the proxy is gone; as etcd's sessions. */
const ttlSeconds = 60;

export interface LeasingSessionOptions {
  readonly keys: Keyspace;
  /** What stands before the keys that say who owns what. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Somebody wants this key, which we own or may own. */
  readonly onRevoked: (key: Uint8Array, modRevision: bigint) => void;
  /** Nobody owns this key any more. */
  readonly onReleased: (key: Uint8Array, modRevision: bigint) => void;
  /** Nothing is owned any more. */
  readonly onLost: () => void;
}

/** The lease that all a proxy owns hangs on, and the ear for those who want some of it. */
export class LeasingSession implements AsyncDisposable {
  readonly #options: LeasingSessionOptions;
  readonly #closed = new AbortController();
  readonly #running: Promise<void>;
  /** Once it is listened for those who want something. */
  #session: Session | undefined;

  constructor(options: LeasingSessionOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The lease, while it surely lives; undefined when nothing may be owned. */
  get leaseId(): bigint | undefined {
    return this.#session?.isAlive === true ? this.#session.leaseId : undefined;
  }

  /** Gives back all that is owned. */
  async close(): Promise<void> {
    this.#closed.abort(new Error('the proxy is closed'));
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#once(signal, () => (attempt = 1));
      } catch {
        // It is gone; a new one is made.
      }
      this.#session = undefined;
      this.#options.onLost();
      await backOff(attempt, { ...this.#options, signal });
    }
  }

  /** Until the session or the watch has ended. */
  async #once(closed: AbortSignal, onReady: () => void): Promise<void> {
    const { keys, prefix, onRevoked, onReleased } = this.#options;
    await using session = await keys.session({ ttlSeconds, signal: closed });
    const signal = AbortSignal.any([closed, session.signal]);
    const prefixBytes = fromUtf8(prefix).length;
    for await (const { kind, events } of keys.watch({ prefix, signal }).batches()) {
      if (kind === 'created') {
        this.#session = session;
        onReady();
      }
      for (const { type, kv } of events) {
        const key = kv.key.subarray(prefixBytes);
        if (type === 'delete') onReleased(key, kv.modRevision);
        else if (kv.lease === session.leaseId && toUtf8(kv.value) === revokeText) {
          onRevoked(key, kv.modRevision);
        }
      }
    }
  }
}
