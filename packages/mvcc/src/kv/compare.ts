import { compareBytes, keyRange, toLatin1 } from '@quorate/std';
import type { Compare } from '@quorate/wire';
import { keyOf } from '../key-value-bytes.ts';
import type { ReadView } from '../types.ts';
import { keyAfter } from './bounds.ts';
import { createRevisionOf, leaseOf, modRevisionOf, valueOf, versionOf } from './encoded-key-value.ts';

/** etcdserverpb.Compare.CompareTarget. */
export const compareTargets = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** etcdserverpb.Compare.CompareResult. */
export const compareResults = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;

/** Keys that a range compare reads at a time, so that the first one that fails ends it. */
const pageSize = 256;

/** Whether all compares hold at the view's newest revision; none at all do. */
export function compareAll(view: ReadView, compares: readonly Compare[]): boolean {
  for (const compare of compares) {
    const holds = compare.rangeEnd.length === 0 ? holdsForKey(view, compare) : holdsForRange(view, compare);
    if (!holds) return false;
  }
  return true;
}

function holdsForKey(view: ReadView, compare: Compare): boolean {
  const kv = view.latest(toLatin1(compare.key));
  return kv === undefined ? holdsForAbsent(compare) : holdsFor(kv, compare);
}

/** A compare over a range holds when it does for every key of it. */
function holdsForRange(view: ReadView, compare: Compare): boolean {
  let { start } = keyRange(compare.key, compare.rangeEnd);
  const { endExclusive } = keyRange(compare.key, compare.rangeEnd);
  for (let first = true; ; first = false) {
    const { kvs, count } = view.range({ start, endExclusive }, { limit: pageSize });
    if (first && kvs.length === 0) return holdsForAbsent(compare);
    for (const kv of kvs) {
      if (!holdsFor(kv, compare)) return false;
    }
    const last = kvs.at(-1);
    if (last === undefined || kvs.length === count) return true;
    start = keyAfter(keyOf(last, 0));
  }
}

/** An absent key has zero numbers. It has no value, not even an empty one: no VALUE compare holds. */
function holdsForAbsent(compare: Compare): boolean {
  switch (compare.target) {
    case compareTargets.version:
      return resultHolds(compare, order(0, compare.version));
    case compareTargets.create:
      return resultHolds(compare, order(0, compare.createRevision));
    case compareTargets.mod:
      return resultHolds(compare, order(0, compare.modRevision));
    case compareTargets.value:
      return false;
    case compareTargets.lease:
      return resultHolds(compare, order(0n, compare.lease));
    default:
      return resultHolds(compare, 0);
  }
}

function holdsFor(kv: Uint8Array, compare: Compare): boolean {
  switch (compare.target) {
    case compareTargets.version:
      return resultHolds(compare, order(versionOf(kv), compare.version));
    case compareTargets.create:
      return resultHolds(compare, order(createRevisionOf(kv), compare.createRevision));
    case compareTargets.mod:
      return resultHolds(compare, order(modRevisionOf(kv), compare.modRevision));
    case compareTargets.value:
      return resultHolds(compare, compareBytes(valueOf(kv), compare.value));
    case compareTargets.lease:
      return resultHolds(compare, order(leaseOf(kv), compare.lease));
    default:
      // As in etcd, both sides of a target that nobody knows are equal.
      return resultHolds(compare, 0);
  }
}

function order<T extends number | bigint>(left: T, right: T): -1 | 0 | 1 {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A result that nobody knows holds, as in etcd. */
function resultHolds(compare: Compare, order: -1 | 0 | 1): boolean {
  switch (compare.result) {
    case compareResults.equal:
      return order === 0;
    case compareResults.greater:
      return order > 0;
    case compareResults.less:
      return order < 0;
    case compareResults.notEqual:
      return order !== 0;
    default:
      return true;
  }
}
