import { invariant, toLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { EventBatch } from './event-batch.ts';
import { ProgressQuestions, type Asker } from './progress-questions.ts';
import { Source, Subscription, type RangeGroup, type Subscriber, type WatchedRange } from './source.ts';

/** What shared watches need of whoever owns the stream to a member. */
export interface SharedWatchesOptions {
  /** Sends on the stream that was opened last. */
  readonly send: (request: rpcpb.WatchRequest) => void;
  /** So many events were delivered more often than they were received. */
  readonly onCoalesced?: (events: number) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Watchers of clients with the same credentials, on one stream to a member. Each watcher begins with one of the
 * proxy's of its own, so that the member decides about it; as soon as another one of the same range is no further, its
 * client's watcher goes on with that. No socket, no timer: see DESIGN.md for the states and what holds in all of them.
 */
export class SharedWatches {
  readonly #options: SharedWatchesOptions;
  readonly #groups = new Map<string, RangeGroup>();
  /** All of them, in the order in which they were asked for: clients count on it. */
  readonly #sources = new Set<Source>();
  /** By their IDs on the stream as it is now: those that were created, and not left. */
  readonly #open = new Map<bigint, Source>();
  /** Sent and not answered, in order: members answer in the same. */
  #creating: Source[] = [];
  readonly #questions: ProgressQuestions;
  #isConnected = false;
  #lastId = 0n;
  #header: rpcpb.ResponseHeader | undefined;

  constructor(options: SharedWatchesOptions) {
    this.#options = options;
    this.#questions = new ProgressQuestions({
      now: options.now,
      ask: () => options.send({ requestUnion: { $case: 'progressRequest', value: {} } }),
    });
  }

  /** The header with the latest revision. */
  get header(): rpcpb.ResponseHeader | undefined {
    return this.#header;
  }

  /** Watchers of the proxy's at the member. */
  get sourceCount(): number {
    return this.#sources.size;
  }

  /** Watchers of clients. */
  get watcherCount(): number {
    let count = 0;
    for (const { members } of this.#sources) count += members.size;
    return count;
  }

  /** A new watcher. With `startRevision` 0 it gets what comes after its creation. */
  join(range: WatchedRange, startRevision: bigint, subscriber: Subscriber): Subscription {
    return this.#subscribe(new Subscription(range, subscriber, { next: startRevision, isCreated: false }));
  }

  /** A watcher that had left, from where it was; it is not created a second time. */
  rejoin({ range, next, subscriber, isCreated }: Subscription): Subscription {
    return this.#subscribe(new Subscription(range, subscriber, { next, isCreated }));
  }

  /** Its subscriber hears no more. Harmless when done twice. */
  leave(subscription: Subscription): void {
    const { source } = subscription;
    if (source === undefined) return;
    subscription.source = undefined;
    source.members.delete(subscription);
    if (source.members.size === 0) this.#drop(source);
  }

  /** Asks the member how far it is, for one stream of a client. Maybe nothing comes of it, as with a member. */
  askProgress(asker: Asker): void {
    this.#questions.add(asker, { isConnected: this.#isConnected });
  }

  /** The stream of `asker` has ended. */
  forget(asker: Asker): void {
    this.#questions.forget(asker);
  }

  /** There is a stream now: all sources are made on it, from where they are. */
  connected(): void {
    invariant(!this.#isConnected, 'a stream is opened after the one before has ended');
    this.#isConnected = true;
    for (const source of this.#sources) this.#create(source);
    this.#questions.connected();
  }

  /** There is none any more. What was delivered stays delivered; what was not will be, when there is one again. */
  disconnected(): void {
    this.#isConnected = false;
    this.#creating = [];
    this.#open.clear();
    for (const source of this.#sources) {
      source.state = 'creating';
      source.isSynced = false;
    }
  }

  /** Takes a response from the stream. */
  receive(response: rpcpb.WatchResponse): void {
    const { header, watchId } = response;
    if (header !== undefined && header.revision >= (this.#header?.revision ?? 0n)) this.#header = header;
    if (response.created) return this.#answered(response);
    if (watchId === -1n && !response.canceled) return this.#progressed(header);
    const source = this.#open.get(watchId);
    // One that was left, of which the member did not know yet.
    if (source === undefined) return;
    if (header !== undefined && header.revision > source.seen) source.seen = header.revision;
    if (response.canceled) this.#ended(source, response);
    else if (response.events.length === 0) this.#sourceProgressed(source, header);
    else this.#deliver(source, new EventBatch(response));
  }

  /** What must hold between any two calls; for tests. */
  checkInvariants(): void {
    for (const { sources, main } of this.#groups.values()) {
      invariant(sources.size > 0, 'a group has a source');
      invariant(main === undefined || sources.has(main), 'the main source is one of its group');
      for (const source of sources) {
        invariant(source.members.size > 0, 'a source has members');
        invariant(source.state !== 'left', 'a source that was left is in no group');
        invariant(
          source.state !== 'open' || this.#open.get(source.id) === source,
          'an open source is known by its ID',
        );
        for (const member of source.members) {
          invariant(member.source === source, 'a member knows its source');
          invariant(member.next >= source.next, 'no source is further than its members');
        }
      }
    }
    invariant(!this.#isConnected || this.#open.size <= this.sourceCount, 'all open sources are in groups');
  }

  #subscribe(subscription: Subscription): Subscription {
    const { range, next } = subscription;
    const key = rangeKey(range);
    const group = this.#groups.get(key) ?? { key, sources: new Set(), main: undefined };
    this.#groups.set(key, group);
    const source = new Source(group, range, next);
    group.sources.add(source);
    this.#sources.add(source);
    source.members.add(subscription);
    subscription.source = source;
    if (this.#isConnected) this.#create(source);
    return subscription;
  }

  #create(source: Source): void {
    source.id = ++this.#lastId;
    source.state = 'creating';
    source.questionsBefore = this.#questions.asked;
    this.#creating.push(source);
    const { range, next, id } = source;
    const value = {
      ...rpcpb.WatchCreateRequest.create(),
      ...{ key: range.key, rangeEnd: range.rangeEnd, startRevision: next, watchId: id },
      ...{ prevKv: true, progressNotify: true },
    };
    this.#options.send({ requestUnion: { $case: 'createRequest', value } });
  }

  /** The answer to a create request: the oldest that has none. */
  #answered(response: rpcpb.WatchResponse): void {
    const source = this.#creating.shift();
    if (source === undefined) return;
    if (response.canceled) {
      if (source.state !== 'left') this.#refused(source, response);
      return;
    }
    if (source.state === 'left') return this.#cancel(response.watchId);
    source.id = response.watchId;
    source.state = 'open';
    this.#open.set(source.id, source);
    const revision = response.header?.revision ?? 0n;
    source.seen = revision;
    source.createdRevision = revision;
    if (source.next === 0n) source.next = revision + 1n;
    source.isSynced = source.next > revision;
    for (const member of source.members) {
      if (member.next < source.next) member.next = source.next;
      if (member.isCreated) continue;
      member.isCreated = true;
      member.subscriber.created(response.header);
    }
    this.#settle(source);
  }

  #refused(source: Source, response: rpcpb.WatchResponse): void {
    for (const member of this.#remove(source)) {
      if (member.isCreated) member.subscriber.canceled({ ...response, created: false });
      else member.subscriber.refused(response);
    }
  }

  /** The member has ended a source: of compaction, or because it may not watch. */
  #ended(source: Source, response: rpcpb.WatchResponse): void {
    for (const member of this.#remove(source)) {
      // Compaction has taken nothing from who does not want what was before it.
      const isSpared = response.compactRevision > 0n && member.next >= response.compactRevision;
      if (isSpared) this.#subscribe(member);
      else member.subscriber.canceled(response);
    }
  }

  #deliver(source: Source, batch: EventBatch): void {
    const { lastRevision } = batch;
    if (source.members.size > 1) this.#options.onCoalesced?.(batch.size * (source.members.size - 1));
    // First the source, so that whoever is told and leaves finds all as it should be.
    if (source.next <= lastRevision) source.next = lastRevision + 1n;
    // What is sent as it happens is of the revision that the store is at.
    if (lastRevision === batch.header?.revision) source.isSynced = true;
    for (const member of [...source.members]) {
      if (member.next > lastRevision || member.source !== source) continue;
      const firstRevision = member.next;
      member.next = lastRevision + 1n;
      member.subscriber.events(batch, firstRevision);
    }
    this.#settle(source);
  }

  /** A member says this of a source without events, for which it has sent all that there was. */
  #sourceProgressed(source: Source, header: rpcpb.ResponseHeader | undefined): void {
    this.#reached(source, header?.revision ?? 0n);
    for (const member of [...source.members]) {
      if (member.source === source) member.subscriber.progress(header);
    }
    this.#settle(source);
  }

  /** The answer to a question of progress: all that the member knew of when it answered were up to date. */
  #progressed(header: rpcpb.ResponseHeader | undefined): void {
    const revision = header?.revision ?? 0n;
    const answered = this.#questions.answered();
    const covered = (source: Source): boolean =>
      source.state === 'open' &&
      (revision > source.createdRevision || answered > source.questionsBefore || source.next > revision);
    const reached = [...this.#open.values()].filter(covered);
    for (const source of reached) this.#reached(source, revision);
    this.#questions.tell(header, ({ source }) => source !== undefined && covered(source));
    for (const source of reached) if (source.state === 'open') this.#settle(source);
  }

  #reached(source: Source, revision: bigint): void {
    source.isSynced = true;
    if (source.seen < revision) source.seen = revision;
    if (source.next <= revision) source.next = revision + 1n;
    for (const member of source.members) if (member.next <= revision) member.next = revision + 1n;
  }

  /** Makes two sources one, where that costs nobody an event and nobody time. */
  #settle(source: Source): void {
    const { group } = source;
    if (source.state !== 'open') return;
    for (const other of group.sources) {
      if (other === source || other.state !== 'open' || other.next !== source.next) continue;
      const otherStays = other === group.main || (source !== group.main && other.isSynced);
      const [stays, goes] = otherStays ? [other, source] : [source, other];
      this.#absorb(stays, goes);
      return this.#settle(stays);
    }
    const { main } = group;
    if (main === undefined || main.state !== 'open' || !main.isSynced) {
      if (source.isSynced && !source.isAhead) this.#lead(source);
    } else if (main !== source && main.next <= source.next) this.#absorb(main, source);
  }

  /** Makes it the main source of its range; those that are further become part of it. */
  #lead(source: Source): void {
    source.group.main = source;
    for (const other of [...source.group.sources]) {
      if (other !== source && other.state === 'open' && other.next >= source.next) {
        this.#absorb(source, other);
      }
    }
  }

  /** From now on `into` delivers to the members of `source`, which is no further behind: to each from where it is. */
  #absorb(into: Source, source: Source): void {
    invariant(into.next <= source.next, 'a source takes over only what it has not delivered yet');
    for (const member of source.members) {
      into.members.add(member);
      member.source = into;
    }
    source.members.clear();
    this.#drop(source);
  }

  /** Removes a source that nobody needs, and tells the member. */
  #drop(source: Source): void {
    const wasOpen = source.state === 'open';
    this.#remove(source);
    // One whose answer is still to come is canceled then: only then is it sure to be there.
    if (wasOpen) this.#cancel(source.id);
  }

  /** Takes a source out, and gives back its members, which have none any more. */
  #remove(source: Source): readonly Subscription[] {
    const { group } = source;
    if (source.state === 'open') this.#open.delete(source.id);
    source.state = 'left';
    group.sources.delete(source);
    this.#sources.delete(source);
    if (group.main === source) group.main = undefined;
    if (group.sources.size === 0) this.#groups.delete(group.key);
    const members = [...source.members];
    source.members.clear();
    for (const member of members) member.source = undefined;
    return members;
  }

  #cancel(watchId: bigint): void {
    if (this.#isConnected) {
      this.#options.send({ requestUnion: { $case: 'cancelRequest', value: { watchId } } });
    }
  }
}

function rangeKey({ key, rangeEnd }: WatchedRange): string {
  return `${key.length} ${toLatin1(key)}${toLatin1(rangeEnd)}`;
}
