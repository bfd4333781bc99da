import { rpcpb, type mvccpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { EtcdError, WatchCanceledError, watchCanceledError } from './errors.ts';
import { noPrefix, type KeyPrefix } from './key-prefix.ts';
import { toKeyRange, type KeyRange, type KeySelector } from './keys.ts';
import { encodeMessage, methodPath } from './method.ts';
import type { CallOptions } from './options.ts';
import type { DuplexStream } from './streams.ts';
import { renewalsMax } from './tokens.ts';

/** What to watch, and from where on. */
export type WatchOptions = KeySelector &
  Omit<CallOptions, 'timeoutMs'> & {
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
 * Each watch has a stream of its own: one consumer that is slow holds back nobody else, and what it has not
 * taken yet waits at the server rather than in this process.
 */
export class Watch implements AsyncIterable<WatchEvent> {
  readonly #connections: Connections;
  readonly #options: WatchOptions;
  readonly #range: KeyRange;
  readonly #prefix: KeyPrefix;
  /** 0 until known: the server starts after its current revision, and says which that was. */
  #nextRevision: bigint;
  #created = false;
  #stream: DuplexStream | undefined;
  /** Events of a revision that comes in fragments; dropped when the stream breaks before the last of them. */
  #fragments: WatchEvent[] = [];

  constructor(connections: Connections, options: WatchOptions, prefix: KeyPrefix = noPrefix) {
    this.#connections = connections;
    this.#options = options;
    this.#prefix = prefix;
    this.#range = prefix.addToWatched(toKeyRange(options));
    this.#nextRevision = options.startRevision ?? 0n;
  }

  /** The events, one by one. @throws CompactedError, EtcdError, or the signal's reason */
  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void, undefined> {
    for await (const batch of this.batches()) yield* batch.events;
  }

  /** The events as they arrive together, with headers, and word of progress. Throws as iterating does. */
  async *batches(): AsyncGenerator<WatchBatch, never, undefined> {
    const { signal, endpoint, requireLeader = true } = this.#options;
    const path = methodPath(rpcpb.WatchDefinition, rpcpb.WatchDefinition.methods.watch);
    for (let failures = 0, renewals = 0; ; failures++) {
      let opened: DuplexStream | undefined;
      let renewed = false;
      let failure: Error | undefined;
      try {
        using stream = await this.#connections.duplexStream(path, { signal, endpoint, requireLeader });
        opened = stream;
        this.#stream = stream;
        this.#fragments = [];
        stream.send(this.#createRequest());
        for await (const message of stream) {
          const batch = this.#receive(rpcpb.WatchResponse.decode(message));
          failures = renewals = 0;
          if (batch !== undefined) yield batch;
        }
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        failure = error;
        renewed = opened !== undefined && this.#connections.renewToken(opened.login, error);
        if (renewed ? renewals++ === renewalsMax : !canResumeAfter(error)) throw error;
      } finally {
        this.#stream = undefined;
      }
      // A member that refuses a token is well; one whose stream broke may not be.
      if (!renewed) this.#connections.rotate();
      this.#connections.watchResumed(this.#nextRevision, failure);
      await this.#connections.pause(failures + 1, signal);
    }
  }

  /** Asks the server to say how far it is; the answer is a `progress` batch. Nothing is sent while reconnecting. */
  requestProgress(): void {
    const progressRequest = { $case: 'progressRequest', value: {} } as const;
    this.#stream?.send(encodeMessage(rpcpb.WatchRequest, { requestUnion: progressRequest }));
  }

  #createRequest(): Uint8Array {
    const { progressNotify = false, prevKv = false, filters = [] } = this.#options;
    const { NOPUT, NODELETE } = rpcpb.WatchCreateRequest_FilterType;
    const value = {
      ...this.#range,
      startRevision: this.#nextRevision,
      progressNotify,
      filters: filters.map((filter) => (filter === 'noPut' ? NOPUT : NODELETE)),
      prevKv,
      watchId: 0n,
      fragment: true,
    };
    return encodeMessage(rpcpb.WatchRequest, { requestUnion: { $case: 'createRequest', value } });
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
  if (error.code === 'UNAVAILABLE' || error.code === 'INTERNAL') return true;
  // A stream is also CANCELLED by a server that stops; unsent, it was our own client that closed.
  return error.code === 'CANCELLED' && error.cause !== undefined;
}
