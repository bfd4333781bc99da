import { unreachable } from '@quorate/std';
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  KvRequest,
  KvResponse,
  LoggedRequest,
  PutRequest,
  PutResponse,
  RangeRequest,
  RefusalCode,
  Request,
  Response,
  TxnRequest,
  TxnResponse,
} from '../../history/types.ts';
import { compareAll } from './compare.ts';
import { keyInterval, unboundedEnd } from './key-interval.ts';
import type { ModelState } from './model-state.ts';
import { readRange } from './range.ts';

/** What the model can carry out: everything that has a place in the order of the store's states. */
export type ModelRequest = LoggedRequest | RangeRequest;

/** What a correct store answers. */
export type ModelAnswer =
  | { readonly kind: 'ok'; readonly response: Response }
  | { readonly kind: 'refused'; readonly code: RefusalCode };

/** Carries out a request on the model by etcd's rules. A refused one changes nothing. */
export function execute(state: ModelState, request: ModelRequest): ModelAnswer {
  const code = refusalOf(state, request);
  return code === undefined ? { kind: 'ok', response: run(state, request) } : { kind: 'refused', code };
}

/** Why the store would refuse a request now, undefined when it would not. */
export function refusalOf(state: ModelState, request: ModelRequest): RefusalCode | undefined {
  switch (request.kind) {
    case 'range':
      return (request.revision ?? 0) > 0 ? refusalOfRevision(state, request.revision!) : undefined;
    case 'put':
      // By itself a put is asked for its lease first, within a transaction for its key: etcd's order.
      return refusalOfLease(state, request) ?? refusalOfPut(state, request, undefined);
    case 'deleteRange':
      return undefined;
    case 'txn':
      return refusalOfTxn(state, request);
    case 'compact':
      if (request.revision > state.revision) return 'futureRevision';
      return request.revision <= state.compactedRevision ? 'compacted' : undefined;
    case 'leaseGrant':
      return state.hasLease(request.id) ? 'leaseExists' : undefined;
    case 'leaseRevoke':
      return state.hasLease(request.id) ? undefined : 'leaseNotFound';
    default:
      return unreachable(request);
  }
}

/** Carries out a request that the store does not refuse. */
export function run(state: ModelState, request: ModelRequest): Response {
  switch (request.kind) {
    case 'range':
      return readRange(state, request);
    case 'put':
    case 'deleteRange':
    case 'txn': {
      const response = runKv(state, request);
      state.commit();
      return response;
    }
    case 'compact':
      state.compact(request.revision);
      return { kind: 'compact' };
    case 'leaseGrant':
      state.grant(request.id, request.ttlSeconds);
      return { kind: 'leaseGrant', id: request.id, ttlSeconds: request.ttlSeconds };
    case 'leaseRevoke':
      for (const key of state.keysOfLease(request.id)) state.delete(key);
      state.commit();
      state.dropLease(request.id);
      return { kind: 'leaseRevoke' };
    default:
      return unreachable(request);
  }
}

/** Whether a transaction has nothing but ranges; such a one never goes through the log. */
export function isReadOnlyTxn(request: TxnRequest): boolean {
  return (
    request.success.every((op) => op.kind === 'range') && request.failure.every((op) => op.kind === 'range')
  );
}

/** Whether a request may be answered from a member's own, possibly old, state. */
export function isSerializable(request: Request): boolean {
  if (request.kind === 'range') return request.serializable === true;
  if (request.kind !== 'txn') return false;
  const isSerializableRange = (op: KvRequest) => op.kind === 'range' && op.serializable === true;
  return request.success.every(isSerializableRange) && request.failure.every(isSerializableRange);
}

function refusalOfRevision(state: ModelState, revision: number): RefusalCode | undefined {
  if (revision > state.revision) return 'futureRevision';
  return revision < state.compactedRevision ? 'compacted' : undefined;
}

function refusalOfPut(
  state: ModelState,
  request: PutRequest,
  deletedFrom: string | undefined,
): RefusalCode | undefined {
  if (request.ignoreValue === true || request.ignoreLease === true) {
    const deleted = deletedFrom !== undefined && request.key >= deletedFrom;
    if (deleted || state.latest(request.key) === undefined) return 'keyNotFound';
  }
  return refusalOfLease(state, request);
}

function refusalOfLease(state: ModelState, { lease = 0n }: PutRequest): RefusalCode | undefined {
  return lease !== 0n && !state.hasLease(lease) ? 'leaseNotFound' : undefined;
}

/** The chosen branches, at every level, are looked through before anything runs: puts first, then ranges. */
function refusalOfTxn(state: ModelState, request: TxnRequest): RefusalCode | undefined {
  const ops = chosenOps(state, request, []);
  let deletedFrom: string | undefined;
  for (const op of ops) {
    if (op.kind === 'deleteRange' && keyInterval(op.key, op.rangeEnd).endExclusive === unboundedEnd) {
      if (deletedFrom === undefined || op.key < deletedFrom) deletedFrom = op.key;
    } else if (op.kind === 'put') {
      const code = refusalOfPut(state, op, deletedFrom);
      if (code !== undefined) return code;
    }
  }
  for (const op of ops) {
    // Below 0 is compared too, unlike in a range by itself: etcd's rule.
    if (op.kind !== 'range' || (op.revision ?? 0) === 0) continue;
    const code = refusalOfRevision(state, op.revision!);
    if (code !== undefined) return code;
  }
  return undefined;
}

function chosenOps(state: ModelState, request: TxnRequest, into: KvRequest[]): readonly KvRequest[] {
  for (const op of compareAll(state, request.compare) ? request.success : request.failure) {
    if (op.kind === 'txn') chosenOps(state, op, into);
    else into.push(op);
  }
  return into;
}

function runKv(state: ModelState, request: KvRequest): KvResponse {
  switch (request.kind) {
    case 'range':
      return readRange(state, request);
    case 'put':
      return runPut(state, request);
    case 'deleteRange':
      return runDeleteRange(state, request);
    case 'txn':
      return runTxn(state, chooseBranches(state, request));
    default:
      return unreachable(request);
  }
}

function runPut(state: ModelState, request: PutRequest): PutResponse {
  const { key } = request;
  const previous = state.latest(key);
  const revision = state.revision + 1;
  state.put({
    key,
    value: request.ignoreValue === true ? (previous?.value ?? '') : request.value,
    createRevision: previous?.createRevision ?? revision,
    modRevision: revision,
    version: (previous?.version ?? 0) + 1,
    lease: request.ignoreLease === true ? (previous?.lease ?? 0n) : (request.lease ?? 0n),
  });
  return request.prevKv === true && previous !== undefined
    ? { kind: 'put', prevKv: previous }
    : { kind: 'put' };
}

function runDeleteRange(state: ModelState, request: DeleteRangeRequest): DeleteRangeResponse {
  const interval = keyInterval(request.key, request.rangeEnd);
  const { kvs } = state.select({ interval, revision: 0, limit: 0 });
  for (const kv of kvs) state.delete(kv.key);
  return { kind: 'deleteRange', deleted: kvs.length, prevKvs: request.prevKv === true ? kvs : [] };
}

/** A transaction whose branch is chosen, and those nested in it: all compares see the state before. */
interface ChosenTxn {
  readonly succeeded: boolean;
  readonly ops: readonly (Exclude<KvRequest, TxnRequest> | ChosenTxn)[];
}

function chooseBranches(state: ModelState, request: TxnRequest): ChosenTxn {
  const succeeded = compareAll(state, request.compare);
  const ops = (succeeded ? request.success : request.failure).map((op) =>
    op.kind === 'txn' ? chooseBranches(state, op) : op,
  );
  return { succeeded, ops };
}

function runTxn(state: ModelState, { succeeded, ops }: ChosenTxn): TxnResponse {
  const responses = ops.map((op) => ('succeeded' in op ? runTxn(state, op) : runKv(state, op)));
  return { kind: 'txn', succeeded, responses };
}
