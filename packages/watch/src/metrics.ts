/** What the hub counts. Those called `…Total` only grow; the others are what there is now. */
export interface WatchMetrics {
  readonly streams: number;
  /** Watchers that are synced or unsynced. */
  readonly watchers: number;
  /** Watchers that are behind and read from the log or the store (etcd calls them slow). */
  readonly unsyncedWatchers: number;
  /** Events in the live queues; one that waits for two watchers counts twice. */
  readonly pendingEvents: number;
  readonly eventsSentTotal: number;
  readonly responsesTotal: number;
  /** Events that were encoded, each once for all who get it with `prev_kv` and once for all others. */
  readonly eventsEncodedTotal: number;
  /** Responses with events that were encoded; all others sent were copies, or the same bytes. */
  readonly responsesEncodedTotal: number;
  /** Synced watchers that fell behind: their queue was full or their events had left the log. */
  readonly demotionsTotal: number;
  /** Watchers ended because their history was compacted away. */
  readonly compactedTotal: number;
  /** Reads of history from the store. */
  readonly historyReadsTotal: number;
  /** Memory of the log of recent events. */
  readonly logBytes: number;
  /** Memory of the stretches of history read last. */
  readonly historyCacheBytes: number;
  /** Memory of responses that are kept for streams which have not taken them yet. */
  readonly sharedBytes: number;
}

/** The counters that streams keep. */
export type WatchCounters = {
  -readonly [
    K in
      | 'streams'
      | 'watchers'
      | 'unsyncedWatchers'
      | 'pendingEvents'
      | 'eventsSentTotal'
      | 'responsesTotal'
      | 'responsesEncodedTotal'
      | 'demotionsTotal'
      | 'compactedTotal'
  ]: WatchMetrics[K];
};

/** All at zero. */
export function zeroCounters(): WatchCounters {
  return {
    streams: 0,
    watchers: 0,
    unsyncedWatchers: 0,
    pendingEvents: 0,
    eventsSentTotal: 0,
    responsesTotal: 0,
    responsesEncodedTotal: 0,
    demotionsTotal: 0,
    compactedTotal: 0,
  };
}
