import { unreachable } from '@quorate/std';
import type { Compare, KeyValue } from '../../history/types.ts';
import { isSingleKey, keyInterval } from './key-interval.ts';
import type { ModelState } from './model-state.ts';

/** Whether all conditions of a transaction hold. */
export function compareAll(state: ModelState, compares: readonly Compare[]): boolean {
  return compares.every((compare) => holds(state, compare));
}

/** A condition on a range holds when it does for every key; without a key it is asked of a key that is not there. */
function holds(state: ModelState, compare: Compare): boolean {
  if (isSingleKey(compare.rangeEnd)) return holdsFor(compare, state.latest(compare.key));
  const interval = keyInterval(compare.key, compare.rangeEnd);
  const { kvs } = state.select({ interval, revision: 0, limit: 0 });
  return kvs.length === 0 ? holdsFor(compare, undefined) : kvs.every((kv) => holdsFor(compare, kv));
}

function holdsFor(compare: Compare, kv: KeyValue | undefined): boolean {
  const { result } = compare;
  switch (compare.target) {
    case 'version':
      return fits(result, kv?.version ?? 0, compare.operand);
    case 'create':
      return fits(result, kv?.createRevision ?? 0, compare.operand);
    case 'mod':
      return fits(result, kv?.modRevision ?? 0, compare.operand);
    case 'lease':
      return fits(result, kv?.lease ?? 0n, compare.operand);
    case 'value':
      // No value compares with anything where there is no key, not even as "not equal".
      return kv !== undefined && fits(result, kv.value, compare.operand);
    default:
      return unreachable(compare);
  }
}

function fits<T extends number | bigint | string>(result: Compare['result'], left: T, right: T): boolean {
  switch (result) {
    case 'equal':
      return left === right;
    case 'notEqual':
      return left !== right;
    case 'greater':
      return left > right;
    case 'less':
      return left < right;
    default:
      return unreachable(result);
  }
}
