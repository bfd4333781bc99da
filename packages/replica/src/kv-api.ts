import {
  accessOfDeleteRange,
  accessOfPut,
  accessOfRange,
  accessOfTxn,
  nobody,
  type Access,
  type Caller,
} from '@quorate/auth';
import {
  isReadOnlyTxn,
  isSerializableTxn,
  putCost,
  RangeStreamer,
  txnCost,
  validateDeleteRange,
  validatePut,
  validateRange,
  validateRangeStream,
  validateTxn,
  type MvccStore,
} from '@quorate/mvcc';
import { Later, type Clock } from '@quorate/std';
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeTxnRequest,
  encodeDeleteRangeRequest,
  encodeTxnRequest,
  raftRequestField,
  rpcpb,
  type DeleteRangeResponseParts,
  type PutResponseParts,
  type RangeRequest,
  type RangeResponseParts,
  type ResponseHeader,
  type TxnRequest,
  type TxnResponseParts,
} from '@quorate/wire';
import { ReplicaError } from './errors.ts';
import type { Gate, GatedRequest } from './gate.ts';
import type { Quota } from './quota.ts';
import type { ReplicaObserver } from './options.ts';
import { readRange, readTxn, type Slices } from './sliced-range.ts';

export interface KvApiOptions {
  /** The store of the moment; a snapshot of the leader puts another one in its place. */
  readonly store: MvccStore;
  readonly quota: Quota;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  /** See `ReplicaOptions`. */
  readonly readSliceWork: number;
  /** Whether this member answers nobody any more. */
  readonly isStopped: () => boolean;
  /** Resolves when a read of the store is linearizable. */
  readonly linearizable: () => Later<void>;
  /** Identity and term, with that revision. */
  readonly header: (revision: number) => ResponseHeader;
  /** The quota refused a request before it was proposed: the alarm is due. */
  readonly onOverQuota: () => void;
  /** Resolves when the compaction under way has removed what it can, and that is stored. */
  readonly compacted: () => Promise<void>;
  readonly observer: Pick<ReplicaObserver, 'onRange'> | undefined;
}

/**
 * The key-value operations of a member, from a request to a complete response: shape, quota, log, answer.
 * Requests that write come encoded and go into the log as they are. Without a caller nobody asks. (Order of checks: reference, "order of
 * checks cheat sheet": quota first, then the fields.)
 */
export class KvApi {
  readonly #options: KvApiOptions;
  #rangeCount = 0;
  #readOnlyTxnCount = 0;

  constructor(options: KvApiOptions) {
    this.#options = options;
  }

  /** Ranges answered since the start, streams included. */
  get rangeCount(): number {
    return this.#rangeCount;
  }

  /** Transactions answered that only read; the others are counted where they are applied. */
  get readOnlyTxnCount(): number {
    return this.#readOnlyTxnCount;
  }

  /** It fails with KvRequestError, CompactedError, FutureRevisionError, ReplicaError, AuthError. */
  range(request: RangeRequest, caller: Caller = nobody): Later<RangeResponseParts> {
    return attempt(() => {
      validateRange(request);
      const access = (): Access => accessOfRange(request);
      return this.#readable(caller, request, access)
        .map(() => this.#read(request, caller, access))
        .map(this.#ranged);
    });
  }

  readonly #ranged = (response: RangeResponseParts): RangeResponseParts => {
    this.#rangeCount++;
    return this.#completed(response);
  };

  #read(
    request: RangeRequest,
    caller: Caller,
    access: () => Access,
  ): RangeResponseParts | Later<RangeResponseParts> {
    const { store, clock, observer } = this.#options;
    const startedAtMs = clock.now();
    const told = (isRead: boolean): void => observer?.onRange?.(isRead, clock.now() - startedAtMs, request);
    let response: ReturnType<typeof readRange>;
    try {
      response = readRange(store, request, this.#slices(store, caller, access));
    } catch (error) {
      told(false);
      throw error;
    }
    if (!(response instanceof Promise)) {
      told(true);
      return response;
    }
    response.then(
      () => told(true),
      () => told(false),
    );
    return Later.from(response);
  }

  /** A range in chunks at one revision; between two chunks others get their turn. */
  async *rangeStream(request: RangeRequest, caller: Caller = nobody): AsyncIterable<RangeResponseParts> {
    const { maxRequestBytes } = this.#options;
    validateRangeStream(request);
    const access = (): Access => accessOfRange(request);
    await this.#readable(caller, request, access);
    const { store } = this.#options;
    this.#rangeCount++;
    const streamer = new RangeStreamer(request, { maxRequestBytes });
    const slices = this.#slices(store, caller, access);
    for (;;) {
      slices.check();
      const chunk = streamer.next(store);
      if (chunk === undefined) return;
      yield this.#completed(chunk);
      await slices.nextTurn();
    }
  }

  /** Takes an encoded PutRequest. */
  put(encoded: Uint8Array, caller: Caller = nobody): Later<PutResponseParts> {
    return attempt(() => {
      const request = decodePutRequest(encoded);
      this.#checkQuota(putCost(request));
      validatePut(request);
      const access = (): Access => accessOfPut(request);
      return this.#propose<PutResponseParts>(caller, { field: raftRequestField.put, encoded, access });
    });
  }

  /** Takes an encoded DeleteRangeRequest. */
  deleteRange(bytes: Uint8Array, caller: Caller = nobody): Later<DeleteRangeResponseParts> {
    return attempt(() => {
      const request = decodeDeleteRangeRequest(bytes);
      validateDeleteRange(request);
      const encoded = encodeDeleteRangeRequest(request); // See `txn`.
      const field = raftRequestField.deleteRange;
      const access = (): Access => accessOfDeleteRange(request);
      return this.#propose<DeleteRangeResponseParts>(caller, { field, encoded, access });
    });
  }

  /** Takes an encoded TxnRequest. One that only reads is answered here and does not go into the log. */
  txn(bytes: Uint8Array, caller: Caller = nobody): Later<TxnResponseParts> {
    return attempt(() => {
      const { maxTxnOps } = this.#options;
      const request = decodeTxnRequest(bytes);
      this.#checkQuota(txnCost(request));
      validateTxn(request, { maxTxnOps });
      const access = (): Access => accessOfTxn(request);
      if (!isReadOnlyTxn(request)) {
        // The bytes of the client do not go into the log: a member of etcd takes the end of a range that is there and
        // empty for the end of all keys, and would delete more than this one. In the log of etcd there are none.
        const encoded = encodeTxnRequest(request);
        return this.#propose<TxnResponseParts>(caller, { field: raftRequestField.txn, encoded, access });
      }
      return this.#readable(caller, { serializable: isSerializableTxn(request) }, access)
        .map(() => this.#readTxn(request, caller, access))
        .map(this.#readOnce);
    });
  }

  #readTxn(
    request: TxnRequest,
    caller: Caller,
    access: () => Access,
  ): TxnResponseParts | Later<TxnResponseParts> {
    const { store } = this.#options;
    const response = readTxn(store, request, this.#slices(store, caller, access));
    return response instanceof Promise ? Later.from(response) : response;
  }

  readonly #readOnce = (response: TxnResponseParts): TxnResponseParts => {
    this.#readOnlyTxnCount++;
    return this.#completed(response);
  };

  /** Takes an encoded CompactionRequest; with `physical` it waits until the space is free. */
  async compact(encoded: Uint8Array, caller: Caller = nobody): Promise<ResponseHeader> {
    const { gate, header, compacted } = this.#options;
    const { physical } = rpcpb.CompactionRequest.decode(encoded);
    const field = raftRequestField.compaction;
    const revision = await gate.propose<number>(caller, { field, encoded, access: adminAccess });
    if (physical) await compacted();
    return header(revision);
  }

  /** Settled when what is asked for may be read, now: the state is new enough, and the caller allowed. */
  #readable(
    caller: Caller,
    { serializable }: { readonly serializable: boolean },
    access: () => Access,
  ): Later<void> {
    const { gate, linearizable, isStopped } = this.#options;
    if (!serializable) return linearizable().map(() => this.#checkAllowed(caller, access));
    if (isStopped()) return Later.failed(new ReplicaError('REPLICA_STOPPED'));
    if (gate.isOpen) return Later.of(undefined);
    // Much may be applied between a promise and who has waited for it.
    return Later.from(gate.require(caller, access)).map(() => this.#checkAllowed(caller, access));
  }

  /** How a long read goes on with this store. It may not once the member has stopped, nor who may not read any more. */
  #slices(store: MvccStore, caller: Caller, access: () => Access): Slices {
    return {
      work: this.#options.readSliceWork,
      nextTurn: this.#nextTurn,
      check: () => {
        if (this.#options.isStopped()) throw new ReplicaError('REPLICA_STOPPED');
        // A snapshot of the leader took the store's place meanwhile.
        if (this.#options.store !== store) throw new ReplicaError('REPLICA_LEADER_CHANGED');
        this.#checkAllowed(caller, access);
      },
    };
  }

  readonly #nextTurn = (): Promise<void> => new Promise((resolve) => this.#options.clock.soon(resolve));

  /** @throws AuthError */
  #checkAllowed(caller: Caller, access: () => Access): void {
    const { gate } = this.#options;
    if (!gate.isOpen) gate.check(caller, access());
  }

  #propose<R extends Headed>(caller: Caller, request: GatedRequest): Later<R> {
    return this.#options.gate.propose<R>(caller, request).map<R>(this.#completed);
  }

  /** Whoever executed a request knows the revision of its answer; the rest of the header is of now. */
  readonly #completed = <R extends Headed>(response: R): R => {
    if (response.header !== undefined) response.header = this.#options.header(response.header.revision);
    return response;
  };

  #checkQuota(costBytes: number): void {
    if (this.#options.quota.allows(costBytes)) return;
    this.#options.onOverQuota();
    throw new ReplicaError('REPLICA_NO_SPACE');
  }
}

interface Headed {
  header: ResponseHeader | undefined;
}

/** A request that is refused before anything is asked of anybody fails like one that is refused later. */
function attempt<T>(begin: () => Later<T>): Later<T> {
  try {
    return begin();
  } catch (error) {
    return Later.failed(error);
  }
}

function adminAccess(): Access {
  return { level: 'admin' };
}
