import type { Caller } from '@quorate/auth';
import { emptyBytes, prefixEnd, fromLatin1, toLatin1, unboundedEnd } from '@quorate/std';
import {
  decodeKeyValue,
  encodeTxnRequest,
  rpcpb,
  type Compare,
  type KeyValue,
  type PutRequest,
  type RangeRequest,
  type RangeResponseParts,
  type RequestOp,
  type ResponseHeader,
  type TxnRequest,
  type TxnResponseParts,
  messagesOf,
} from '@quorate/wire';
import type { Member } from '../member.ts';
import { RpcError, status } from '../errors.ts';
import { statusText, toRpcError } from '../status.ts';
import { untilAborted } from '../until-aborted.ts';

/** A range that was read: its key-values, and the revision as of which. */
export interface Found {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
}

/** What happened to a key. */
export interface Change {
  readonly kind: 'put' | 'delete';
  readonly kv: KeyValue;
  readonly header: rpcpb.ResponseHeader | undefined;
}

/** Bytes taken from a watch at a time. */
const takeBytes = 64 * 1024;

/**
 * A member as one of its callers sees it: what a service does on behalf of a caller it does with his permissions, by
 * the same operations that he could call himself.
 */
export class AsCaller {
  readonly #member: Member;
  readonly #caller: Caller;

  constructor(member: Member, caller: Caller) {
    this.#member = member;
    this.#caller = caller;
  }

  txn(request: TxnRequest): Promise<TxnResponseParts> {
    return this.#member.kv.txn(encodeTxnRequest(request), this.#caller);
  }

  async range(request: RangeRequest): Promise<Found> {
    return foundOf(await this.#member.kv.range(request, this.#caller), this.#member);
  }

  /** What the range operation at this place of a transaction's branch has found. */
  foundBy(response: TxnResponseParts, at: number): Found {
    const op = response.responses[at];
    if (op?.kind !== 'range') throw new TypeError('the transaction has a range at this place');
    const header = response.header ?? this.#member.header();
    return { header, kvs: op.range.kvs.map((kv) => decodeKeyValue(kv)) };
  }

  header(): ResponseHeader {
    return this.#member.header();
  }

  /** Renews the lease, so that one that is about to end is not built upon; makes one for 0. Returns its ID. */
  async openLease(lease: bigint, ttlSeconds: bigint): Promise<bigint> {
    if (lease === 0n) {
      const granted = await this.#member.leases.grant({ ID: 0n, TTL: ttlSeconds }, this.#caller);
      return granted.ID;
    }
    await this.#member.leases.keepAlive(lease, this.#caller);
    return lease;
  }

  /**
   * The changes of a range from a revision on, until whoever reads them stops or the signal is aborted.
   *
   * @throws Error when they may not or cannot be watched, for the reason that a client of Watch would be told
   */
  async *changes(
    range: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
    fromRevision: number,
    signal: AbortSignal,
  ): AsyncGenerator<Change, void, undefined> {
    let readable = Promise.withResolvers<void>();
    let refused: RpcError | undefined;
    const stream = this.#member.watch({
      onReadable: () => readable.resolve(),
      caller: this.#caller,
      reasonOf: (refusal) => statusText((refused = toRpcError(refusal))),
    });
    try {
      const create = rpcpb.WatchCreateRequest.fromPartial({ ...range, startRevision: BigInt(fromRevision) });
      await stream.request({ requestUnion: { $case: 'createRequest', value: create } });
      for (;;) {
        readable = Promise.withResolvers<void>();
        for (const bytes of messagesOf(stream.takeBatch(takeBytes))) {
          const response = rpcpb.WatchResponse.decode(bytes);
          if (response.compactRevision > 0n) throw new CompactedAwayError();
          if (response.canceled) {
            throw refused ?? new RpcError(status.FAILED_PRECONDITION, response.cancelReason);
          }
          yield* changesIn(response);
        }
        if (stream.hasPending) await untilAborted(nextTurn(), signal);
        else await untilAborted(readable.promise, signal);
      }
    } finally {
      stream.close();
    }
  }
}

/** The changes that were to be watched have been compacted away: look at what there is now. */
export class CompactedAwayError extends Error {
  override readonly name = 'CompactedAwayError';
  readonly code = 'COMPACTED_AWAY';

  constructor() {
    super('what was to be watched has been compacted away');
  }
}

function* changesIn({ events, header }: rpcpb.WatchResponse): Generator<Change, void, undefined> {
  for (const { type, kv } of events) {
    if (kv === undefined) continue;
    yield {
      kind: Number(type) === 0 ? 'put' : 'delete',
      header,
      kv: {
        ...{ key: kv.key, value: kv.value, lease: kv.lease },
        createRevision: Number(kv.createRevision),
        modRevision: Number(kv.modRevision),
        version: Number(kv.version),
      },
    };
  }
}

function foundOf({ header, kvs }: RangeResponseParts, member: Member): Found {
  return { header: header ?? member.header(), kvs: kvs.map((kv) => decodeKeyValue(kv)) };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const ascending = 1;
const descending = 2;
const byCreateRevision = 2;
const targetCreate = 1;

/** All keys that begin so. */
export function prefixRange(prefix: Uint8Array): { key: Uint8Array; rangeEnd: Uint8Array } {
  const end = prefixEnd(toLatin1(prefix));
  return { key: prefix, rangeEnd: end === unboundedEnd ? Uint8Array.of(0) : fromLatin1(end) };
}

/** Reads one key. */
export function getKey(key: Uint8Array): RangeRequest {
  return { ...noRange, key };
}

/** Reads the key of a prefix that was created first. */
export function firstCreated(prefix: Uint8Array): RangeRequest {
  return { ...noRange, ...prefixRange(prefix), limit: 1, sortOrder: ascending, sortTarget: byCreateRevision };
}

/** Reads the key of a prefix that was created last, of those created up to this revision. */
export function lastCreated(prefix: Uint8Array, maxCreateRevision: number): RangeRequest {
  const sorted = { limit: 1, sortOrder: descending, sortTarget: byCreateRevision };
  return { ...noRange, ...prefixRange(prefix), ...sorted, maxCreateRevision };
}

/** True while the key was created at this revision; 0 is that of a key that does not exist. */
export function isCreatedAt(key: Uint8Array, createRevision: number): Compare {
  const zero = { version: 0, modRevision: 0, value: emptyBytes, lease: 0n };
  return { result: 0, target: targetCreate, key, rangeEnd: emptyBytes, createRevision, ...zero };
}

/** A read as part of a transaction. */
export function rangeOp(range: RangeRequest): RequestOp {
  return { kind: 'range', range };
}

/** A put as part of a transaction. */
export function putOp(put: Pick<PutRequest, 'key' | 'value' | 'lease'>): RequestOp {
  return { kind: 'put', put: { ...put, prevKv: false, ignoreValue: false, ignoreLease: false } };
}

/** A delete of one key as part of a transaction. */
export function deleteOp(key: Uint8Array): RequestOp {
  return { kind: 'deleteRange', deleteRange: { key, rangeEnd: emptyBytes, prevKv: false } };
}

const noRange: RangeRequest = {
  ...{ key: emptyBytes, rangeEnd: emptyBytes, limit: 0, revision: 0, sortOrder: 0, sortTarget: 0 },
  ...{ serializable: false, keysOnly: false, countOnly: false },
  ...{ minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 },
};
