import type { KeyIndex } from './key-index.ts';
import type { RevisionLog } from './revision-log.ts';
import type { KeyRange, RangeResult } from './types.ts';

/** A range read with its defaults filled in. */
export interface RangeQuery {
  readonly range: KeyRange;
  /** Infinity for none. */
  readonly limit: number;
  readonly countOnly: boolean;
  readonly countsOnlyPage: boolean;
}

/** The newest state: only results are visited, and the tree knows the count of what lies behind the limit. */
export function rangeNewest(index: KeyIndex, log: RevisionLog, query: RangeQuery): RangeResult {
  const { tree } = index;
  const { start, endExclusive } = query.range;
  if (query.countOnly) return { kvs: [], count: tree.liveRank(endExclusive) - tree.liveRank(start) };
  const kvs: Uint8Array[] = [];
  tree.seek(start);
  let leaf = tree.leaf;
  for (let position = tree.position; ; position++) {
    if (position >= leaf.keys.length) {
      do {
        if (leaf.next === undefined) return { kvs, count: kvs.length };
        leaf = leaf.next;
      } while (leaf.live === 0);
      position = 0;
    }
    if (!(leaf.keys[position]! < endExclusive)) return { kvs, count: kvs.length };
    const head = leaf.heads[position]!;
    if (head < 0) continue;
    if (kvs.length >= query.limit) break;
    kvs.push(log.bytesOf(head));
  }
  return { kvs, count: tree.liveRank(endExclusive) - tree.liveRank(start) };
}

/** The state as of a revision: every key of the range is visited, unless only a page counts. */
export function rangeAt(index: KeyIndex, log: RevisionLog, revision: number, query: RangeQuery): RangeResult {
  const { tree } = index;
  const { start, endExclusive } = query.range;
  const kvs: Uint8Array[] = [];
  let count = 0;
  tree.seek(start);
  let leaf = tree.leaf;
  for (let position = tree.position; ; position++) {
    if (position >= leaf.keys.length) {
      if (leaf.next === undefined) break;
      leaf = leaf.next;
      position = -1;
      continue;
    }
    if (!(leaf.keys[position]! < endExclusive)) break;
    const version = index.at(leaf.heads[position]!, revision);
    if (version === 0) continue;
    if (query.countsOnlyPage && count >= query.limit) break;
    if (!query.countOnly && count < query.limit) kvs.push(log.bytesOf(version));
    count++;
  }
  return { kvs, count };
}
