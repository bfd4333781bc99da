import type { Audience } from './audience.ts';
import type { KeyRange } from './event-source.ts';
import type { WatchStream } from './stream.ts';
import type { WatcherGroup } from './watcher-group.ts';

/** What a client asked for, checked and normalised. */
export interface WatcherOptions {
  readonly range: KeyRange;
  /** As the client sent it; 0 is "from now on". */
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
}

/**
 * Where a watcher stands.
 *
 * - `synced`: it is in the index, and every event due below the hub's next revision is delivered or queued.
 * - `unsynced`: it is a cursor; `next` is the first revision it has not looked at.
 * - `dropped`: its history is compacted away; only its ID remains, until the client cancels it.
 * - `closed`: canceled; what is still queued for it is passed over.
 */
export type WatcherState = 'synced' | 'unsynced' | 'dropped' | 'closed';

/** One watcher: a cursor with an ID. It owns no event. */
export class Watcher {
  readonly id: bigint;
  readonly stream: WatchStream;
  readonly options: WatcherOptions;
  state: WatcherState = 'unsynced';
  /** Unsynced: the first revision not looked at. Synced: no event below it is due. */
  next: number;
  /**
   * Unsynced: where the live queue ended when it lost its sync. What it holds before that is older than `next`, and goes
   * first.
   */
  queueEnd = 0;
  /** No event was sent since the last progress tick. */
  quiet = true;
  /** A progress notice is due. */
  noticeDue = false;
  /** Its place in the index while it is synced. */
  group: WatcherGroup | undefined;
  audience: Audience | undefined;
  indexInAudience = 0;
  /** Its neighbours in the turn order of the stream while it is unsynced. */
  inTurnOrder = false;
  turnBefore: Watcher | undefined;
  turnAfter: Watcher | undefined;

  constructor(id: bigint, stream: WatchStream, options: WatcherOptions, next: number) {
    this.id = id;
    this.stream = stream;
    this.options = options;
    this.next = next;
  }
}
