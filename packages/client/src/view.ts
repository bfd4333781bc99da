import { copyBytes, toLatin1 } from '@quorate/std';
import type { mvccpb } from '@quorate/wire';
import { ChangeFeed } from './change-feed.ts';
import type { Connections } from './connections.ts';
import { CompactedError, EtcdError } from './errors.ts';
import { abortReason } from './grpc-values.ts';
import { toBytes, type Bytes, type KeySelector } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import type { CallOptions } from './options.ts';
import { persistently } from './persistently.ts';
import { sleep } from './sleep.ts';
import { limitedSignal, withinLimits } from './time-limit.ts';
import type { Watch, WatchBatch } from './watch.ts';

/** How often the server is asked how far it is, while somebody waits for a revision. */
const progressPauseMs = 100;

/** What is to be viewed. */
export type ViewOptions = KeySelector &
  Pick<CallOptions, 'signal' | 'context'> & {
    /** How long it may take until the view is complete. There is no limit but this; following has none. */
    readonly timeoutMs?: number | undefined;
    /** Keys read at a time; default 1000. */
    readonly pageSize?: number;
  };

/** A change of a view. */
export interface ViewChange {
  readonly type: 'put' | 'delete';
  readonly key: Uint8Array;
  /** The key now; undefined when it was deleted. */
  readonly kv: mvccpb.KeyValue | undefined;
  /** What the view had of it before. */
  readonly before: mvccpb.KeyValue | undefined;
  /** The revision of the change, or that of the listing which found it. */
  readonly revision: bigint;
}

/** See `Keyspace.view`. */
export async function openView(
  keyspace: Keyspace,
  connections: Connections,
  options: ViewOptions,
): Promise<View> {
  const { timeoutMs, ...others } = options;
  const view = new View(keyspace, connections, others);
  try {
    await withinLimits(connections.clock, view.untilReady, { timeoutMs });
    return view;
  } catch (error) {
    await view.close();
    throw error;
  }
}

/**
 * A copy of some keys, read once and then kept up by a watch. At every moment it is what the cluster had at `revision`:
 * all changes up to then are in it, those of one revision together, and none after. It may lag behind; `untilRevision`
 * waits until it does not. It never goes back.
 *
 * A watch that breaks goes on where it was. If compaction has removed what it missed, the keys are read anew, and the
 * difference is what changed. So `changes` has each change of the view once, and each begins with what the one before
 * left; only states in between that compaction has removed are never seen.
 */
export class View implements AsyncDisposable {
  /** @internal */
  readonly untilReady: Promise<void>;
  readonly #keyspace: Keyspace;
  readonly #connections: Connections;
  readonly #options: ViewOptions;
  readonly #closing = new AbortController();
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  readonly #feeds = new Set<ChangeFeed>();
  readonly #waiters = new Set<() => void>();
  readonly #kvs = new Map<string, mvccpb.KeyValue>();
  /** The keys in order; undefined when one came or went since somebody asked. */
  #sorted: string[] | undefined;
  #revision = 0n;
  #watch: Watch | undefined;
  #isAsking = false;

  /** @internal `Keyspace.view` makes them. */
  constructor(keyspace: Keyspace, connections: Connections, options: ViewOptions) {
    this.#keyspace = keyspace;
    this.#connections = connections;
    this.#options = options;
    const { signal } = options;
    const stop = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    this.untilReady = this.#list(stop);
    this.#running = this.#run(stop);
  }

  /** As of which revision the view is. */
  get revision(): bigint {
    return this.#revision;
  }

  /** How many keys it has. */
  get size(): number {
    return this.#kvs.size;
  }

  /** Aborts when the view is kept up no more: it was closed, or following failed for good. It keeps what it has. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** The key as of `revision`. */
  get(key: Bytes): mvccpb.KeyValue | undefined {
    return this.#kvs.get(toLatin1(toBytes(key)));
  }

  /** All keys in order, as of `revision` at the time of the call. */
  entries(): mvccpb.KeyValue[] {
    // The order of these strings is that of the bytes.
    this.#sorted ??= [...this.#kvs.keys()].sort((a, b) => (a < b ? -1 : 1));
    return this.#sorted.flatMap((id) => this.#kvs.get(id) ?? []);
  }

  /**
   * Changes from the moment of this call on, which are in the view by the time they are delivered. One who leaves more
   * than 100,000 waiting gets an EtcdError RESOURCE_EXHAUSTED.
   *
   * @throws what ended the view, EtcdError DEADLINE_EXCEEDED after `timeoutMs`, or the signal's reason
   */
  changes(options: Pick<CallOptions, 'signal' | 'timeoutMs'> = {}): AsyncIterableIterator<ViewChange> {
    const feed = new ChangeFeed();
    if (this.signal.aborted) feed.fail(abortReason(this.signal));
    else this.#feeds.add(feed);
    const limited = limitedSignal(this.#connections.clock, options);
    const reading = feed.read(limited.signal);
    const leave = () => {
      this.#feeds.delete(feed);
      limited[Symbol.dispose]();
    };
    return {
      next: async () => {
        try {
          return await reading.next();
        } catch (error) {
          leave();
          throw error;
        }
      },
      return: async () => {
        leave();
        return reading.return(undefined as never);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Waits until the view has all changes up to a revision, such as that of a write by anybody: then the view shows it.
   * Members of etcd before 3.5.8 could say too early that they are so far.
   *
   * @throws what ended the view, EtcdError DEADLINE_EXCEEDED after `timeoutMs`, or the signal's reason
   */
  async untilRevision(
    revision: bigint,
    options: Pick<CallOptions, 'signal' | 'timeoutMs'> = {},
  ): Promise<void> {
    using limited = limitedSignal(this.#connections.clock, options, this.signal);
    const { signal } = limited;
    while (this.#revision < revision) {
      signal.throwIfAborted();
      const woken = new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiters.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiters.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
      void this.#askForProgress();
      await woken;
    }
  }

  /** Follows no more. What the view has stays readable. Harmless when done twice. */
  async close(): Promise<void> {
    this.#closing.abort(new EtcdError('CANCELLED', 'the view is closed'));
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      await this.untilReady;
      for (;;) {
        await this.#follow(signal);
        await persistently(this.#connections, signal, () => this.#list(signal));
      }
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#ended.abort(reason);
      for (const feed of this.#feeds) feed.fail(reason);
      this.#feeds.clear();
    }
  }

  /** Until what comes next was compacted away. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { pageSize: _, ...selector } = this.#options;
    const startRevision = this.#revision + 1n;
    this.#watch = this.#keyspace.watch({ ...selector, signal, startRevision, progressNotify: true });
    try {
      for await (const batch of this.#watch.batches()) this.#receive(batch);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
    } finally {
      this.#watch = undefined;
    }
  }

  #receive({ kind, header, events }: WatchBatch): void {
    // Word that the watch was created says nothing of what is still on its way.
    if (kind === 'created') return;
    if (kind === 'progress') {
      this.#advance(header.revision, []);
      return;
    }
    const changes: ViewChange[] = [];
    for (const { type, kv } of events) {
      const change = this.#change(type, toLatin1(kv.key), kv, kv.modRevision);
      if (change !== undefined) changes.push(change);
    }
    this.#advance(events.at(-1)?.kv.modRevision ?? 0n, changes);
  }

  /** Reads all keys as of one revision, and makes the view be that. */
  async #list(signal: AbortSignal): Promise<void> {
    const { pageSize = 1_000, context } = this.#options;
    const found = new Map<string, mvccpb.KeyValue>();
    let listed: bigint | undefined;
    while (listed === undefined) {
      try {
        for await (const { revision, kvs } of this.#keyspace.pages(this.#options, {
          pageSize,
          signal,
          context,
        })) {
          for (const kv of kvs) found.set(toLatin1(kv.key), kv);
          listed = revision;
        }
      } catch (error) {
        if (!(error instanceof EtcdError) || error.code !== 'OUT_OF_RANGE') throw error;
        // A compaction between two pages.
        found.clear();
        listed = undefined;
      }
    }
    this.#become(found, listed);
  }

  #become(found: ReadonlyMap<string, mvccpb.KeyValue>, revision: bigint): void {
    // A member that is behind has nothing to tell us.
    if (revision < this.#revision) return;
    const changes: ViewChange[] = [];
    for (const [id, { key }] of [...this.#kvs]) {
      if (found.has(id)) continue;
      const change = this.#change('delete', id, { ...noKv, key }, revision);
      if (change !== undefined) changes.push(change);
    }
    for (const [id, kv] of found) {
      if (this.#kvs.get(id)?.modRevision === kv.modRevision) continue;
      const change = this.#change('put', id, kv, revision);
      if (change !== undefined) changes.push(change);
    }
    this.#advance(revision, changes);
  }

  /** Does a change, if it is one: filtered watches may tell of the end of what was never seen. */
  #change(
    type: ViewChange['type'],
    id: string,
    kv: mvccpb.KeyValue,
    revision: bigint,
  ): ViewChange | undefined {
    const before = this.#kvs.get(id);
    if (type === 'delete') {
      if (before === undefined) return undefined;
      this.#kvs.delete(id);
      this.#sorted = undefined;
      return { type, key: before.key, kv: undefined, before, revision };
    }
    if (before === undefined) this.#sorted = undefined;
    // What is kept must not keep the whole message that it came in.
    const own = { ...kv, key: before?.key ?? copyBytes(kv.key), value: copyBytes(kv.value) };
    this.#kvs.set(id, own);
    return { type, key: own.key, kv: own, before, revision };
  }

  #advance(revision: bigint, changes: readonly ViewChange[]): void {
    if (revision > this.#revision) this.#revision = revision;
    for (const feed of this.#feeds) {
      if (!feed.add(changes)) this.#feeds.delete(feed);
    }
    for (const wake of [...this.#waiters]) wake();
  }

  /** Asks now, and again as long as somebody waits: what a watch that breaks was asked is not answered. */
  async #askForProgress(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      while (this.#waiters.size > 0 && !this.signal.aborted) {
        this.#watch?.requestProgress();
        await sleep(this.#connections.clock, progressPauseMs, this.signal);
      }
    } catch {
      // The view has ended, which whoever waits hears elsewhere.
    } finally {
      this.#isAsking = false;
    }
  }
}

const noKv = {
  ...{ value: new Uint8Array(0), createRevision: 0n, modRevision: 0n, version: 0n, lease: 0n },
};
