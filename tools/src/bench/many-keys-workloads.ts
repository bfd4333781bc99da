import { invariant } from '@quorate/std';
import { encodeRangeRequest } from '@quorate/wire';
import { endOf, keyOf, manyKeySize, prefixes } from './dataset.ts';
import { emptyRange, rangePath } from './kv-requests.ts';
import { numberAt, occurrencesOf } from './reply-fields.ts';
import type { UnaryWorkload } from './unary-workloads.ts';

const pageSize = 500;

/** Pages begin this many keys after one another: a prime, so that they begin everywhere. */
const pageStride = 7919;

/** How many keys there are under the prefix of many keys. */
export function countAll(keys: number): UnaryWorkload {
  const request = encodeRangeRequest({
    ...emptyRange,
    ...{ key: keyOf(prefixes.many, 0, manyKeySize), rangeEnd: endOf(prefixes.many), countOnly: true },
  });
  return {
    path: rangePath,
    next: () => request,
    check: (_slot, reply) => {
      invariant(countIn(reply) === keys, 'a count counts all keys');
      invariant(occurrencesOf(reply, 2) === 0, 'a count returns no keys');
    },
    finish: () => {},
  };
}

/** Pages of 500 keys, as Kubernetes reads them: from a key to the end of the prefix, and no more than those. */
export function pages(keys: number): UnaryWorkload {
  const rangeEnd = endOf(prefixes.many);
  const starts: number[] = [];
  let n = 0;
  return {
    path: rangePath,
    next: (slot) => {
      n = (n + pageStride) % (keys - pageSize);
      starts[slot] = n;
      const key = keyOf(prefixes.many, n, manyKeySize);
      return encodeRangeRequest({ ...emptyRange, key, rangeEnd, limit: pageSize });
    },
    check: (slot, reply) => {
      invariant(occurrencesOf(reply, 2) === pageSize, 'a page has as many keys as were asked for');
      invariant(countIn(reply) === keys - starts[slot]!, 'a page counts the keys from its first to the end');
    },
    finish: () => {},
  };
}

/** RangeResponse.count. */
function countIn(reply: Uint8Array): number {
  return numberAt(reply, { start: 0, end: reply.length, field: 4 });
}
