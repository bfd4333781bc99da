import { invariant } from '@quorate/std';
import {
  emptyBatch,
  messagesOf,
  type MessageBatch,
  type MessageBatchWriter,
  type ResponseHeader,
  type rpcpb,
} from '@quorate/wire';
import { collectEvents } from './catch-up.ts';
import { autoWatchId, cancelReasons, invalidWatchId, openCreateRequest } from './create-request.ts';
import { WatchRequestsFullError } from './errors.ts';
import type { EventLog } from './event-log.ts';
import type { EventSource, KeyRange } from './event-source.ts';
import type { HistoryCache } from './history-cache.ts';
import { IdList } from './id-list.ts';
import type { Audience } from './audience.ts';
import { Fifo, isDelivery, LiveQueue, type Delivery, type EventSubset } from './live-queue.ts';
import type { WatchCounters } from './metrics.ts';
import { EventResponse } from './event-response.ts';
import { ResponseWriter, type Announcement } from './response-writer.ts';
import type { Segment } from './segment.ts';
import type { SharedResponses } from './shared-responses.ts';
import { Watcher, type WatcherOptions } from './watcher.ts';
import type { WatcherIndex } from './watcher-index.ts';
import { WatcherRegistry } from './watcher-registry.ts';

/**
 * Answers to requests that may wait to be taken; at the bound the stream stops `accepting`. Cancels that the
 * server starts itself come on top, at most one a watcher.
 */
const controlQueueMax = 1024;

/** Room in the live queue for each watcher of the stream, beside `StreamHost.liveQueueMax`. */
const liveQueuePerWatcher = 2;

/** A `take` moves cursors by at most so many steps, and reads the store so often, before it gives way. */
const stepsPerTakeMax = 64;
const readsPerTakeMax = 1;

/** Watchers that are looked at before some of them are told. */
const dueMax = 1024;

/** How a stream is set up. */
export interface WatchStreamOptions {
  /** The header of a response, with this revision in it. */
  readonly headerOf: (revision: number) => ResponseHeader;
  /** Called when `hasPending` turns true. It may call `take` at once, or later. */
  readonly onReadable: () => void;
  /** A response of a watcher that takes fragments stays below this size: max-request-bytes + 512 KiB in etcd. */
  readonly maxFragmentBytes: number;
  readonly progressIntervalMs: number;
  readonly nowMs: number;
  /** Says why a range may not be watched, as `cancel_reason` shall tell the client; undefined when it may. */
  readonly authorize?: (range: KeyRange) => string | undefined;
}

/** What a stream uses of its hub. */
export interface StreamHost {
  readonly source: EventSource;
  readonly log: EventLog;
  readonly history: HistoryCache;
  readonly index: WatcherIndex;
  readonly counters: WatchCounters;
  /** Whoever takes uses it for as long. */
  readonly batch: MessageBatchWriter;
  /** What streams have in common. */
  readonly shared: SharedResponses;
  /**
   * Deliveries to watchers that the live queue of a stream holds, and two more for each of its watchers. An audience that
   * finds no room becomes unsynced, and reads from the log what it missed; a progress answer without room is not sent.
   */
  readonly liveQueueMax: number;
  readonly onClose: (stream: WatchStream) => void;
}

/** An answer that waits; its header has `revision`. */
interface Control {
  readonly revision: number;
  readonly announcement: Announcement;
}

/**
 * The watchers of one client connection stream. Requests go in, encoded WatchResponses are taken out at the
 * pace of the transport; whoever takes slowly costs a cursor a watcher and the bounded queues above.
 *
 * A closed stream ignores all calls.
 */
export class WatchStream {
  /** No other stream of the hub has it. */
  readonly number: number;
  readonly #host: StreamHost;
  readonly #options: WatchStreamOptions;
  readonly #watchers: WatcherRegistry;
  readonly #controls = new Fifo<Control>();
  readonly #live = new LiveQueue();
  /** Watchers that a progress notice is due to: at most all. */
  readonly #notices = new Fifo<Watcher>();
  readonly #writer: ResponseWriter;
  readonly #progressIntervalMs: number;
  #nextProgressMs: number;
  #cursorsFirst = true;
  #signaled = false;
  #closed = false;

  /** Made by `WatchHub.openStream`. */
  constructor(
    host: StreamHost,
    options: WatchStreamOptions,
    made: { readonly number: number; readonly progressIntervalMs: number },
  ) {
    const { progressIntervalMs } = made;
    this.number = made.number;
    this.#host = host;
    this.#options = options;
    this.#watchers = new WatcherRegistry(host);
    this.#writer = new ResponseWriter(host);
    this.#progressIntervalMs = progressIntervalMs;
    this.#nextProgressMs = options.nowMs + progressIntervalMs;
    host.counters.streams++;
  }

  /** Whether `take` has something to do: responses to hand out, or cursors to move. */
  get hasPending(): boolean {
    return (
      this.#writer.hasRest ||
      this.#controls.size > 0 ||
      this.#live.size > 0 ||
      this.#watchers.unsynced.size > 0 ||
      this.#notices.size > 0
    );
  }

  /** While this is false the transport must not read requests; a `take` makes it true again. */
  get accepting(): boolean {
    return this.#controls.size < controlQueueMax;
  }

  /** How many watchers get events. */
  get watcherCount(): number {
    return this.#watchers.liveCount;
  }

  /**
   * Handles a decoded request; one without content is ignored.
   *
   * @throws WatchRequestsFullError when the stream is not `accepting`: the client reads too slowly
   */
  request(request: rpcpb.WatchRequest): void {
    if (this.#closed) return;
    if (!this.accepting) throw new WatchRequestsFullError(controlQueueMax);
    const { requestUnion } = request;
    switch (requestUnion?.$case) {
      case 'createRequest':
        this.#create(requestUnion.value);
        break;
      case 'cancelRequest':
        this.#cancel(requestUnion.value.watchId);
        break;
      case 'progressRequest':
        this.#progress();
        break;
      case undefined:
        break;
    }
    this.signal();
  }

  /**
   * Encoded WatchResponses of about `maxBytes` in sum (one more event response may exceed it), in the order in
   * which they must be sent. May return nothing while `hasPending` stays true, when cursors were moved over
   * revisions that concern nobody: then call again in a later turn, so that others get theirs.
   */
  take(maxBytes: number): Uint8Array[] {
    return messagesOf(this.takeBatch(maxBytes));
  }

  /**
   * The same in one piece of memory, as a transport sends it; the prefixes count among the bytes. Other streams may have got
   * the same memory: nobody writes to it.
   */
  takeBatch(maxBytes: number): MessageBatch {
    if (this.#closed) return emptyBatch;
    const writer = this.#writer;
    writer.begin(maxBytes);
    this.#takeControls();
    this.#takeEvents();
    this.#takeNotices();
    // Encoding has made the segments larger.
    this.#host.log.trim();
    if (!this.hasPending) this.#signaled = false;
    return writer.finish();
  }

  /** Tells the time. At the end of a progress interval, idle watchers that asked for it get a notice. */
  tick(nowMs: number): void {
    if (this.#closed || nowMs < this.#nextProgressMs) return;
    const missed = Math.floor((nowMs - this.#nextProgressMs) / this.#progressIntervalMs);
    this.#nextProgressMs += (missed + 1) * this.#progressIntervalMs;
    for (const watcher of this.#watchers.notifying) {
      if (watcher.quiet && !watcher.noticeDue && this.#isUpToDate(watcher)) {
        watcher.noticeDue = true;
        this.#notices.push(watcher);
      }
      watcher.quiet = true;
    }
    this.signal();
  }

  /** Ends a watcher from the server's side and tells the client why. An unknown ID is ignored. */
  cancelWatcher(watchId: bigint, reason: string): void {
    const watcher = this.#watchers.get(watchId);
    if (watcher === undefined || watcher.state === 'dropped') return;
    this.#watchers.end(watcher);
    this.#announce({ watchId, canceled: true, cancelReason: reason });
    this.signal();
  }

  /** Ends all watchers from the server's side. */
  cancelAll(reason: string): void {
    for (const { id } of this.#watchers.all()) this.cancelWatcher(id, reason);
  }

  /** Asks `authorize` again for every watcher, and ends those that it refuses now. */
  reauthorize(): void {
    const { authorize } = this.#options;
    if (authorize === undefined) return;
    for (const watcher of this.#watchers.all()) {
      const refusal = authorize(watcher.options.range);
      if (refusal !== undefined) this.cancelWatcher(watcher.id, refusal);
    }
  }

  /** Lets go of all watchers and queues. */
  close(): void {
    if (this.#closed) return;
    for (const watcher of this.#watchers.all()) this.#watchers.end(watcher);
    this.#dropLive();
    this.#controls.clear();
    this.#notices.clear();
    this.#closed = true;
    this.#host.counters.streams--;
    this.#host.onClose(this);
  }

  /** For the hub: an appended revision concerns synced watchers of this stream. */
  offer(audience: Audience, subset: EventSubset): void {
    if (this.#live.size + audience.size <= this.#liveQueueMax) {
      this.#live.deliver(audience, subset);
      this.#host.counters.pendingEvents += subset.count * audience.size;
      return;
    }
    for (const watcher of audience.lend().members)
      if (subset.revision >= watcher.next) this.#demote(watcher, subset);
  }

  /** Makes a cursor of a watcher that cannot be given what a subset has. */
  #demote(watcher: Watcher, subset: EventSubset): void {
    this.#host.counters.demotionsTotal++;
    this.#unsync(watcher, subset.revision);
  }

  #unsync(watcher: Watcher, next: number): void {
    watcher.queueEnd = this.#live.end;
    this.#watchers.unsync(watcher, next);
  }

  /** For the hub: the store was replaced; events from `revision` on may have been missed. */
  unsyncAll(revision: number): void {
    for (const watcher of this.#watchers.all()) {
      if (watcher.state === 'synced') this.#unsync(watcher, Math.max(watcher.next, revision));
    }
    this.signal();
  }

  /** For the hub: calls `onReadable` if something has come up since it was called last. */
  signal(): void {
    if (this.#signaled || !this.hasPending) return;
    this.#signaled = true;
    this.#options.onReadable();
  }

  get #revision(): number {
    return this.#host.log.nextRevision - 1;
  }

  get #liveQueueMax(): number {
    return this.#host.liveQueueMax + liveQueuePerWatcher * this.#watchers.size;
  }

  #create(request: rpcpb.WatchCreateRequest): void {
    const options = openCreateRequest(request);
    const refusal = this.#refusalOf(options, request.watchId);
    if (refusal !== undefined) {
      this.#announce({ watchId: invalidWatchId, created: true, canceled: true, cancelReason: refusal });
      return;
    }
    this.#register(options, request.watchId === autoWatchId ? this.#watchers.freshId() : request.watchId);
  }

  #refusalOf(options: WatcherOptions, watchId: bigint): string | undefined {
    const { range, startRevision } = options;
    if (startRevision < 0) return cancelReasons.negativeStart;
    const refusal = this.#options.authorize?.(range);
    if (refusal !== undefined) return refusal;
    if (range.start >= range.endExclusive) return cancelReasons.emptyRange;
    if (watchId !== autoWatchId && this.#watchers.get(watchId) !== undefined)
      return cancelReasons.duplicateId;
    return undefined;
  }

  #register(options: WatcherOptions, watchId: bigint): void {
    const { startRevision } = options;
    const { compactedRevision } = this.#host.source;
    const isLive = startRevision === 0 || startRevision > this.#revision;
    const next = isLive ? Math.max(startRevision, this.#revision + 1) : startRevision;
    const watcher = new Watcher(watchId, this, options, next);
    this.#announce({ watchId, created: true });
    if (isLive) {
      this.#watchers.addSynced(watcher, this.#revision);
    } else if (startRevision >= compactedRevision) {
      this.#watchers.addUnsynced(watcher);
    } else {
      this.#watchers.addDropped(watcher);
      this.#announce({ watchId, canceled: true, compactRevision: compactedRevision }, 0);
    }
  }

  #cancel(watchId: bigint): void {
    const watcher = this.#watchers.get(watchId);
    if (watcher === undefined) return;
    this.#watchers.end(watcher);
    this.#announce({ watchId, canceled: true });
  }

  #progress(): void {
    if (
      this.watcherCount === 0 ||
      this.#watchers.unsynced.size > 0 ||
      !this.#watchers.futureHasCome(this.#revision)
    )
      return;
    const mark = { revision: this.#revision, syncLosses: this.#watchers.syncLosses };
    if (this.#live.size === 0 && !this.#writer.hasRest) this.#announce({ watchId: invalidWatchId });
    else if (this.#live.size < this.#liveQueueMax) this.#live.mark(mark);
  }

  #announce(announcement: Announcement, revision = this.#revision): void {
    this.#controls.push({ revision, announcement });
  }

  #takeControls(): void {
    while (this.#writer.room > 0) {
      const control = this.#controls.shift();
      if (control === undefined) return;
      this.#writer.announce(this.#options.headerOf(control.revision), control.announcement);
      this.#host.counters.responsesTotal++;
    }
  }

  /** Live events and those of cursors share the room, and take turns at being first, so that neither starves. */
  #takeEvents(): void {
    this.#cursorsFirst = !this.#cursorsFirst;
    if (!this.#cursorsFirst) this.#takeLive(this.#watchers.unsynced.size > 0 ? this.#writer.room / 2 : 0);
    this.#catchUp();
    this.#takeLive(0);
  }

  /** Sends what waits in the live queue until only `roomLeft` is left. */
  #takeLive(roomLeft: number): void {
    while (this.#writer.room > roomLeft) {
      const entry = this.#live.first;
      if (entry === undefined) return;
      if (isDelivery(entry)) {
        if (!this.#deliver(entry, roomLeft)) return;
      } else if (entry.syncLosses === this.#watchers.syncLosses) {
        this.#writer.announce(this.#options.headerOf(entry.revision), { watchId: invalidWatchId });
        this.#host.counters.responsesTotal++;
      }
      this.#shiftLive();
    }
  }

  /** Sends a delivery to those who have not got it yet; false when there is no room for all of them. */
  #deliver(delivery: Delivery, roomLeft: number): boolean {
    const { subset, roster } = delivery;
    const { members } = roster;
    let response: EventResponse | undefined;
    while (delivery.done < members.length && this.#writer.room > roomLeft) {
      const { due, ids, end } = dueOf(delivery);
      let done = end;
      if (subset.segment.evicted) {
        for (const watcher of due) this.#demote(watcher, subset);
      } else if (ids.length > 0) {
        response ??= this.#responseTo(delivery);
        const count = this.#send(response, ids, roomLeft);
        if (roster.hasNotifying) for (let index = 0; index < count; index++) due[index]!.quiet = false;
        const next = due[count];
        if (next !== undefined) done = members.indexOf(next, delivery.done);
      }
      this.#goOn(delivery, done);
    }
    return delivery.done === members.length;
  }

  /** What the audience of a delivery is told: the same as those of other streams who want the same. */
  #responseTo({ audience, subset }: Delivery): EventResponse {
    const { shared } = this.#host;
    const header = this.#options.headerOf(subset.revision);
    const maxPieceBytes = this.#maxPieceBytes(audience.options);
    const known = shared.find(subset, audience.wish);
    if (known?.isLike({ header, maxPieceBytes })) return known;
    const response = new EventResponse({ header, events: eventsOf(subset, audience), maxPieceBytes });
    if (subset.deliveries > 1) shared.keep(subset, audience.wish, response);
    return response;
  }

  #maxPieceBytes({ fragment }: Pick<WatcherOptions, 'fragment'>): number {
    return fragment ? this.#options.maxFragmentBytes : Infinity;
  }

  /** Tells watchers of events, as many of them as there is room for; returns how many. */
  #send(response: EventResponse, ids: IdList, roomLeft: number): number {
    const { counters } = this.#host;
    const count = this.#writer.sendEvents(response, ids, roomLeft);
    counters.eventsSentTotal += count * response.events.length;
    counters.responsesTotal += count;
    return count;
  }

  #goOn(delivery: Delivery, done: number): void {
    this.#host.counters.pendingEvents -= delivery.subset.count * (done - delivery.done);
    this.#live.goOn(delivery, done);
  }

  #shiftLive(): void {
    const entry = this.#live.first;
    this.#live.shift();
    if (entry !== undefined && isDelivery(entry) && entry.subset.deliveries === 0) {
      this.#host.shared.forget(entry.subset);
    }
  }

  /** Forgets what waits in the live queue. */
  #dropLive(): void {
    for (let entry = this.#live.first; entry !== undefined; entry = this.#live.first) {
      if (isDelivery(entry)) this.#goOn(entry, entry.roster.members.length);
      this.#shiftLive();
    }
  }

  /** Moves cursors, one after the other in turns, until the room, the steps or the reads are used up. */
  #catchUp(): void {
    let reads = readsPerTakeMax;
    for (let steps = 0; steps < stepsPerTakeMax && this.#writer.room > 0; steps++) {
      const watcher = this.#watchers.unsynced.first;
      if (watcher === undefined) return;
      if (watcher.queueEnd > this.#live.head) {
        // What the live queue may hold for it is older than where its cursor stands.
        this.#watchers.toTheBack(watcher);
        continue;
      }
      if (watcher.next > this.#revision) {
        this.#watchers.sync(watcher);
        continue;
      }
      let segment = this.#segmentInMemory(watcher.next);
      if (segment === undefined) {
        if (this.#dropIfCompacted(watcher)) continue;
        if (reads-- === 0) return;
        segment = this.#host.history.read(watcher.next, this.#revision);
      }
      this.#catchUpIn(segment, watcher);
    }
  }

  #segmentInMemory(revision: number): Segment | undefined {
    const segment = this.#host.log.segmentAt(revision);
    if (segment !== undefined || revision < this.#host.source.compactedRevision) return segment;
    return this.#host.history.find(revision);
  }

  #dropIfCompacted(watcher: Watcher): boolean {
    const { compactedRevision } = this.#host.source;
    if (watcher.next >= compactedRevision) return false;
    this.#watchers.drop(watcher);
    this.#writer.announce(this.#options.headerOf(0), {
      watchId: watcher.id,
      canceled: true,
      compactRevision: compactedRevision,
    });
    this.#host.counters.responsesTotal++;
    return true;
  }

  #catchUpIn(segment: Segment, watcher: Watcher): void {
    const { events, next } = collectEvents(segment, watcher, this.#writer.room);
    invariant(next > watcher.next, 'a cursor moves forward');
    watcher.next = next;
    if (events.length > 0) {
      const header = this.#options.headerOf(this.#revision);
      const maxPieceBytes = this.#maxPieceBytes(watcher.options);
      this.#send(new EventResponse({ header, events, maxPieceBytes }), new IdList([watcher.id]), 0);
      watcher.quiet = false;
    }
    if (next > this.#revision) this.#watchers.sync(watcher);
    else this.#watchers.toTheBack(watcher);
  }

  #takeNotices(): void {
    while (this.#writer.room > 0) {
      const watcher = this.#notices.shift();
      if (watcher === undefined) return;
      watcher.noticeDue = false;
      if (!watcher.quiet || !this.#isUpToDate(watcher)) continue;
      this.#writer.announce(this.#options.headerOf(this.#revision), { watchId: watcher.id });
      this.#host.counters.responsesTotal++;
    }
  }

  /** Whether nothing that is due to a watcher up to the current revision has to be looked for. */
  #isUpToDate(watcher: Watcher): boolean {
    return watcher.state === 'synced' && watcher.options.startRevision <= this.#revision;
  }
}

/** Whether a delivery to a watcher still counts. */
function isDue({ revision }: EventSubset, watcher: Watcher): boolean {
  const { state, next, options } = watcher;
  if (state === 'closed' || state === 'dropped' || revision < options.startRevision) return false;
  // A cursor that stands at or before this revision will come by and read it.
  return state === 'synced' || revision < next;
}

/** Members of a delivery who are told next. */
interface Due {
  readonly due: readonly Watcher[];
  readonly ids: IdList;
  /** Where the walk over the members ended. */
  readonly end: number;
}

function dueOf({ audience, roster, subset, done }: Delivery): Due {
  const { members } = roster;
  // As nearly always: nobody has come or gone since. Then it costs the same, however many they are.
  if (done === 0 && audience.isStill(roster) && subset.revision >= roster.allFrom) {
    return { due: members, ids: roster.ids, end: members.length };
  }
  const due: Watcher[] = [];
  let end = done;
  while (end < members.length && due.length < dueMax) {
    const watcher = members[end++]!;
    if (isDue(subset, watcher)) due.push(watcher);
  }
  return { due, ids: new IdList(due.map(({ id }) => id)), end };
}

/** The encoded events of a subset that pass the filters of an audience. */
function eventsOf(subset: EventSubset, audience: Audience): readonly Uint8Array[] {
  const { noPut, noDelete, prevKv } = audience.options;
  const { segment, count } = subset;
  const events: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const position = subset.positionAt(i);
    if (segment.typeOf(position) === 0 ? noPut : noDelete) continue;
    events.push(segment.encoded(position, prevKv));
  }
  return events;
}
