import type { History, KvResponse, LoggedRequest, Operation, Outcome } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import { isReadOnlyTxn, isSerializable } from '../model/execute.ts';
import { HistoryError, type Report } from '../violation.ts';

/** An operation that succeeded. */
export type OkOperation = Operation & { readonly outcome: Extract<Outcome, { kind: 'ok' }> };

/** An operation that was refused. */
export type RefusedOperation = Operation & { readonly outcome: Extract<Outcome, { kind: 'refused' }> };

/** The operations of a history, sorted by what they have to say about the order. */
export interface Prepared {
  /** Changed keys: the answer shows it. By revision. */
  readonly writes: ReadonlyMap<number, OkOperation>;
  /** Changed nothing, or only read: somewhere between their revision and the next. Ascending by revision. */
  readonly reads: readonly OkOperation[];
  /** Read a member's own state: at their revision, however old. Ascending by revision. */
  readonly stale: readonly OkOperation[];
  /** Compactions, grants and revokes. A revoke may have changed keys. */
  readonly metas: readonly OkOperation[];
  /** Refused because of the state that they met. */
  readonly refused: readonly RefusedOperation[];
  /** Of unknown outcome, and able to change something. In the order of their calls. */
  readonly open: readonly Operation[];
  /** Succeeded, at a revision that is not known. */
  readonly unplaced: readonly OkOperation[];
  readonly all: readonly Operation[];
  /** The highest revision that any answer shows. */
  readonly revisionSeen: number;
}

/**
 * Sorts the operations of a history.
 *
 * @throws HistoryError for a history that cannot have been recorded so
 */
export function prepare(history: History, report: Report): Prepared {
  const writes = new Map<number, OkOperation>();
  const reads: OkOperation[] = [];
  const stale: OkOperation[] = [];
  const metas: OkOperation[] = [];
  const refused: RefusedOperation[] = [];
  const open: Operation[] = [];
  const unplaced: OkOperation[] = [];
  let revisionSeen = history.initial?.revision ?? 1;
  checkIds(history.operations);
  for (const operation of history.operations) {
    checkRecorded(operation);
    if (isUnknown(operation)) {
      if (isLogged(operation)) open.push(operation);
    } else if (isRefused(operation)) {
      if (isOfState(operation)) refused.push(operation);
    } else if (isOk(operation)) {
      const { kind } = operation.request;
      if (kind === 'leaseKeepAlive' || kind === 'leaseTimeToLive') continue;
      const { revision } = operation.outcome;
      if (revision > revisionSeen) revisionSeen = revision;
      if (revision === 0) unplaced.push(operation);
      else if (kind === 'compact' || kind === 'leaseGrant' || kind === 'leaseRevoke') metas.push(operation);
      else if (isSerializable(operation.request)) stale.push(operation);
      else if (!changedKeys(operation)) reads.push(operation);
      else addWrite(writes, operation, report);
    }
  }
  reads.sort(byRevision);
  stale.sort(byRevision);
  open.sort((a, b) => a.calledAt - b.calledAt);
  return { writes, reads, stale, metas, refused, open, unplaced, revisionSeen, all: history.operations };
}

/** Whether an operation goes through the log and may change something. */
export function isLogged(operation: Operation): operation is Operation & { readonly request: LoggedRequest } {
  switch (operation.request.kind) {
    case 'put':
    case 'deleteRange':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
      return true;
    case 'txn':
      return !isReadOnlyTxn(operation.request);
    default:
      return false;
  }
}

export function isOk(operation: Operation): operation is OkOperation {
  return operation.outcome.kind === 'ok';
}

export function isRefused(operation: Operation): operation is RefusedOperation {
  return operation.outcome.kind === 'refused';
}

function isUnknown(operation: Operation): boolean {
  return operation.outcome.kind === 'unknown';
}

function isOfState({ request, outcome }: RefusedOperation): boolean {
  if (outcome.code === 'invalid' || outcome.code === 'other') return false;
  // Whether a lease is there is asked of the leader's clock as well as of the log: `checkLeases` looks at these.
  return request.kind !== 'leaseKeepAlive' && request.kind !== 'leaseTimeToLive';
}

/** Whether a successful put, delete or transaction made a revision. */
function changedKeys({ outcome }: OkOperation): boolean {
  const { response } = outcome;
  switch (response.kind) {
    case 'range':
    case 'put':
    case 'deleteRange':
    case 'txn':
      return changes(response);
    default:
      return false;
  }
}

function changes(response: KvResponse): boolean {
  switch (response.kind) {
    case 'range':
      return false;
    case 'put':
      return true;
    case 'deleteRange':
      return response.deleted > 0;
    case 'txn':
      return response.responses.some(changes);
  }
}

function addWrite(writes: Map<number, OkOperation>, operation: OkOperation, report: Report): void {
  const { revision } = operation.outcome;
  const other = writes.get(revision);
  if (other === undefined) {
    writes.set(revision, operation);
    return;
  }
  report.add({
    rule: 'shared-revision',
    message: `two writes were told that they made revision ${revision}: ${textOfOperation(other)} and ${textOfOperation(operation)}`,
    operations: [other.id, operation.id],
    revision,
  });
}

function checkIds(operations: readonly Operation[]): void {
  const ids = Float64Array.from(operations, ({ id }) => id).sort();
  for (const [i, id] of ids.entries()) {
    if (!(id >= 0)) throw new HistoryError(`operation id ${id} is not a number from 0 on`);
    if (i > 0 && ids[i - 1] === id) throw new HistoryError(`two operations have the id ${id}`);
  }
}

function checkRecorded(operation: Operation): void {
  const { id, calledAt, returnedAt, request, outcome } = operation;
  if (!Number.isFinite(calledAt) || !(returnedAt >= calledAt)) {
    throw new HistoryError(`operation ${id} returned at ${returnedAt}, before its call at ${calledAt}`);
  }
  if ((outcome.kind === 'unknown') !== (returnedAt === Infinity)) {
    throw new HistoryError(`operation ${id} is ${outcome.kind} and returned at ${returnedAt}`);
  }
  if (outcome.kind === 'ok' && outcome.response.kind !== request.kind) {
    throw new HistoryError(
      `operation ${id} is a ${request.kind} with an answer to a ${outcome.response.kind}`,
    );
  }
}

function byRevision(a: OkOperation, b: OkOperation): number {
  return a.outcome.revision - b.outcome.revision;
}
