import { rpcpb, type mvccpb } from '@quorate/wire';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Connections } from './connections.ts';
import { EtcdError, WatchCanceledError, watchCanceledError } from './errors.ts';
import { noPrefix, type KeyPrefix } from './key-prefix.ts';
import { toKeyRange, type KeyRange, type KeySelector } from './keys.ts';
import type { CallOptions } from './options.ts';
import { WatchOverflowError } from './shared-stream.ts';
import { limitedSignal } from './time-limit.ts';
import { renewalsMax } from './tokens.ts';
import { OwnStreams, type WatchChannel, type WatchSource } from './watch-source.ts';

/** What to watch, and from where on. */
export type WatchOptions = KeySelector &
  CallOptions & {
    /** The first revision to hear of. Left out: the one after the current. */
    readonly startRevision?: bigint;
    /** Deliver with each event what the key held before. */
    readonly prevKv?: boolean;
    /** Kinds of events to leave out. */
    readonly filters?: readonly ('noPut' | 'noDelete')[];
    /** Have the server say now and then how far it is, while nothing happens. */
    readonly progressNotify?: boolean;
  };

/** A change of a key. */
export interface WatchEvent {
  readonly type: 'put' | 'delete';
  /** The key as the change left it; of a deleted one only `key` and `modRevision` are set. */
  readonly kv: mvccpb.KeyValue;
  /** The key before the change: with `prevKv`, if there was one and compaction has left it. */
  readonly prevKv: mvccpb.KeyValue | undefined;
}

/** What came in one piece: all events of a revision together, or word of how far the server is. */
export interface WatchBatch {
  /**
   * `created` comes first and once: from here on nothing is missed. `progress`: every event up to the header's
   * revision has been delivered.
   */
  readonly kind: 'created' | 'events' | 'progress';
  readonly header: rpcpb.ResponseHeader;
  /** In order of revision; all events of one revision are in one batch. */
  readonly events: readonly WatchEvent[];
}

/**
 * Events of some keys, in order, without gaps or repetitions, for as long as it is iterated: when a member
 * fails, the watch goes on at the next one with the revision that comes after the last batch delivered. It ends
 * by `break`, by its signal, or by an error that resuming cannot help.
 *
 * Each watch has a stream of its own, unless it is of a `WatchGroup`: one consumer that is slow holds back nobody else,
 * and what it has not taken yet waits at the server rather than in this process.
 */
export class Watch implements AsyncIterable<WatchEvent> {
  readonly #connections: Connections;
  readonly #options: WatchOptions;
  readonly #range: KeyRange;
  readonly #prefix: KeyPrefix;
  readonly #source: WatchSource;
  /** Runs what opens streams in the asynchronous context of whoever made the watch, to whose trace they belong. */
  readonly #asMaker = AsyncLocalStorage.snapshot();
  /** 0 until known: the server starts after its current revision, and says which that was. */
  #nextRevision: bigint;
  #created = false;
  #channel: WatchChannel | undefined;
  /** New tokens asked for in a row. */
  #renewals = 0;
  /** Events of a revision that comes in fragments; dropped when the stream breaks before the last of them. */
  #fragments: WatchEvent[] = [];

  /** @internal `Keyspace.watch` and `WatchGroup.watch` make them. */
  constructor(
    connections: Connections,
    options: WatchOptions,
    {
      prefix = noPrefix,
      source = new OwnStreams(connections),
    }: { readonly prefix?: KeyPrefix; readonly source?: WatchSource } = {},
  ) {
    this.#connections = connections;
    this.#options = options;
    this.#prefix = prefix;
    this.#source = source;
    this.#range = prefix.addToWatched(toKeyRange(options));
    this.#nextRevision = options.startRevision ?? 0n;
  }

  /** The events, one by one. @throws CompactedError, EtcdError, or the signal's reason */
  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void, undefined> {
    for await (const batch of this.batches()) yield* batch.events;
  }

  /** The events as they arrive together, with headers, and word of progress. Throws as iterating does. */
  async *batches(): AsyncGenerator<WatchBatch, never, undefined> {
    using limited = limitedSignal(this.#connections.clock, this.#options);
    for (let failures = 0; ; failures++) {
      try {
        using channel = await this.#open(limited.signal);
        for await (const response of channel.responses()) {
          const batch = this.#receive(response);
          failures = this.#renewals = 0;
          if (batch !== undefined) yield batch;
        }
        this.#broken(undefined);
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        this.#broken(error);
      }
      await this.#connections.pause(failures + 1, limited.signal);
    }
  }

  async #open(signal: AbortSignal): Promise<WatchChannel> {
    const { endpoint, requireLeader = true, metadata, context } = this.#options;
    const options = { signal, endpoint, requireLeader, metadata, context };
    this.#fragments = [];
    this.#channel = undefined;
    this.#channel = await this.#asMaker(() => this.#source.open(this.#createRequest(), options));
    return this.#channel;
  }

  /** Prepares for another channel after one that ended. @throws the error when another would not help */
  #broken(error: EtcdError | undefined): void {
    const channel = this.#channel;
    this.#channel = undefined;
    let byToken = false;
    if (error !== undefined) {
      byToken = channel !== undefined && this.#connections.renewToken(channel.login, error);
      if (byToken ? this.#renewals++ === renewalsMax : !canResumeAfter(error)) throw error;
    }
    if (channel !== undefined) this.#source.broken(channel, { byToken });
    this.#connections.watchResumed(this.#nextRevision, error);
  }

  /** Asks the server to say how far it is; the answer is a `progress` batch. Nothing is sent while reconnecting. */
  requestProgress(): void {
    this.#channel?.requestProgress();
  }

  #createRequest(): rpcpb.WatchCreateRequest {
    const { progressNotify = false, prevKv = false, filters = [] } = this.#options;
    const { NOPUT, NODELETE } = rpcpb.WatchCreateRequest_FilterType;
    return {
      ...this.#range,
      startRevision: this.#nextRevision,
      progressNotify,
      filters: filters.map((filter) => (filter === 'noPut' ? NOPUT : NODELETE)),
      prevKv,
      watchId: 0n,
      fragment: true,
    };
  }

  #receive(response: rpcpb.WatchResponse): WatchBatch | undefined {
    const { header } = response;
    if (response.canceled) throw watchCanceledError(response);
    if (header === undefined) throw new EtcdError('INTERNAL', 'a watch response came without a header');
    if (response.created) return this.#receiveCreated(header);
    for (const event of response.events) this.#fragments.push(this.#toWatchEvent(event));
    if (response.fragment) return undefined;
    const events = this.#fragments;
    this.#fragments = [];
    const last = events.at(-1);
    if (last !== undefined) {
      this.#connections.seen.note(header);
      this.#nextRevision = last.kv.modRevision + 1n;
      return { kind: 'events', header, events };
    }
    // An answer to requestProgress (watch ID -1) is not built upon: etcd before 3.5.8 could send one too early.
    if (response.watchId !== -1n && header.revision >= this.#nextRevision) {
      this.#nextRevision = header.revision + 1n;
    }
    return { kind: 'progress', header, events };
  }

  #toWatchEvent({ type, kv, prevKv }: mvccpb.Event): WatchEvent {
    if (kv === undefined) throw new EtcdError('INTERNAL', 'a watch event came without a key');
    const [now, before] = [this.#prefix.stripKv(kv), this.#prefix.stripKv(prevKv)];
    return { type: type === 0 ? 'put' : 'delete', kv: now, prevKv: before };
  }

  #receiveCreated(header: rpcpb.ResponseHeader): WatchBatch | undefined {
    if (this.#nextRevision === 0n) this.#nextRevision = header.revision + 1n;
    if (this.#created) return undefined;
    this.#created = true;
    return { kind: 'created', header, events: [] };
  }
}

/** Whether another stream may go on where this one broke: the member or the way to it failed, not the request. */
function canResumeAfter(error: EtcdError): boolean {
  if (error instanceof WatchCanceledError) return false;
  if (error instanceof WatchOverflowError) return true;
  if (error.code === 'UNAVAILABLE' || error.code === 'INTERNAL') return true;
  // A stream is also CANCELLED by a server that stops; unsent, it was our own client that closed.
  return error.code === 'CANCELLED' && error.cause !== undefined;
}
