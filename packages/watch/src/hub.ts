import { invariant, type Random } from '@quorate/std';
import { MessageBatchWriter } from '@quorate/wire';
import { EventLog, type LogPosition } from './event-log.ts';
import type { EventSource, LiveChange } from './event-source.ts';
import { HistoryCache } from './history-cache.ts';
import { EventSubset } from './live-queue.ts';
import { zeroCounters, type WatchMetrics } from './metrics.ts';
import { SharedResponses } from './shared-responses.ts';
import { WatchStream, type StreamHost, type WatchStreamOptions } from './stream.ts';
import type { WatcherGroup } from './watcher-group.ts';
import { WatcherIndex } from './watcher-index.ts';

/** Memory of the log of recent events; older ones are read from the store. */
const defaultLogBytesMax = 64 * 1024 * 1024;

/** Memory of the stretches of history read last, shared by all who catch up. */
const defaultHistoryCacheBytesMax = 8 * 1024 * 1024;

/** Room in the live queue of a stream, beside two entries for each of its watchers. */
const defaultLiveQueueMax = 1024;

/** The spread of progress intervals over the streams: up to a tenth more. */
const progressJitter = 0.1;

/** What a hub is made of. */
export interface WatchHubOptions {
  readonly source: EventSource;
  /** Spreads the progress intervals of the streams. */
  readonly random: Random;
  /** 64 MiB by default. With 0 every event is read back from the store. */
  readonly maxLogBytes?: number;
  /** 8 MiB by default; the stretch read last is always kept. */
  readonly maxHistoryCacheBytes?: number;
  /**
   * How many deliveries may wait in a stream, beside two for each of its watchers; 1024 by default. A watcher
   * beyond it falls back to a cursor.
   */
  readonly liveQueueMax?: number;
}

/**
 * All watchers of a member, over one log of encoded events. Apply appends revisions; streams hand them out.
 *
 * Appending costs what the changed keys concern: idle watchers of other keys, unsynced watchers and streams
 * that nobody reads cost it nothing.
 */
export class WatchHub {
  readonly #host: StreamHost;
  readonly #random: Random;
  readonly #counters = zeroCounters();
  readonly #streams = new Set<WatchStream>();
  /** How many were opened. */
  #streamCount = 0;

  constructor(options: WatchHubOptions) {
    const { source, random } = options;
    this.#random = random;
    this.#host = {
      source,
      log: new EventLog({ source, bytesMax: options.maxLogBytes ?? defaultLogBytesMax }),
      history: new HistoryCache({
        source,
        bytesMax: options.maxHistoryCacheBytes ?? defaultHistoryCacheBytesMax,
      }),
      index: new WatcherIndex(),
      counters: this.#counters,
      batch: new MessageBatchWriter(),
      shared: new SharedResponses(),
      liveQueueMax: options.liveQueueMax ?? defaultLiveQueueMax,
      onClose: (stream) => this.#streams.delete(stream),
    };
  }

  /** The last revision appended: what watchers created now start behind. */
  get revision(): number {
    return this.#host.log.nextRevision - 1;
  }

  /** What is counted, as of now. */
  get metrics(): WatchMetrics {
    const { log, history, shared } = this.#host;
    return {
      ...this.#counters,
      eventsEncodedTotal: log.encodedTotal + history.encodedTotal,
      historyReadsTotal: history.reads,
      logBytes: log.bytes,
      historyCacheBytes: history.bytes,
      sharedBytes: shared.bytes,
    };
  }

  /**
   * Called by apply for each write transaction, in revision order, without a gap. The store must know the
   * revision before any stream is taken from. The bytes of the changes are kept and never written to.
   */
  append(revision: number, changes: readonly LiveChange[]): void {
    const { log } = this.#host;
    invariant(changes.length > 0, 'a revision has a change');
    // Events that are kept for nobody would take memory and, as they live on for a while, time of the garbage collector.
    if (this.#streams.size === 0) return log.pass(revision);
    const start = log.append(revision, changes);
    const streams: WatchStream[] = [];
    for (const group of this.#groupsOf(start, revision, changes)) {
      const { subset, audiences } = group;
      invariant(subset !== undefined, 'a group that was matched has a subset');
      group.subset = undefined;
      // From the end, since an offer may take the audience out of the group.
      for (let i = audiences.length - 1; i >= 0; i--) {
        const audience = audiences[i]!;
        if (audience.filtersAll(subset)) continue;
        audience.stream.offer(audience, subset);
        streams.push(audience.stream);
      }
    }
    log.trim();
    // One that comes twice is told once.
    for (const stream of streams) stream.signal();
  }

  /** Opens the server's side of a Watch call. */
  openStream(options: WatchStreamOptions): WatchStream {
    const spread = Math.floor(options.progressIntervalMs * progressJitter) + 1;
    const interval = options.progressIntervalMs + this.#random.below(spread);
    const stream = new WatchStream(this.#host, options, {
      number: this.#streamCount++,
      progressIntervalMs: interval,
    });
    this.#streams.add(stream);
    return stream;
  }

  /**
   * Called when the store was replaced by a snapshot: goes on behind the store's current revision. Watchers
   * read what they missed from the new store, or are canceled if it is compacted there.
   */
  restore(): void {
    const { log, history, source } = this.#host;
    const firstMissed = log.nextRevision;
    log.reset(source.currentRevision);
    history.clear();
    for (const stream of [...this.#streams]) stream.unsyncAll(firstMissed);
  }

  /** Tells all streams the time. */
  tick(nowMs: number): void {
    for (const stream of [...this.#streams]) stream.tick(nowMs);
  }

  /** Asks every stream's `authorize` again for each of its watchers: permissions have changed. */
  reauthorize(): void {
    for (const stream of [...this.#streams]) stream.reauthorize();
  }

  /** The groups that a revision concerns, each with its subset of the events. */
  #groupsOf(start: LogPosition, revision: number, changes: readonly LiveChange[]): WatcherGroup[] {
    const concerned: WatcherGroup[] = [];
    const matches: WatcherGroup[] = [];
    for (let i = 0; i < changes.length; i++) {
      const { key, type } = changes[i]!;
      const position = start.position + i;
      matches.length = 0;
      this.#host.index.match(key, matches);
      for (const group of matches) {
        if (group.subset === undefined) {
          group.subset = new EventSubset(start.segment, revision, position, type);
          concerned.push(group);
        } else {
          group.subset.add(position, type);
        }
      }
    }
    return concerned;
  }
}
