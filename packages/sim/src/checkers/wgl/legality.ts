import type { InitialState, Operation } from '../../history/types.ts';
import { differenceOf } from '../model/differences.ts';
import { execute, isSerializable, refusalOf, run, type ModelRequest } from '../model/execute.ts';
import { effectiveRequest } from '../linearizability/effect.ts';
import { isLogged, isOk, isRefused, type OkOperation } from '../linearizability/prepare.ts';
import { PastView } from './past-view.ts';
import type { UndoModel } from './undo-model.ts';

/** Whether an operation takes part in a search: what can have no effect and shows nothing does not. */
export function takesPart(operation: Operation): boolean {
  const { kind } = operation.request;
  if (kind === 'leaseKeepAlive' || kind === 'leaseTimeToLive') return false;
  if (isOk(operation)) return true;
  if (!isRefused(operation)) return isLogged(operation);
  const { code } = operation.outcome;
  if (code === 'invalid' || code === 'other') return false;
  return !(code === 'futureRevision' && isSerializable(operation.request)); // A member may lag as it likes.
}

/**
 * Carries out an operation now, if that can explain its outcome; false when it cannot (the model may then have moved,
 * and is to be rewound). An unknown one must have an effect: without one it need not be ordered at all.
 */
export function tryNow(model: UndoModel, operation: Operation): boolean {
  if (isOk(operation)) {
    return isSerializable(operation.request) ? isRightInPast(model, operation) : isRightNow(model, operation);
  }
  // `takesPart` leaves only requests that a model can carry out.
  const request = operation.request as ModelRequest;
  if (isRefused(operation)) return refusalOf(model, request) === operation.outcome.code;
  const { history, meta } = model;
  return execute(model, request).kind === 'ok' && (model.history !== history || model.meta !== meta);
}

function isRightNow(model: UndoModel, operation: OkOperation): boolean {
  const { revision, response } = operation.outcome;
  const request: ModelRequest =
    operation.request.kind === 'range' ? operation.request : effectiveRequest(operation);
  const answer = execute(model, request);
  return (
    answer.kind === 'ok' &&
    (revision === 0 || revision === model.revision) &&
    differenceOf(operation.request, answer.response, response) === undefined
  );
}

/** A serializable read shows any revision that was there by then. */
function isRightInPast(model: UndoModel, operation: OkOperation): boolean {
  const { revision, response } = operation.outcome;
  const request = operation.request as ModelRequest; // Ranges and transactions only.
  const first = revision === 0 ? model.initialRevision : revision;
  const last = revision === 0 ? model.revision : revision;
  if (last > model.revision || first < model.initialRevision) return false;
  for (let at = first; at <= last; at++) {
    const view = new PastView(model, at);
    if (refusalOf(view, request) !== undefined) continue;
    if (differenceOf(operation.request, run(view, request), response) === undefined) return true;
  }
  return false;
}

/** All keys that operations may put. */
export function* keysPut(operations: readonly Operation[], initial: InitialState): Iterable<string> {
  for (const { key } of initial.kvs) yield key;
  for (const { request } of operations) yield* keysPutBy(request);
}

function* keysPutBy(request: Operation['request']): Iterable<string> {
  if (request.kind === 'put') yield request.key;
  if (request.kind !== 'txn') return;
  for (const op of request.success) yield* keysPutBy(op);
  for (const op of request.failure) yield* keysPutBy(op);
}
