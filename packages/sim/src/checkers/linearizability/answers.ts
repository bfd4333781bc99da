import { unreachable } from '@quorate/std';
import type { Operation, RangeRequest, TxnRequest, TxnResponse } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import { differenceOf } from '../model/differences.ts';
import { isReadOnlyTxn, refusalOf, run } from '../model/execute.ts';
import { keyInterval } from '../model/key-interval.ts';
import { PreviewModel } from '../model/preview-model.ts';
import type { StoreModel } from '../model/store-model.ts';
import type { Report } from '../violation.ts';
import type { OkOperation } from './prepare.ts';

/**
 * Compares the answer to an operation that changed nothing with the state at its revision. Whether compaction had
 * made an old revision unreadable is a question of order, and asked elsewhere.
 */
export function checkRead(model: StoreModel, operation: OkOperation, report: Report): void {
  const difference = differenceOfRead(model, operation);
  if (difference !== undefined) reportWrongAnswer(operation, difference, report);
}

/** Adds a violation: an answer that is not what the state gives. */
export function reportWrongAnswer(operation: OkOperation, difference: string, report: Report): void {
  report.add({
    rule: 'wrong-answer',
    message: `${difference}: ${textOfOperation(operation)}`,
    operations: [operation.id],
    revision: operation.outcome.revision,
  });
}

/** The lowest old revision among the ranges of a request's answer; undefined when all are of now. */
export function lowestOldRevision(operation: Operation): number | undefined {
  let lowest: number | undefined;
  forEachRangeRun(operation, (range) => {
    const revision = range.revision ?? 0;
    if (revision > 0 && (lowest === undefined || revision < lowest)) lowest = revision;
  });
  return lowest;
}

function differenceOfRead(model: StoreModel, operation: OkOperation): string | undefined {
  const { request, outcome } = operation;
  switch (request.kind) {
    case 'range':
    case 'txn': {
      const lowest = lowestOldRevision(operation);
      if (lowest !== undefined && lowest < model.initialRevision) return undefined; // Not known.
      const refusal = refusalOf(model, request);
      if (refusal !== undefined && refusal !== 'compacted') return `it should have been refused (${refusal})`;
      if (request.kind === 'txn' && wouldChange(model, request)) {
        return 'it should have changed keys';
      }
      return differenceOf(request, run(model, request), outcome.response);
    }
    case 'deleteRange': {
      const there = model.count(keyInterval(request.key, request.rangeEnd));
      return there > 0 ? `nothing deleted where there are ${there} keys` : undefined;
    }
    case 'put':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseKeepAlive':
    case 'leaseTimeToLive':
      return undefined;
    default:
      return unreachable(request);
  }
}

/** Whether a transaction would make a revision. */
function wouldChange(model: StoreModel, request: TxnRequest): boolean {
  if (isReadOnlyTxn(request)) return false;
  const preview = new PreviewModel(model);
  run(preview, request);
  return preview.changes.length > 0;
}

/** Visits the ranges in the branches that ran, as the answer tells them. */
function forEachRangeRun({ request, outcome }: Operation, visit: (range: RangeRequest) => void): void {
  if (request.kind === 'range') visit(request);
  else if (request.kind === 'txn' && outcome.kind === 'ok' && outcome.response.kind === 'txn') {
    forEachRangeOfTxn(request, outcome.response, visit);
  }
}

function forEachRangeOfTxn(
  request: TxnRequest,
  response: TxnResponse,
  visit: (range: RangeRequest) => void,
): void {
  for (const [i, op] of (response.succeeded ? request.success : request.failure).entries()) {
    const answer = response.responses[i];
    if (op.kind === 'range') visit(op);
    else if (op.kind === 'txn' && answer?.kind === 'txn') forEachRangeOfTxn(op, answer, visit);
  }
}
