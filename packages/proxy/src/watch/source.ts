import type { rpcpb } from '@quorate/wire';
import type { EventBatch } from './event-batch.ts';

/** Keys as a create request names them. */
export interface WatchedRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** Whoever hears of a watcher's fate. None of these may throw. */
export interface Subscriber {
  /** The watcher is there; it gets what comes after the header's revision, or from where it asked to start. */
  created(header: rpcpb.ResponseHeader | undefined): void;
  /** The member has refused it; the response says so. Nothing follows. */
  refused(response: rpcpb.WatchResponse): void;
  /** Those of these events that are of `firstRevision` or later. */
  events(batch: EventBatch, firstRevision: bigint): void;
  /** There are no more events up to the header's revision. */
  progress(header: rpcpb.ResponseHeader | undefined): void;
  /** The member has ended it. Nothing follows. */
  canceled(response: rpcpb.WatchResponse): void;
}

/** A watcher of a client, as the proxy keeps it. */
export class Subscription {
  readonly range: WatchedRange;
  readonly subscriber: Subscriber;
  /** The first revision that it does not have yet; 0 as long as that is for the member to say. */
  next: bigint;
  /** Whether its client knows of it. */
  isCreated: boolean;
  /** Where its events come from; undefined once it has left. */
  source: Source | undefined;

  constructor(
    range: WatchedRange,
    subscriber: Subscriber,
    { next, isCreated }: { readonly next: bigint; readonly isCreated: boolean },
  ) {
    this.range = range;
    this.subscriber = subscriber;
    this.next = next;
    this.isCreated = isCreated;
  }
}

/** Sources of the same range. */
export interface RangeGroup {
  readonly key: string;
  readonly sources: Set<Source>;
  /** The one that others become part of; it is up to date. */
  main: Source | undefined;
}

/** A watcher of the proxy's at a member, for one or more watchers of clients. */
export class Source {
  readonly group: RangeGroup;
  readonly range: WatchedRange;
  readonly members = new Set<Subscription>();
  /** On the stream as it is now. */
  id = 0n;
  /** `creating` until the member has answered, and again when the stream broke. */
  state: 'creating' | 'open' | 'left' = 'creating';
  /** All events before it were delivered; 0 as long as that is for the member to say. */
  next: bigint;
  /** The latest revision that the member has named for it. */
  seen = 0n;
  /** At its creation, on the stream as it is now. */
  createdRevision = 0n;
  /** How many questions of progress had been asked on the stream before. */
  questionsBefore = 0;
  /** Whether the member has surely nothing left of the past to send to it. */
  isSynced = false;

  constructor(group: RangeGroup, range: WatchedRange, next: bigint) {
    this.group = group;
    this.range = range;
    this.next = next;
  }

  /** Whether it waits for a revision that is still to come. */
  get isAhead(): boolean {
    return this.next > this.seen + 1n;
  }
}
