import type { mvccpb, rpcpb } from '@quorate/wire';
import { LRUCache } from 'lru-cache';

/** Keys that a proxy owns, and of those that it lately gave up. */
const keysMax = 2_048;
/** How long a key that somebody has written is left alone: it would be taken away again. */
const backOffMs = 2_000;

/** A key that nobody else writes without asking. */
export interface OwnedKey {
  /** The revision that made it ours. */
  readonly since: bigint;
  /** What it holds; undefined when it does not exist. */
  kv: mvccpb.KeyValue | undefined;
  /** Of the answer that said so. */
  header: rpcpb.ResponseHeader;
  /** Own writes under way: what it holds is not known meanwhile. */
  writes: number;
}

/** An attempt to own a key, under way. */
export interface Acquisition {
  /** The owner was asked to give it up meanwhile. */
  isRevoked: boolean;
}

/**
 * What a proxy owns, by key. Whoever reads is to ask for a key, decide, and answer without waiting in between: a key that
 * was given up is not there any more.
 */
export class OwnedKeys {
  readonly #owned: LRUCache<string, OwnedKey>;
  readonly #givenUp: LRUCache<string, true>;
  readonly #acquisitions = new Map<string, Set<Acquisition>>();
  #onWritten: (() => void)[] = [];

  constructor({
    now,
    onEvicted,
  }: {
    readonly now: () => number;
    readonly onEvicted: (key: string, owned: OwnedKey) => void;
  }) {
    this.#owned = new LRUCache<string, OwnedKey>({
      max: keysMax,
      disposeAfter: (owned, key, reason) => {
        if (reason === 'evict') onEvicted(key, owned);
      },
    });
    this.#givenUp = new LRUCache<string, true>({
      max: keysMax,
      ttl: backOffMs,
      ttlResolution: 0,
      perf: { now },
    });
  }

  get size(): number {
    return this.#owned.size;
  }

  get(key: string): OwnedKey | undefined {
    return this.#owned.get(key);
  }

  /** Whether it is of use to own this key. */
  mayAcquire(key: string): boolean {
    return !this.#givenUp.has(key);
  }

  begin(key: string): Acquisition {
    const acquisition = { isRevoked: false };
    const underWay = this.#acquisitions.get(key) ?? new Set();
    this.#acquisitions.set(key, underWay.add(acquisition));
    return acquisition;
  }

  end(key: string, acquisition: Acquisition): void {
    const underWay = this.#acquisitions.get(key);
    underWay?.delete(acquisition);
    if (underWay?.size === 0) this.#acquisitions.delete(key);
  }

  /** The key is ours from now on. */
  add(key: string, owned: OwnedKey): void {
    this.#owned.set(key, owned);
  }

  /** The key is not ours from this moment on, nor does an attempt that is under way make it so. */
  giveUp(key: string): void {
    this.#givenUp.set(key, true);
    this.forget(key);
  }

  /** The key is nobody's: it may be ours again at once. An attempt that is under way may have been before that. */
  forget(key: string): void {
    this.#owned.delete(key);
    for (const acquisition of this.#acquisitions.get(key) ?? []) acquisition.isRevoked = true;
    this.#wake();
  }

  /** Nothing is. */
  giveUpAll(): void {
    this.#owned.clear();
    for (const underWay of this.#acquisitions.values()) {
      for (const acquisition of underWay) acquisition.isRevoked = true;
    }
    this.#wake();
  }

  /** An own write of it has ended. */
  written(owned: OwnedKey): void {
    owned.writes--;
    this.#wake();
  }

  /** Resolves when an own write has ended, or a key was given up. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#onWritten.push(resolve));
  }

  #wake(): void {
    for (const onWritten of this.#onWritten.splice(0)) onWritten();
  }
}
