/** Watchers as cursors over one ordered log of encoded events. */
export { WatchHub, type WatchHubOptions } from './hub.ts';
export { type WatchStream, type WatchStreamOptions } from './stream.ts';
export { type WatchMetrics } from './metrics.ts';
export { WatchRequestsFullError } from './errors.ts';
export { watchRange } from './create-request.ts';
export {
  unboundedEnd,
  type EventSource,
  type HistoryChange,
  type HistoryOptions,
  type HistorySlice,
  type Key,
  type KeyRange,
  type LiveChange,
} from './event-source.ts';
