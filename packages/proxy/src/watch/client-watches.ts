import type { StreamCall } from '@quorate/rpc';
import { rpcpb } from '@quorate/wire';
import { encodeResponse, type EventBatch, type ResponseShape } from './event-batch.ts';
import type { Asker } from './progress-questions.ts';
import type { SharedWatches } from './shared-watches.ts';
import type { Subscriber, Subscription, WatchedRange } from './source.ts';

/** Responses that wait for a client that reads slowly. Beyond either of these its watchers pause where they are. */
const queueMaxDefault = { bytes: 4 * 1024 * 1024, responses: 4_096 };
/** Create requests that the member has not answered yet; the client is not read from meanwhile. */
const unansweredMax = 128;

const noId = -1n;
const duplicateId = 'mvcc: duplicate watch ID provided on the WatchStream';

/** What a client's stream needs of the proxy. */
export interface ClientWatchesOptions {
  readonly watches: SharedWatches;
  readonly call: Pick<StreamCall, 'send' | 'drained'>;
  /** The range that clients of a namespace mean. */
  readonly toUpstream: (range: WatchedRange) => WatchedRange;
  /** Ends the stream with this error. */
  readonly fail: (error: unknown) => void;
  /** Of a reason to end a watcher, the error that ends the stream instead; undefined for one that only ends the watcher. */
  readonly fatalReason: (reason: string) => unknown;
  /** How much may wait for the client; for tests. */
  readonly queueMax?: { readonly bytes: number; readonly responses: number };
}

/** A watcher, in the client's words. */
interface Watcher {
  readonly request: rpcpb.WatchCreateRequest;
  shape: ResponseShape;
  /** What it gets its events from, or got them from until it was paused. */
  subscription: Subscription;
}

/**
 * The watchers of one stream of a client. It gives them IDs and answers as a member does. A client that does not read
 * costs a bounded queue: when that is full its watchers leave what they share with others, and come back, from where
 * they were, when it has read.
 */
export class ClientWatches implements Asker {
  readonly #options: ClientWatchesOptions;
  readonly #watchers = new Map<bigint, Watcher>();
  /** Asked for and not answered yet, in order. */
  readonly #unanswered = new Set<Watcher>();
  /** Those of them whose client does not want them any more. */
  readonly #unwanted = new Set<Watcher>();
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #nextId = 0n;
  #isFull = false;
  #isPaused = false;
  #isClosed = false;
  #onAnswered: (() => void) | undefined;

  constructor(options: ClientWatchesOptions) {
    this.#options = options;
  }

  /** What its watchers have their events from. */
  get subscriptions(): Iterable<Subscription> {
    return [...this.#watchers.values(), ...this.#unanswered].map(({ subscription }) => subscription);
  }

  /** Watchers that the client has. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Does what a client asks for. Requests of no kind are passed over. Resolves when it can take another one. */
  async request({ requestUnion }: rpcpb.WatchRequest): Promise<void> {
    switch (requestUnion?.$case) {
      case 'createRequest':
        this.#create(requestUnion.value);
        break;
      case 'cancelRequest':
        this.#cancel(requestUnion.value.watchId);
        break;
      case 'progressRequest':
        if (this.#watchers.size > 0 || this.#unanswered.size > 0) this.#options.watches.askProgress(this);
        break;
      case undefined:
    }
    // A client that asks faster than it reads, or than a member answers, is not read from meanwhile.
    while (!this.#isClosed && (this.#unanswered.size >= unansweredMax || this.#isFull)) {
      await new Promise<void>((resolve) => (this.#onAnswered = resolve));
    }
  }

  progress(header: rpcpb.ResponseHeader | undefined): void {
    this.#send(encodeResponse({ header, watchId: noId }));
  }

  /** Ends all watchers; nothing is sent any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { watches } = this.#options;
    watches.forget(this);
    for (const subscription of this.subscriptions) watches.leave(subscription);
    this.#watchers.clear();
    this.#unanswered.clear();
    this.#queue.length = 0;
    this.#onAnswered?.();
  }

  #create(request: rpcpb.WatchCreateRequest): void {
    const { watches, toUpstream } = this.#options;
    const watcher: Watcher = {
      request,
      shape: shapeOf(request, 0n),
      subscription: watches.join(
        toUpstream(request),
        request.startRevision,
        this.#subscriber(() => watcher),
      ),
    };
    this.#unanswered.add(watcher);
  }

  /** Whoever made the subscription hears of it only after it has been made. */
  #subscriber(watcherOf: () => Watcher): Subscriber {
    return {
      created: (header) => this.#created(watcherOf(), header),
      refused: (response) => this.#refused(watcherOf(), response),
      events: (batch, firstRevision) => this.#events(watcherOf(), batch, firstRevision),
      progress: (header) => this.#progress(watcherOf(), header),
      canceled: (response) => this.#canceled(watcherOf(), response),
    };
  }

  #created(watcher: Watcher, header: rpcpb.ResponseHeader | undefined): void {
    this.#answered(watcher);
    const { watches } = this.#options;
    const { watchId: asked } = watcher.request;
    if (asked !== 0n && this.#watchers.has(asked)) {
      watches.leave(watcher.subscription);
      const refusal = { header, watchId: noId, created: true, canceled: true, cancelReason: duplicateId };
      return this.#send(encodeResponse(refusal));
    }
    const watchId = asked === 0n ? this.#freeId() : asked;
    watcher.shape = shapeOf(watcher.request, watchId);
    this.#watchers.set(watchId, watcher);
    this.#send(encodeResponse({ header, watchId, created: true }));
    if (this.#unwanted.delete(watcher)) this.#cancel(watchId);
    else if (this.#isPaused) watches.leave(watcher.subscription);
  }

  /** As a member's: the smallest one from the last one on that the stream does not have. */
  #freeId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #refused(watcher: Watcher, response: rpcpb.WatchResponse): void {
    this.#answered(watcher);
    this.#unwanted.delete(watcher);
    this.#send(encodeResponse({ ...response, watchId: noId }));
  }

  #answered(watcher: Watcher): void {
    this.#unanswered.delete(watcher);
    if (!this.#isFull) this.#onAnswered?.();
  }

  #events({ shape }: Watcher, batch: EventBatch, firstRevision: bigint): void {
    for (const response of batch.responses(firstRevision, shape)) this.#send(response);
  }

  #progress({ shape, request }: Watcher, header: rpcpb.ResponseHeader | undefined): void {
    if (request.progressNotify) this.#send(encodeResponse({ header, watchId: shape.watchId }));
  }

  #canceled({ shape: { watchId } }: Watcher, response: rpcpb.WatchResponse): void {
    this.#watchers.delete(watchId);
    const { header, compactRevision, cancelReason } = response;
    const fault = this.#options.fatalReason(cancelReason);
    if (fault !== undefined) return this.#options.fail(fault);
    this.#send(encodeResponse({ header, watchId, canceled: true, compactRevision, cancelReason }));
  }

  #cancel(watchId: bigint): void {
    const watcher = this.#watchers.get(watchId);
    if (watcher === undefined) {
      // One that was asked for by this ID a moment ago: it is created first.
      const asked = [...this.#unanswered].find(({ request }) => request.watchId === watchId);
      if (asked !== undefined && watchId !== 0n) this.#unwanted.add(asked);
      return;
    }
    const { watches } = this.#options;
    this.#watchers.delete(watchId);
    watches.leave(watcher.subscription);
    this.#send(encodeResponse({ header: watches.header, watchId, canceled: true }));
  }

  #send(response: Uint8Array): void {
    if (this.#isClosed) return;
    if (!this.#isFull) {
      if (!this.#options.call.send(response)) this.#waitForRoom();
      return;
    }
    this.#queue.push(response);
    this.#queuedBytes += response.length;
    const { bytes, responses } = this.#options.queueMax ?? queueMaxDefault;
    if (this.#queuedBytes > bytes || this.#queue.length > responses) this.#pause();
  }

  #waitForRoom(): void {
    this.#isFull = true;
    void this.#options.call.drained().then(() => this.#flush());
  }

  #flush(): void {
    this.#isFull = false;
    let sent = 0;
    for (const response of this.#queue) {
      if (this.#isFull || this.#isClosed) break;
      sent++;
      this.#queuedBytes -= response.length;
      if (!this.#options.call.send(response)) this.#waitForRoom();
    }
    this.#queue.splice(0, sent);
    if (this.#isFull || this.#isClosed) return;
    if (this.#isPaused) this.#resume();
    this.#onAnswered?.();
  }

  /** The queue is full: nothing more comes for watchers that have left. */
  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    for (const { subscription } of this.#watchers.values()) this.#options.watches.leave(subscription);
  }

  #resume(): void {
    this.#isPaused = false;
    for (const watcher of this.#watchers.values()) {
      watcher.subscription = this.#options.watches.rejoin(watcher.subscription);
    }
  }
}

function shapeOf({ prevKv, filters, fragment }: rpcpb.WatchCreateRequest, watchId: bigint): ResponseShape {
  return {
    watchId,
    prevKv,
    fragment,
    skipsPuts: filters.includes(rpcpb.WatchCreateRequest_FilterType.NOPUT),
    skipsDeletes: filters.includes(rpcpb.WatchCreateRequest_FilterType.NODELETE),
  };
}
