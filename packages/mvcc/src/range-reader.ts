import type { KeyIndex } from './key-index.ts';
import { PastCount } from './past-count.ts';
import { ReadAhead } from './read-ahead.ts';
import type { ReadBudget } from './read-budget.ts';
import type { RevisionLog } from './revision-log.ts';
import type { Key, KeyRange, RangeResult } from './types.ts';

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
  const values = new ValueReader(index, log, query);
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
    kvs.push(values.read(key, head, kvs.length));
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
  const values = new ValueReader(index, log, query);
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
    else kvs.push(values.read(key, version, kvs.length));
  }
  return { kvs, count: kvs.length };
}

/** Reads the values of one range, at the cost of its budget. */
class ValueReader {
  readonly #index: KeyIndex;
  readonly #log: RevisionLog;
  readonly #query: RangeQuery;
  /** Made when the first value had to be got. */
  #ahead: ReadAhead | undefined = undefined;

  constructor(index: KeyIndex, log: RevisionLog, query: RangeQuery) {
    this.#index = index;
    this.#log = log;
    this.#query = query;
  }

  /** The value of a key whose version this is, when the range has `count` values already. */
  read(key: Key, version: number, count: number): Uint8Array {
    const { rows } = this.#log;
    const before = rows.work;
    const gotBefore = rows.gotCount;
    const bytes = this.#log.bytesOf(version);
    if (rows.gotCount !== gotBefore) this.#readAhead(key, this.#query.limit - count - 1);
    this.#query.budget.left -= 1 + rows.work - before;
    return bytes;
  }

  #readAhead(key: Key, wanted: number): void {
    const { endExclusive } = this.#query.range;
    if (wanted < 1 || endExclusive === `${key}\0`) return;
    this.#ahead ??= new ReadAhead(this.#index, this.#log, endExclusive);
    this.#ahead.take(key, wanted);
  }
}
