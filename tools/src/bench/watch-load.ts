import { fromUtf8, invariant } from '@quorate/std';
import { encodePutRequest, rpcpb } from '@quorate/wire';
import { valueOf, valueSize } from './dataset.ts';
import { LoadConnection, type LoadStream } from './load-connection.ts';
import type { OperationSink } from './load-window.ts';
import { numberAt, ReplyFields, revisionOf } from './reply-fields.ts';

const watchedKey = fromUtf8('watched');

/**
 * One put after the other, each to `watchers` watchers; the next put goes out when all of them have seen the
 * last one. An operation is an event that has arrived, its latency the time since its put was sent.
 */
export async function runWatch(options: {
  readonly endpoint: string;
  readonly connections: number;
  readonly watchers: number;
  readonly window: OperationSink;
}): Promise<void> {
  const { endpoint, window } = options;
  const ended = Promise.withResolvers<void>();
  const writer = await LoadConnection.connect({
    endpoint,
    path: '/etcdserverpb.KV/Put',
    onError: ended.reject,
  });
  const listeners = await Promise.all(
    Array.from({ length: options.connections }, () =>
      LoadConnection.connect({ endpoint, path: '/etcdserverpb.Watch/Watch', onError: ended.reject }),
    ),
  );
  const round = new WatchRound({ writer, watchers: options.watchers, window, onEnd: ended.resolve });
  const perStream = options.watchers / listeners.length;
  invariant(Number.isInteger(perStream), 'watchers are spread evenly over the streams');
  for (const listener of listeners) {
    const stream: LoadStream = listener.stream((message) => round.onMessage(message));
    for (let i = 0; i < perStream; i++) stream.send(createRequest);
  }
  try {
    await ended.promise;
  } finally {
    writer.close();
    for (const listener of listeners) listener.close();
  }
}

const createRequest = rpcpb.WatchRequest.encode({
  requestUnion: {
    $case: 'createRequest',
    value: {
      key: watchedKey,
      rangeEnd: new Uint8Array(0),
      startRevision: 0n,
      progressNotify: false,
      filters: [],
      prevKv: false,
      watchId: 0n,
      fragment: false,
    },
  },
}).finish();

/** A put, and who has seen it. */
class WatchRound {
  readonly #writer: LoadConnection;
  readonly #watchers: number;
  readonly #window: OperationSink;
  readonly #onEnd: () => void;
  #created = 0;
  /** Sum of all watch IDs: that of the watchers which have seen the event must be the same. */
  #idSum = 0;
  #seenIdSum = 0;
  #seen = 0;
  #eventRevision = 0;
  #putRevision = 0;
  #puts = 0;
  #sentAt = 0;
  #isOver = false;

  constructor(options: {
    readonly writer: LoadConnection;
    readonly watchers: number;
    readonly window: OperationSink;
    readonly onEnd: () => void;
  }) {
    this.#writer = options.writer;
    this.#watchers = options.watchers;
    this.#window = options.window;
    this.#onEnd = options.onEnd;
  }

  onMessage(message: Uint8Array): void {
    const fields = new ReplyFields(message);
    let watchId = 0;
    while (fields.next()) {
      if (fields.field === 2) watchId = fields.value;
      if (fields.field === 3) return this.#onCreated(message);
      invariant(fields.field !== 4, 'no watcher is canceled');
      if (fields.field === 11) this.#onEvent(message, watchId, fields);
    }
  }

  #onCreated(message: Uint8Array): void {
    this.#idSum += numberAt(message, { start: 0, end: message.length, field: 2 });
    if (++this.#created === this.#watchers) this.#put();
  }

  #onEvent(message: Uint8Array, watchId: number, event: ReplyFields): void {
    const revision = modRevisionOf(message, event.start, event.end);
    if (this.#seen === 0) {
      invariant(revision > this.#eventRevision, 'events come in the order of their revisions');
      this.#eventRevision = revision;
    }
    invariant(revision === this.#eventRevision, 'all watchers see the event of the last put');
    this.#seen++;
    this.#seenIdSum += watchId;
    const now = performance.now();
    if (!this.#window.record(now - this.#sentAt, now)) this.#isOver = true;
    this.#next();
  }

  #put(): void {
    this.#seen = 0;
    this.#seenIdSum = 0;
    this.#putRevision = 0;
    const value = valueOf(this.#puts++, valueSize);
    this.#sentAt = performance.now();
    this.#writer.unary(
      encodePutRequest({
        key: watchedKey,
        value,
        lease: 0n,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      }),
      (reply) => {
        this.#putRevision = revisionOf(reply);
        this.#next();
      },
    );
  }

  #next(): void {
    if (this.#seen < this.#watchers || this.#putRevision === 0) return;
    invariant(this.#seen === this.#watchers, 'no watcher sees an event twice');
    invariant(this.#seenIdSum === this.#idSum, 'every watcher sees the event');
    invariant(this.#eventRevision === this.#putRevision, 'the event has the revision of its put');
    if (this.#isOver) this.#onEnd();
    else this.#put();
  }
}

/** The kv of an event is its field 2, and mod_revision the field 3 of that. */
function modRevisionOf(message: Uint8Array, start: number, end: number): number {
  const event = new ReplyFields(message, start, end);
  while (event.next()) {
    if (event.field === 2) return numberAt(message, { start: event.start, end: event.end, field: 3 });
  }
  throw new Error('an event has a key');
}
