import { compareBytes, toLatin1 } from '@quorate/std';
import type { DeleteRangeRequest, RequestOp, TxnRequest } from '@quorate/wire';
import type { Key } from '../types.ts';
import { keyAfter } from './bounds.ts';
import { KvRequestError } from './errors.ts';

/**
 * The rule that a transaction changes a key once. In a list of operations
 *
 * - a key is put once, nested transactions included, save that the two branches of one may both put it;
 * - no key is put that a delete of the same list covers, or a delete in an earlier nested transaction; a put
 *   of the list itself must not be covered by a delete of any nested one.
 *
 * Deletes may overlap, and a delete in a nested transaction may cover what an earlier one put.
 *
 * As in etcd, the interval of a delete is taken by its bytes: one "to the last key" (`range_end` of one zero
 * byte) ends below where it starts and so covers nothing here. Such a delete and a put below it run in their
 * order.
 *
 * @throws KvRequestError KV_DUPLICATE_KEY
 */
export function checkDuplicateKeys(request: TxnRequest): void {
  if (hasNested(request.success) || hasNested(request.failure)) {
    const ranks = rankPutKeys(request);
    touchedBy(request.success, ranks);
    touchedBy(request.failure, ranks);
    return;
  }
  checkFlat(request.success);
  checkFlat(request.failure);
}

/** The usual list, without nested transactions, at the cost of a set of its put keys. */
function checkFlat(ops: readonly RequestOp[]): void {
  if (ops.length < 2) return;
  const puts = new Set<Key>();
  const deletes: KeyInterval[] = [];
  for (const op of ops) {
    if (op.kind === 'put') {
      const key = toLatin1(op.put.key);
      if (puts.has(key)) throw new KvRequestError('KV_DUPLICATE_KEY');
      puts.add(key);
    } else if (op.kind === 'deleteRange') {
      pushInterval(deletes, op.deleteRange);
    }
  }
  if (deletes.length === 0 || puts.size === 0) return;
  const merged = mergeOverlaps(deletes);
  for (const key of puts) {
    const at = upperBound(merged, key, (interval) => interval.start) - 1;
    if (at >= 0 && key < merged[at]!.endExclusive) throw new KvRequestError('KV_DUPLICATE_KEY');
  }
}

interface KeyInterval {
  readonly start: Key;
  readonly endExclusive: Key;
}

function pushInterval(intervals: KeyInterval[], request: DeleteRangeRequest): void {
  const { key, rangeEnd } = request;
  const start = toLatin1(key);
  if (rangeEnd.length === 0) intervals.push({ start, endExclusive: keyAfter(start) });
  else if (compareBytes(key, rangeEnd) < 0) intervals.push({ start, endExclusive: toLatin1(rangeEnd) });
}

/** The same keys in disjoint, ascending intervals. */
function mergeOverlaps(intervals: KeyInterval[]): KeyInterval[] {
  intervals.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const merged: KeyInterval[] = [];
  for (const interval of intervals) {
    const last = merged.at(-1);
    if (last === undefined || last.endExclusive < interval.start) merged.push(interval);
    else if (last.endExclusive < interval.endExclusive) {
      merged[merged.length - 1] = { start: last.start, endExclusive: interval.endExclusive };
    }
  }
  return merged;
}

/*
 * With nested transactions, every put key gets its rank among all put keys once. What a list touches is then
 * two sorted arrays of small integers: the ranks it puts, and disjoint intervals of ranks that it deletes.
 * Lists are joined by merging these, and a short array into a long one by binary search and block copies: a
 * deep nesting around many puts, which is what a client would try, costs O(n log n) steps.
 */

/** What a list of operations changes, in ranks of put keys. */
interface Touched {
  /** Ascending. */
  readonly puts: Uint32Array;
  /** `[start, endExclusive, start, endExclusive, ...]`, ascending, disjoint. */
  readonly deletes: readonly number[];
}

const noRanks: Uint32Array = new Uint32Array(0);

/** All keys that a transaction puts anywhere, ascending. */
function rankPutKeys(request: TxnRequest): readonly Key[] {
  const keys = new Set<Key>();
  collectPutKeys(request, keys);
  return [...keys].sort();
}

function collectPutKeys(request: TxnRequest, keys: Set<Key>): void {
  for (const ops of [request.success, request.failure]) {
    for (const op of ops) {
      if (op.kind === 'put') keys.add(toLatin1(op.put.key));
      else if (op.kind === 'txn') collectPutKeys(op.txn, keys);
    }
  }
}

/** Checks one list; the order (own deletes, nested in turn, own puts) is what the rule says. */
function touchedBy(ops: readonly RequestOp[], ranks: readonly Key[]): Touched {
  const own = ownChanges(ops, ranks);
  let puts = noRanks;
  let { deletes } = own;
  for (const op of ops) {
    if (op.kind !== 'txn') continue;
    const success = touchedBy(op.txn.success, ranks);
    const failure = touchedBy(op.txn.failure, ranks);
    const nestedPuts = uniteRanks(success.puts, failure.puts, { exclusive: false });
    refuseOverlap(nestedPuts, deletes);
    puts = uniteRanks(puts, nestedPuts, { exclusive: true });
    deletes = uniteIntervals(uniteIntervals(deletes, success.deletes), failure.deletes);
  }
  refuseOverlap(own.puts, deletes);
  return { puts: uniteRanks(puts, own.puts, { exclusive: true }), deletes };
}

function ownChanges(ops: readonly RequestOp[], ranks: readonly Key[]): Touched {
  const puts: number[] = [];
  const intervals: KeyInterval[] = [];
  for (const op of ops) {
    if (op.kind === 'put') puts.push(lowerBound(ranks, toLatin1(op.put.key)));
    else if (op.kind === 'deleteRange') pushInterval(intervals, op.deleteRange);
  }
  const sorted = Uint32Array.from(puts).sort();
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i] === sorted[i - 1]) throw new KvRequestError('KV_DUPLICATE_KEY');
  }
  const deletes: number[] = [];
  for (const { start, endExclusive } of mergeOverlaps(intervals)) {
    const from = lowerBound(ranks, start);
    const to = lowerBound(ranks, endExclusive);
    if (from < to) deletes.push(from, to);
  }
  return { puts: sorted, deletes };
}

/** @throws KvRequestError when a put rank lies inside a deleted interval */
function refuseOverlap(puts: Uint32Array, deletes: readonly number[]): void {
  for (let d = 0; d < deletes.length; d += 2) {
    // Intervals come in pairs.
    const at = lowerBound(puts, deletes[d]!);
    if (at === puts.length) return;
    if (puts[at]! < deletes[d + 1]!) throw new KvRequestError('KV_DUPLICATE_KEY');
  }
}

/** @throws KvRequestError when both have a rank, and `exclusive` says that they must not */
function uniteRanks(
  a: Uint32Array,
  b: Uint32Array,
  { exclusive }: { readonly exclusive: boolean },
): Uint32Array {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  const united = new Uint32Array(a.length + b.length);
  let size = 0;
  let copied = 0;
  for (const rank of short) {
    const at = lowerBound(long, rank, copied);
    if (at > copied) united.set(long.subarray(copied, at), size);
    size += at - copied;
    copied = at;
    if (long[at] !== rank) united[size++] = rank;
    else if (exclusive) throw new KvRequestError('KV_DUPLICATE_KEY');
  }
  united.set(long.subarray(copied), size);
  return united.subarray(0, size + long.length - copied);
}

function uniteIntervals(a: readonly number[], b: readonly number[]): readonly number[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const united: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const fromA = j === b.length || (i < a.length && a[i]! <= b[j]!);
    const start = fromA ? a[i]! : b[j]!;
    const endExclusive = fromA ? a[i + 1]! : b[j + 1]!;
    if (fromA) i += 2;
    else j += 2;
    const last = united.length - 1;
    if (last < 0 || united[last]! < start) united.push(start, endExclusive);
    else if (united[last]! < endExclusive) united[last] = endExclusive;
  }
  return united;
}

function hasNested(ops: readonly RequestOp[]): boolean {
  for (const op of ops) {
    if (op.kind === 'txn') return true;
  }
  return false;
}

/** Where `item` is, or would be, in an ascending list. */
function lowerBound<T extends number | Key>(items: ArrayLike<T>, item: T, from = 0): number {
  let low = from;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (items[middle]! < item) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many items are not above `key`. */
function upperBound<T>(items: readonly T[], key: Key, keyOf: (item: T) => Key): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(items[middle]!) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
