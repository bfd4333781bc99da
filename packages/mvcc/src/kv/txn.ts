import { InvariantError, invariant, toLatin1 } from '@quorate/std';
import type {
  PutRequest,
  RangeRequest,
  RangeResponseParts,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponseParts,
} from '@quorate/wire';
import { CompactedError, FutureRevisionError } from '../errors.ts';
import type { Key, ReadView, WriteTxn } from '../types.ts';
import { isOpenEnd } from './bounds.ts';
import { compareAll } from './compare.ts';
import { executeDeleteRange } from './delete-range.ts';
import { KvRequestError } from './errors.ts';
import { putInTxn, type LeaseLookup } from './put.ts';
import { executeRange, RangeRun } from './range.ts';
import { revisionHeader } from './revision-header.ts';

/** How a Txn is applied. */
export interface TxnOptions {
  /**
   * Whether somebody here waits for the answer; true by default. Without, ranges are checked but not read, and
   * their answers are empty. What is written, and whether the Txn fails, does not depend on it.
   */
  readonly awaited?: boolean;
}

/**
 * Applies a Txn that may write, in three steps: choose a branch at every level by the state before, check
 * what the chosen branches will do, do it. The outer header holds the revision (to be completed), nested
 * answers have headers with the revision only, and nested TxnResponses an empty one.
 *
 * @throws KvRequestError KV_KEY_NOT_FOUND, KV_LEASE_NOT_FOUND; CompactedError, FutureRevisionError. The
 *   transaction is then unchanged.
 * @throws InvariantError for an error after the first change, which must stop the member
 */
export function executeTxn(
  txn: WriteTxn,
  request: TxnRequest,
  leases: LeaseLookup,
  { awaited = true }: TxnOptions = {},
): TxnResponseParts {
  const chosen = chooseBranches(txn, request);
  checkPuts(txn, chosen, leases);
  checkRanges(txn, chosen);
  const responses = runChecked(txn, chosen, awaited ? executeRange : skipRange);
  return {
    header: revisionHeader(txn.currentRevision),
    succeeded: chosen.succeeded,
    responses,
  };
}

/**
 * Answers a Txn of which `isReadOnlyTxn` is true from a view.
 *
 * @throws CompactedError, FutureRevisionError
 */
export function executeReadOnlyTxn(view: ReadView, request: TxnRequest): TxnResponseParts {
  const response = new ReadOnlyTxnRun(request).next(view);
  invariant(response !== undefined, 'a transaction that nobody interrupts comes to its end');
  return response;
}

/**
 * A Txn that only reads, which goes on where it stopped, for a view of one store that may change in between: all of the
 * answer is as of the revision at which it began.
 */
export class ReadOnlyTxnRun {
  readonly #request: TxnRequest;
  readonly #responses: ResponseOp[] = [];
  #begun: BegunTxn | undefined;
  #run: RangeRun | undefined;

  constructor(request: TxnRequest) {
    this.#request = request;
  }

  /**
   * Goes on for about so much work (see `RangeOptions`), without end by default. The answer, or undefined when there is
   * more to do.
   *
   * @throws CompactedError, FutureRevisionError
   */
  next(view: ReadView, workMax = Infinity): TxnResponseParts | undefined {
    const { chosen, revision } = (this.#begun ??= this.#begin(view));
    const responses = this.#responses;
    for (let left = workMax; responses.length < chosen.ops.length;) {
      const op = chosen.ops[responses.length]!; // There is one more.
      invariant(op.kind === 'range', 'a read-only transaction has only ranges');
      this.#run ??= new RangeRun(op.range, revision);
      const range = left > 0 ? this.#run.next(view, left) : undefined;
      if (range === undefined) return undefined;
      responses.push({ kind: 'range', range });
      this.#run = undefined;
      left -= range.kvs.length + 1;
    }
    return { header: revisionHeader(revision), succeeded: chosen.succeeded, responses };
  }

  #begin(view: ReadView): BegunTxn {
    const chosen = chooseBranches(view, this.#request);
    checkRanges(view, chosen);
    return { chosen, revision: view.currentRevision };
  }
}

interface BegunTxn {
  readonly chosen: ChosenTxn;
  readonly revision: number;
}

/** Whether both branches only read. A nested transaction counts as a write, whatever it does. */
export function isReadOnlyTxn(request: TxnRequest): boolean {
  return request.success.every(isRange) && request.failure.every(isRange);
}

/** Whether both branches only read, and none of their ranges asks for a linearizable answer. */
export function isSerializableTxn(request: TxnRequest): boolean {
  return request.success.every(isSerializableRange) && request.failure.every(isSerializableRange);
}

function isRange(op: RequestOp): boolean {
  return op.kind === 'range';
}

function isSerializableRange(op: RequestOp): boolean {
  return op.kind === 'range' && op.range.serializable;
}

/** A transaction whose branch is chosen, and that of those nested in this branch, in their order. */
interface ChosenTxn {
  readonly succeeded: boolean;
  readonly ops: readonly RequestOp[];
  readonly nested: readonly ChosenTxn[];
}

/** All compares see the state before: a nested transaction's do not see what an outer one writes. */
function chooseBranches(view: ReadView, request: TxnRequest): ChosenTxn {
  const succeeded = compareAll(view, request.compare);
  const ops = succeeded ? request.success : request.failure;
  const nested: ChosenTxn[] = [];
  for (const op of ops) {
    if (op.kind === 'txn') nested.push(chooseBranches(view, op.txn));
  }
  return { succeeded, ops, nested };
}

/** Calls `visit` for the operations of the chosen branches in the order in which they will run. */
function visitOps(chosen: ChosenTxn, visit: (op: RequestOp) => void): void {
  let nested = 0;
  for (const op of chosen.ops) {
    if (op.kind === 'txn') visitOps(chosen.nested[nested++]!, visit);
    else visit(op);
  }
}

/**
 * What a put needs must be there before the transaction. etcd checks no more, and crashes when a delete "to
 * the last key" takes a key away from a later put that wants to keep its value or lease: the one overlap that
 * the check for duplicate keys lets through. We refuse that put.
 */
function checkPuts(view: ReadView, chosen: ChosenTxn, leases: LeaseLookup): void {
  let deletedFrom: Key | undefined;
  visitOps(chosen, (op) => {
    if (op.kind === 'deleteRange' && isOpenEnd(op.deleteRange.rangeEnd)) {
      const start = toLatin1(op.deleteRange.key);
      if (deletedFrom === undefined || start < deletedFrom) deletedFrom = start;
    } else if (op.kind === 'put') {
      checkPut(view, op.put, leases, deletedFrom);
    }
  });
}

function checkPut(
  view: ReadView,
  request: PutRequest,
  leases: LeaseLookup,
  deletedFrom: Key | undefined,
): void {
  if (request.ignoreValue || request.ignoreLease) {
    const key = toLatin1(request.key);
    const deleted = deletedFrom !== undefined && key >= deletedFrom;
    if (deleted || view.latest(key) === undefined) throw new KvRequestError('KV_KEY_NOT_FOUND');
  }
  if (request.lease !== 0n && !leases.has(request.lease)) throw new KvRequestError('KV_LEASE_NOT_FOUND');
}

function checkRanges(view: ReadView, chosen: ChosenTxn): void {
  visitOps(chosen, (op) => {
    if (op.kind === 'range') checkRevision(view, op.range);
  });
}

/**
 * A range in a transaction may read up to the revision before it. Here, unlike in a Range by itself, etcd
 * compares a negative revision with the compacted one, which is -1 until the first compaction.
 */
function checkRevision(view: ReadView, { revision }: RangeRequest): void {
  if (revision === 0) return;
  if (revision > view.currentRevision) throw new FutureRevisionError(revision, view.currentRevision);
  if (revision < view.compactedRevision) throw new CompactedError(revision, view.compactedRevision);
}

/** From here on nothing may fail: part of the transaction would be lost on this member alone. */
function runChecked(txn: WriteTxn, chosen: ChosenTxn, readRange: typeof executeRange): ResponseOp[] {
  try {
    return runOps(txn, chosen, readRange);
  } catch (cause) {
    throw new InvariantError('a checked transaction must not fail', { cause });
  }
}

function runOps(txn: WriteTxn, chosen: ChosenTxn, readRange: typeof executeRange): ResponseOp[] {
  const responses: ResponseOp[] = [];
  let nested = 0;
  for (const op of chosen.ops) {
    switch (op.kind) {
      case 'range':
        responses.push({ kind: 'range', range: readRange(txn, op.range) });
        break;
      case 'put':
        responses.push({ kind: 'put', put: putInTxn(txn, op.put) });
        break;
      case 'deleteRange':
        responses.push({ kind: 'deleteRange', deleteRange: executeDeleteRange(txn, op.deleteRange) });
        break;
      case 'txn':
        responses.push({ kind: 'txn', txn: runNested(txn, chosen.nested[nested++]!, readRange) });
        break;
      case 'none':
        // The shape checks refuse it; one that came through the log all the same does nothing, as in etcd.
        break;
    }
  }
  return responses;
}

/** A nested TxnResponse has a header, but an empty one. */
function runNested(txn: WriteTxn, chosen: ChosenTxn, readRange: typeof executeRange): TxnResponseParts {
  const responses = runOps(txn, chosen, readRange);
  return { header: revisionHeader(0), succeeded: chosen.succeeded, responses };
}

/** The answer to a range that nobody reads. */
function skipRange(view: ReadView): RangeResponseParts {
  return { header: revisionHeader(view.currentRevision), kvs: [], more: false, count: 0 };
}
