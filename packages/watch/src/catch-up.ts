import type { Segment } from './segment.ts';
import type { Watcher } from './watcher.ts';

/** A response that catches up holds no more revisions than this, as etcd's. */
const revisionsPerResponseMax = 1000;

/** What one step of catching up found. */
export interface CatchUpStep {
  /** Encoded events, whole revisions only. */
  readonly events: readonly Uint8Array[];
  /** The first revision that the step has not dealt with. */
  readonly next: number;
}

/**
 * The events due to a watcher in a segment, from its cursor on. Stops at a revision boundary once the events
 * make `maxBytes`; one revision is taken whatever its size.
 */
export function collectEvents(segment: Segment, watcher: Watcher, maxBytes: number): CatchUpStep {
  const { range, noPut, noDelete, prevKv } = watcher.options;
  const events: Uint8Array[] = [];
  let bytes = 0;
  let revisions = 0;
  let lastRevision = -1;
  for (const position of segment.select(range, watcher.next)) {
    if (segment.typeOf(position) === 0 ? noPut : noDelete) continue;
    const revision = segment.revisionOf(position);
    if (revision !== lastRevision) {
      const isFull = bytes >= maxBytes || revisions === revisionsPerResponseMax;
      if (isFull && revisions > 0) return { events, next: revision };
      revisions++;
      lastRevision = revision;
    }
    const event = segment.encoded(position, prevKv);
    bytes += event.length;
    events.push(event);
  }
  return { events, next: segment.next };
}
