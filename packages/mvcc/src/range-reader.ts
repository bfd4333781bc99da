import type { KeyIndex } from './key-index.ts';
import { PastCount } from './past-count.ts';
import type { ReadBudget } from './read-budget.ts';
import type { RevisionLog } from './revision-log.ts';
import type { KeyRange, RangeResult } from './types.ts';

/** A range read with its defaults filled in. */
export interface RangeQuery {
  readonly range: KeyRange;
  /** Infinity for none. */
  readonly limit: number;
  readonly countOnly: boolean;
  readonly countsOnlyPage: boolean;
  readonly budget: ReadBudget;
}

/** The newest state: only results are visited, and the tree knows the count of what lies behind the limit. */
export function rangeNewest(index: KeyIndex, log: RevisionLog, query: RangeQuery): RangeResult {
  const { tree } = index;
  const { budget } = query;
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
    const key = leaf.keys[position]!;
    if (!(key < endExclusive)) return { kvs, count: kvs.length };
    const head = leaf.heads[position]!;
    if (head < 0) continue;
    if (kvs.length >= query.limit) break;
    if (budget.isSpent) return { kvs, count: kvs.length, next: key };
    kvs.push(readWithin(budget, log, head));
  }
  return { kvs, count: tree.liveRank(endExclusive) - tree.liveRank(start) };
}

/** The state as of a revision: what has changed since is visited, and the results. */
export function rangeAt(index: KeyIndex, log: RevisionLog, revision: number, query: RangeQuery): RangeResult {
  const { tree } = index;
  const { budget } = query;
  const { start, endExclusive } = query.range;
  const past = new PastCount(index, revision, budget);
  if (query.countOnly) return { kvs: [], count: past.of(query.range), next: budget.next };
  const kvs: Uint8Array[] = [];
  tree.seek(start);
  let leaf = tree.leaf;
  for (let position = tree.position; ; position++) {
    if (position >= leaf.keys.length) {
      if (leaf.next === undefined) break;
      leaf = leaf.next;
      position = -1;
      continue;
    }
    const key = leaf.keys[position]!;
    if (!(key < endExclusive)) break;
    if (kvs.length >= query.limit) {
      const behind = query.countsOnlyPage ? 0 : past.of({ start: key, endExclusive });
      return { kvs, count: kvs.length + behind, next: budget.next };
    }
    if (budget.isSpent) return { kvs, count: kvs.length, next: key };
    const head = leaf.heads[position]!;
    const version = leaf.newest <= revision ? Math.max(0, head) : index.at(head, revision);
    if (version === 0) budget.left--;
    else kvs.push(readWithin(budget, log, version));
  }
  return { kvs, count: kvs.length };
}

function readWithin(budget: ReadBudget, log: RevisionLog, version: number): Uint8Array {
  const before = log.rows.work;
  const bytes = log.bytesOf(version);
  budget.left -= 1 + log.rows.work - before;
  return bytes;
}
