import fc from 'fast-check';
import type { RequestOp, TxnRequest } from '@quorate/wire';
import { expect, test } from 'vitest';
import { checkDuplicateKeys } from '../../src/kv/duplicate-keys.ts';
import { codeOf, op } from './requests.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'ba', 'bb');
const end = fc.constantFrom('', 'a', 'c', 'e', 'f', 'bb', '\0');

const { txn } = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  op: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'txn' },
    key.map((k) => op.put(k)),
    fc.tuple(key, end).map(([k, e]) => op.delete(k, e)),
    tie('txn').map((txn): RequestOp => ({ kind: 'txn', txn })),
  ),
  txn: fc.record({
    compare: fc.constant([]),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 2 }),
  }),
}));

test(
  'keys changed twice are found exactly when a comparison of all pairs finds them',
  { timeout: 60_000 },
  () => {
    fc.assert(
      fc.property(txn, (request) => {
        const code = codeOf(() => checkDuplicateKeys(request));
        expect(code === 'KV_DUPLICATE_KEY').toBe(hasConflict(request));
      }),
      { numRuns: 3000 },
    );
  },
);

/** A change and the way to it: index in the list, then branch, index in that list, and so on. */
interface Step {
  readonly change: Exclude<RequestOp, { kind: 'txn' | 'range' | 'none' }>;
  readonly path: readonly (number | 'success' | 'failure')[];
}

function hasConflict(request: TxnRequest): boolean {
  return [request.success, request.failure].some((ops) => {
    const steps = collect(ops, []);
    return steps.some((a, i) => steps.some((b, j) => i < j && (conflict(a, b) || conflict(b, a))));
  });
}

function collect(ops: readonly RequestOp[], path: Step['path']): Step[] {
  return ops.flatMap((one, index) => {
    const here = [...path, index];
    if (one.kind === 'txn') {
      return [
        ...collect(one.txn.success, [...here, 'success']),
        ...collect(one.txn.failure, [...here, 'failure']),
      ];
    }
    return one.kind === 'put' || one.kind === 'deleteRange' ? [{ change: one, path: here }] : [];
  });
}

/** Whether a put and another change are forbidden together, by where their ways part. */
function conflict(put: Step, other: Step): boolean {
  if (put.change.kind !== 'put') return false;
  let parting = 0;
  while (put.path[parting] === other.path[parting]) parting++;
  const putAt = put.path[parting];
  const otherAt = other.path[parting];
  if (typeof putAt !== 'number' || typeof otherAt !== 'number') return false; // Branches exclude each other.
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  const putKey = text(put.change.put.key);
  if (other.change.kind === 'put') return text(other.change.put.key) === putKey;
  const from = text(other.change.deleteRange.key);
  const to = text(other.change.deleteRange.rangeEnd);
  const covered = to === '' ? putKey === from : from <= putKey && putKey < to;
  const bothNested = put.path.length > parting + 1 && other.path.length > parting + 1;
  return covered && (!bothNested || otherAt < putAt);
}
