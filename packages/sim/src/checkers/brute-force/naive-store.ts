import { isDeepStrictEqual } from 'node:util';
import type {
  Compare,
  InitialState,
  KeyValue,
  KvRequest,
  KvResponse,
  Operation,
  RangeRequest,
  Request,
  Response,
  TxnRequest,
} from '../../history/types.ts';

/**
 * A store as slow and as plain as can be: every revision is a whole map, nothing is ever changed in place. It shares no
 * code with the model of the other checkers, so that they can be compared.
 */
export interface NaiveStore {
  /** What there was after each revision, from the initial one on. */
  readonly past: readonly ReadonlyMap<string, KeyValue>[];
  readonly firstRevision: number;
  readonly compacted: number;
  readonly leases: readonly bigint[];
}

/** A store in its initial state. */
export function naiveStore(initial: InitialState): NaiveStore {
  return {
    past: [new Map(initial.kvs.map((kv) => [kv.key, kv]))],
    firstRevision: initial.revision,
    compacted: initial.compactedRevision,
    leases: initial.leases.map(({ id }) => id),
  };
}

/**
 * The store after an operation that happens now with the outcome that it had; undefined when it cannot have had it.
 * An unknown operation has whatever outcome comes of it.
 */
export function after(store: NaiveStore, { request, outcome }: Operation): NaiveStore | undefined {
  if (outcome.kind === 'ok' && isSerializableRequest(request)) {
    const shown = store.past.findIndex((_, i) => {
      const revision = store.firstRevision + i;
      if (outcome.revision !== 0 && outcome.revision !== revision) return false;
      const then = { ...store, past: store.past.slice(0, i + 1), compacted: -1 };
      const result = carryOut(then, request);
      return typeof result !== 'string' && isSameAnswer(request, result.answer, outcome.response);
    });
    return shown === -1 ? undefined : store;
  }
  const result = carryOut(store, request);
  switch (outcome.kind) {
    case 'unknown':
      return typeof result === 'string' ? store : result.store;
    case 'refused':
      return result === outcome.code ? store : undefined;
    case 'ok': {
      if (typeof result === 'string') return undefined;
      const fits = outcome.revision === 0 || outcome.revision === revisionOf(result.store);
      return fits && isSameAnswer(request, result.answer, outcome.response) ? result.store : undefined;
    }
  }
}

/** Whether a request may be answered from an old state. */
export function isSerializableRequest(request: Request): boolean {
  if (request.kind === 'range') return request.serializable === true;
  return (
    request.kind === 'txn' &&
    [...request.success, ...request.failure].every((op) => op.kind === 'range' && op.serializable === true)
  );
}

/** A store of any kind's revision. */
export function revisionOf(store: NaiveStore): number {
  return store.firstRevision + store.past.length - 1;
}

type Result = { readonly store: NaiveStore; readonly answer: unknown } | string;

function carryOut(store: NaiveStore, request: Request): Result {
  const current = store.past.at(-1)!;
  const revision = revisionOf(store);
  switch (request.kind) {
    case 'compact':
      if (request.revision > revision) return 'futureRevision';
      if (request.revision <= store.compacted) return 'compacted';
      return { store: { ...store, compacted: request.revision }, answer: { kind: 'compact' } };
    case 'leaseGrant':
      if (store.leases.includes(request.id)) return 'leaseExists';
      return { store: { ...store, leases: [...store.leases, request.id] }, answer: { kind: 'leaseGrant' } };
    case 'leaseRevoke': {
      if (!store.leases.includes(request.id)) return 'leaseNotFound';
      const left = new Map([...current].filter(([, kv]) => kv.lease !== request.id));
      const leases = store.leases.filter((id) => id !== request.id);
      const past = left.size < current.size ? [...store.past, left] : store.past;
      return { store: { ...store, past, leases }, answer: { kind: 'leaseRevoke' } };
    }
    case 'leaseKeepAlive':
    case 'leaseTimeToLive':
      return { store, answer: { kind: request.kind } };
    case 'range':
      if ((request.revision ?? 0) > revision) return 'futureRevision';
      if ((request.revision ?? 0) > 0 && request.revision! < store.compacted) return 'compacted';
      return { store, answer: rangeOf(mapAt(store, request.revision ?? 0), request) };
    default: {
      const refusal = refusalOf(store, request);
      if (refusal !== undefined) return refusal;
      const work = new Map(current);
      let changed = false;
      const answer = write(store, work, request, () => (changed = true));
      return { store: changed ? { ...store, past: [...store.past, work] } : store, answer };
    }
  }
}

function mapAt(store: NaiveStore, revision: number): ReadonlyMap<string, KeyValue> {
  return revision > 0 ? store.past[revision - store.firstRevision]! : store.past.at(-1)!;
}

function refusalOf(store: NaiveStore, request: KvRequest): string | undefined {
  if (request.kind === 'put' && (request.lease ?? 0n) !== 0n && !store.leases.includes(request.lease!))
    return 'leaseNotFound';
  const ops = flatten(store, request);
  const current = store.past.at(-1)!;
  for (const op of ops) {
    if (op.kind !== 'put') continue;
    if ((op.ignoreValue === true || op.ignoreLease === true) && !current.has(op.key)) return 'keyNotFound';
    if ((op.lease ?? 0n) !== 0n && !store.leases.includes(op.lease!)) return 'leaseNotFound';
  }
  for (const op of ops) {
    if (op.kind !== 'range' || (op.revision ?? 0) === 0) continue;
    if (op.revision! > revisionOf(store)) return 'futureRevision';
    if (op.revision! < store.compacted) return 'compacted';
  }
  return undefined;
}

function flatten(store: NaiveStore, request: KvRequest): readonly KvRequest[] {
  if (request.kind !== 'txn') return [request];
  return branch(store, request).flatMap((op) => flatten(store, op));
}

function branch(store: NaiveStore, request: TxnRequest): readonly KvRequest[] {
  const current = store.past.at(-1)!;
  return request.compare.every((compare) => isTrue(current, compare)) ? request.success : request.failure;
}

function isTrue(current: ReadonlyMap<string, KeyValue>, compare: Compare): boolean {
  const found = keysIn(current, compare.key, compare.rangeEnd).map((key) => current.get(key));
  return (found.length === 0 ? [undefined] : found).every((kv) => {
    if (compare.target === 'value' && kv === undefined) return false;
    const field = {
      version: 'version',
      create: 'createRevision',
      mod: 'modRevision',
      value: 'value',
      lease: 'lease',
    } as const;
    const left = kv?.[field[compare.target]] ?? (compare.target === 'lease' ? 0n : 0);
    const right = compare.operand;
    return { equal: left === right, notEqual: left !== right, greater: left > right, less: left < right }[
      compare.result
    ];
  });
}

function keysIn(map: ReadonlyMap<string, KeyValue>, key: string, end = ''): readonly string[] {
  return [...map.keys()]
    .filter((other) => (end === '' ? other === key : other >= key && (end === '\0' || other < end)))
    .sort();
}

function write(
  store: NaiveStore,
  work: Map<string, KeyValue>,
  request: KvRequest,
  onChange: () => void,
): KvResponse {
  const revision = revisionOf(store) + 1;
  switch (request.kind) {
    case 'range':
      return rangeOf((request.revision ?? 0) > 0 ? mapAt(store, request.revision!) : work, request);
    case 'put': {
      const before = work.get(request.key);
      work.set(request.key, {
        key: request.key,
        value: request.ignoreValue === true ? before!.value : request.value,
        createRevision: before === undefined ? revision : before.createRevision,
        modRevision: revision,
        version: before === undefined ? 1 : before.version + 1,
        lease: request.ignoreLease === true ? before!.lease : (request.lease ?? 0n),
      });
      onChange();
      return request.prevKv === true && before !== undefined
        ? { kind: 'put', prevKv: before }
        : { kind: 'put' };
    }
    case 'deleteRange': {
      const prevKvs: KeyValue[] = [];
      for (const key of keysIn(work, request.key, request.rangeEnd)) {
        prevKvs.push(work.get(key)!);
        work.delete(key);
        onChange();
      }
      return {
        kind: 'deleteRange',
        deleted: prevKvs.length,
        prevKvs: request.prevKv === true ? prevKvs : [],
      };
    }
    case 'txn': {
      const ops = branch(store, request);
      const responses = ops.map((op) => write(store, work, op, onChange));
      return {
        kind: 'txn',
        succeeded: request.compare.every((c) => isTrue(store.past.at(-1)!, c)),
        responses,
      };
    }
  }
}

function rangeOf(map: ReadonlyMap<string, KeyValue>, request: RangeRequest): KvResponse {
  const all = keysIn(map, request.key, request.rangeEnd).map((key) => map.get(key)!);
  if (request.countOnly === true) return { kind: 'range', kvs: [], count: all.length, more: false };
  const limit = request.limit ?? 0;
  const kvs = limit > 0 ? all.slice(0, limit) : all;
  return {
    kind: 'range',
    kvs: request.keysOnly === true ? kvs.map((kv) => ({ ...kv, value: '' })) : kvs,
    count: all.length,
    more: kvs.length < all.length,
  };
}

function isSameAnswer(request: Request, expected: unknown, actual: Response): boolean {
  if (request.kind === 'leaseRevoke' || request.kind === 'compact') return true;
  if (request.kind === 'leaseGrant') return actual.kind === 'leaseGrant' && actual.id === request.id;
  return isDeepStrictEqual(relaxed(request, expected, actual), actual);
}

/** Whether a range of keys only has leases depends on etcd's version: an answer without them is no other answer. */
function relaxed(request: Request, expected: unknown, actual: Response): unknown {
  const wanted = expected as Response; // What `carryOut` answers.
  if (request.kind === 'range' && wanted.kind === 'range' && actual.kind === 'range') {
    const relax = (kv: KeyValue, i: number) => (actual.kvs[i]?.lease === 0n ? { ...kv, lease: 0n } : kv);
    return request.keysOnly === true ? { ...wanted, kvs: wanted.kvs.map(relax) } : wanted;
  }
  if (request.kind === 'txn' && wanted.kind === 'txn' && actual.kind === 'txn') {
    const ops = wanted.succeeded ? request.success : request.failure;
    const { responses } = actual;
    const relax = (nested: KvResponse, i: number) =>
      responses[i] === undefined ? nested : relaxed(ops[i]!, nested, responses[i]);
    return { ...wanted, responses: wanted.responses.map(relax) };
  }
  return wanted;
}
