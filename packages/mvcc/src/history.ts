import type { EventType } from '@quorate/wire';
import { isRevisionMark, keyOf } from './key-value-bytes.ts';
import type { KeyIndex } from './key-index.ts';
import type { RevisionLog, RevisionScan } from './revision-log.ts';
import type { Key } from './types.ts';

/** A change of the past, as watchers are told it. */
export interface HistoryChange {
  readonly type: EventType;
  readonly key: Key;
  readonly revision: number;
  /** Encoded KeyValue; for a delete one with only key and mod revision set. */
  readonly kv: Uint8Array;
}

/** Which part of the past, and how much of it at a time. */
export interface HistoryOptions {
  readonly from: number;
  /** Inclusive; the current revision when absent. */
  readonly to?: number;
  /** At most so many revisions. */
  readonly maxRevisions?: number;
  /** No further revision once this many bytes of KeyValues are reached, or reading took as long as four times as many. */
  readonly maxBytes?: number;
}

/** Whole revisions of the past, in order. Values are views that never change. */
export interface History {
  readonly changes: readonly HistoryChange[];
  /** The revision to go on from; above `to` at the end. */
  readonly next: number;
}

/** Where rows are small, getting them costs more than their bytes: a piece then ends early. */
const costPerByte = 4;

/** Reads whole revisions from `from` to `to`, as many as the limits allow, and one at least. */
export function readHistory(
  index: KeyIndex,
  log: RevisionLog,
  options: Required<HistoryOptions> & { readonly compacted: number },
): History {
  const { from, to, maxRevisions, maxBytes } = options;
  const changes: HistoryChange[] = [];
  const scan = log.scan(from);
  let revisions = 0;
  let bytes = 0;
  let last = 0;
  while (scan.next() && scan.main <= to) {
    if (scan.main !== last) {
      const isFull = revisions >= maxRevisions || bytes >= maxBytes || scan.cost >= maxBytes * costPerByte;
      if (revisions > 0 && isFull) return { changes, next: scan.main };
      revisions++;
      last = scan.main;
    }
    if (isRevisionMark(scan.size)) continue;
    const kv = scan.view();
    const key = keyOf(kv, 0);
    // Of a key that this revision changed twice, the compaction has removed the first change, or will.
    if (scan.main === options.compacted && !isLastChange(index, key, scan)) continue;
    changes.push({ type: scan.tombstone ? 1 : 0, key, revision: scan.main, kv });
    bytes += kv.length;
  }
  return { changes, next: Math.max(from, to + 1) };
}

function isLastChange({ tree, versions }: KeyIndex, key: Key, { main, sub }: RevisionScan): boolean {
  tree.seek(key);
  return versions.sub(versions.atOrBefore(Math.abs(tree.head), main)) === sub;
}
