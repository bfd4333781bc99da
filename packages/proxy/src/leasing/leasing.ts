import {
  Client,
  compare,
  CompactedError,
  op,
  prefixEnd,
  type ClientOptions,
  type Keyspace,
} from '@quorate/client';
import {
  concatBytes,
  fromLatin1,
  fromUtf8,
  keyRange,
  toLatin1,
  unboundedEnd,
  type Clock,
  type Random,
} from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { backOff } from '../back-off.ts';
import type { WrittenRange } from '../written-ranges.ts';
import { LeasingSession, revokeText } from './leasing-session.ts';
import { OwnedKeys, type OwnedKey } from './owned-keys.ts';

/** Of one answer to the question who owns what; the question is asked again when there are more. */
const ownersMax = 1_000n;
/** A transaction has at most 128 comparisons; what writes in more places is taken for one that writes in between, too. */
const rangesMax = 100;

/** What a call of a client brings along. */
export interface LeasingCall {
  readonly metadata: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/**
 * Keys that this proxy owns are read without asking the cluster, and the answer is still the latest: whoever writes one
 * has to ask the owner first, and the owner knows when it is no owner any more. Who owns a key says the key behind
 * `prefix`: it hangs on the owner's lease, and holds `REVOKE` once somebody wants it deleted. That is etcd's way; its
 * proxies with the same prefix take part.
 */
export class Leasing implements AsyncDisposable {
  readonly #client: Client;
  readonly #keys: Keyspace;
  readonly #prefix: Uint8Array;
  readonly #owned: OwnedKeys;
  readonly #session: LeasingSession;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #closed = new AbortController();

  constructor(options: {
    readonly client: ClientOptions;
    /** What the keys of clients are behind. */
    readonly namespace: string;
    readonly prefix: string;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    const { client, namespace, prefix, clock, random } = options;
    this.#client = new Client(client);
    const keys = namespace === '' ? this.#client : this.#client.namespace(namespace);
    this.#keys = keys;
    this.#clock = clock;
    this.#random = random;
    this.#prefix = fromUtf8(prefix);
    this.#owned = new OwnedKeys({
      now: () => clock.now(),
      onEvicted: (key, { header }) => void this.#release(key, header.revision),
    });
    this.#session = new LeasingSession({
      ...{ keys, prefix, clock, random },
      onRevoked: (bytes, modRevision) => this.#revoked(toLatin1(bytes), modRevision),
      onReleased: (bytes, modRevision) => this.#released(toLatin1(bytes), modRevision),
      onLost: () => this.#owned.giveUpAll(),
    });
  }

  /** Keys that are owned. */
  get size(): number {
    return this.#owned.size;
  }

  /** Gives back all that is owned. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#session.close();
    await this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The latest value of a key; undefined for what the cluster has to be asked for. @throws EtcdError */
  async range(request: rpcpb.RangeRequest, call: LeasingCall): Promise<rpcpb.RangeResponse | undefined> {
    if (!isPlain(request)) return undefined;
    const key = toLatin1(request.key);
    for (;;) {
      call.signal.throwIfAborted();
      const leaseId = this.#session.leaseId;
      if (leaseId === undefined) return undefined;
      const owned = this.#owned.get(key);
      if (owned === undefined)
        return this.#owned.mayAcquire(key) ? await this.#acquire(key, leaseId, call) : undefined;
      if (owned.writes === 0) return answerOf(owned);
      await this.#owned.change();
    }
  }

  /** A put, once nobody else owns the key. @throws EtcdError */
  async put(request: rpcpb.PutRequest, call: LeasingCall): Promise<rpcpb.PutResponse> {
    const key = toLatin1(request.key);
    const operation = { request: { $case: 'requestPut', value: request } } as const;
    for (;;) {
      call.signal.throwIfAborted();
      const owned = this.#session.leaseId === undefined ? undefined : this.#owned.get(key);
      const { header, succeeded, responses } = await this.#putIfOurs(key, operation, { owned, call });
      if (!succeeded) {
        this.#owned.giveUp(key);
        await this.#untilReleased(this.#ownerKey(request.key), header.revision, call);
        continue;
      }
      const [done, read] = responses.map(({ response }) => response);
      if (owned !== undefined && this.#owned.get(key) === owned) {
        // What hangs on a lease may end without anybody writing it.
        if (request.lease !== 0n || read?.$case !== 'responseRange') this.#giveUp(key, header.revision);
        else if (header.revision > owned.header.revision) {
          owned.kv = read.value.kvs[0];
          owned.header = header;
        }
      }
      if (done?.$case !== 'responsePut') throw new Error('a put was not answered as one');
      return { ...done.value, header };
    }
  }

  /** Keys to delete, once nobody owns one of them. @throws EtcdError */
  async deleteRange(
    request: rpcpb.DeleteRangeRequest,
    call: LeasingCall,
  ): Promise<rpcpb.DeleteRangeResponse> {
    const operation = { request: { $case: 'requestDeleteRange', value: request } } as const;
    const { header, response } = await this.#exclusively([request], operation, call);
    if (response?.$case !== 'responseDeleteRange') throw new Error('a delete was not answered as one');
    return { ...response.value, header };
  }

  /** A transaction that writes in these ranges, once nobody owns a key in one of them. @throws EtcdError */
  async txn(
    request: rpcpb.TxnRequest,
    ranges: readonly WrittenRange[],
    call: LeasingCall,
  ): Promise<rpcpb.TxnResponse> {
    const operation = { request: { $case: 'requestTxn', value: request } } as const;
    const { header, response } = await this.#exclusively(ranges, operation, call);
    if (response?.$case !== 'responseTxn') throw new Error('a transaction was not answered as one');
    return { ...response.value, header };
  }

  /** Reads the key, and makes it ours if it is nobody's and hangs on no lease. */
  async #acquire(
    key: string,
    leaseId: bigint,
    { signal, metadata }: LeasingCall,
  ): Promise<rpcpb.RangeResponse> {
    const bytes = fromLatin1(key);
    const owner = this.#ownerKey(bytes);
    const acquisition = this.#owned.begin(key);
    try {
      const { header, succeeded, responses } = await this.#keys.txn(
        {
          compare: [compare.createRevision(owner, '=', 0n), compare.lease(bytes, '=', 0n)],
          success: [op.get({ key: bytes }), op.put(owner, '', { lease: leaseId })],
          failure: [op.get({ key: bytes })],
        },
        { signal, metadata },
      );
      const response = responses[0]?.response;
      if (response?.$case !== 'responseRange') throw new Error('a read was not answered as one');
      const isOurs = succeeded && !acquisition.isRevoked && this.#session.leaseId === leaseId;
      if (isOurs) {
        this.#owned.add(key, { since: header.revision, kv: response.value.kvs[0], header, writes: 0 });
      } else if (succeeded) void this.#release(key, header.revision);
      return { ...response.value, header };
    } finally {
      this.#owned.end(key, acquisition);
    }
  }

  /** Does it if the key is ours or nobody's, and asks its owner to give it up if not. */
  async #putIfOurs(
    key: string,
    operation: rpcpb.RequestOp,
    { owned, call }: { readonly owned: OwnedKey | undefined; readonly call: LeasingCall },
  ) {
    const bytes = fromLatin1(key);
    const owner = this.#ownerKey(bytes);
    if (owned !== undefined) owned.writes++;
    try {
      return await this.#keys.txn(
        {
          compare: [compare.createRevision(owner, '<', (owned?.since ?? 0n) + 1n)],
          success: [operation, ...(owned === undefined ? [] : [op.get({ key: bytes })])],
          failure: [op.put(owner, revokeText, { ignoreLease: true })],
        },
        call,
      );
    } catch (error) {
      // It may have been done.
      if (owned !== undefined) this.#giveUp(key, owned.header.revision);
      throw error;
    } finally {
      if (owned !== undefined) this.#owned.written(owned);
    }
  }

  async #exclusively(
    written: readonly WrittenRange[],
    operation: rpcpb.RequestOp,
    call: LeasingCall,
  ): Promise<{ readonly header: rpcpb.ResponseHeader; readonly response: rpcpb.ResponseOp['response'] }> {
    const ranges = atMost(rangesMax, written);
    const owners = ranges.map((range) => this.#ownersOf(range));
    for (let attempt = 1; ; attempt++) {
      call.signal.throwIfAborted();
      const { header, succeeded, responses } = await this.#keys.txn(
        {
          compare: owners.map((range) => compare.createRevision({ range }, '<', 1n)),
          success: [operation],
          failure: owners.map((range) => op.get({ range }, { keysOnly: true, limit: ownersMax })),
        },
        call,
      );
      if (succeeded) return { header, response: responses[0]?.response };
      const found = responses.flatMap(({ response }) =>
        response?.$case === 'responseRange' ? response.value.kvs : [],
      );
      for (const { key, lease } of found) await this.#takeAway({ key, lease, header, call });
      // Whoever reads the same keys all the time may own them again by now: leave him less time each time.
      if (attempt > 1) await backOff(1, { clock: this.#clock, random: this.#random, signal: call.signal });
    }
  }

  /** Has the owner give it up, or does so. */
  async #takeAway(what: {
    readonly key: Uint8Array;
    readonly lease: bigint;
    readonly header: rpcpb.ResponseHeader;
    readonly call: LeasingCall;
  }): Promise<void> {
    const { key: owner, lease, header, call } = what;
    const key = toLatin1(owner.subarray(this.#prefix.length));
    if (lease === this.#session.leaseId) {
      this.#owned.giveUp(key);
      return await this.#release(key, header.revision);
    }
    const { succeeded, header: asked } = await this.#keys.txn(
      {
        compare: [compare.createRevision(owner, '>', 0n)],
        success: [op.put(owner, revokeText, { ignoreLease: true })],
      },
      call,
    );
    if (succeeded) await this.#untilReleased(owner, asked.revision, call);
  }

  /** Somebody has removed the key that says who owns this one: we, when it was ours, or whoever should not. */
  #released(key: string, modRevision: bigint): void {
    const owned = this.#owned.get(key);
    if (owned === undefined || owned.since < modRevision) this.#owned.forget(key);
  }

  /** Somebody has asked for this key, in the key that says that it is ours. */
  #revoked(key: string, modRevision: bigint): void {
    const owned = this.#owned.get(key);
    // News of an owner before us.
    if (owned !== undefined && owned.since >= modRevision) return;
    this.#giveUp(key, modRevision);
  }

  #giveUp(key: string, revision: bigint): void {
    this.#owned.giveUp(key);
    void this.#release(key, revision);
  }

  /** Takes away the key that says that this one was ours at that revision; tries until the session ends. */
  async #release(key: string, revision: bigint): Promise<void> {
    const leaseId = this.#session.leaseId;
    const owner = this.#ownerKey(fromLatin1(key));
    const { signal } = this.#closed;
    for (
      let attempt = 1;
      leaseId !== undefined && leaseId === this.#session.leaseId && !signal.aborted;
      attempt++
    ) {
      try {
        await this.#keys.txn(
          {
            compare: [
              compare.createRevision(owner, '<', revision + 1n),
              compare.createRevision(owner, '>', 0n),
              compare.lease(owner, '=', leaseId),
            ],
            success: [op.delete({ key: owner })],
          },
          { signal },
        );
        return;
      } catch {
        await backOff(attempt, { clock: this.#clock, random: this.#random, signal });
      }
    }
  }

  /** Its owner has given it up after that revision, or has ended. */
  async #untilReleased(
    owner: Uint8Array,
    revision: bigint,
    { signal, metadata }: LeasingCall,
  ): Promise<void> {
    const options = { key: owner, startRevision: revision + 1n, signal, metadata };
    try {
      for await (const { type } of this.#keys.watch(options)) if (type === 'delete') return;
    } catch (error) {
      // Whether it was released is found out when it is asked for again.
      if (!(error instanceof CompactedError)) throw error;
    }
  }

  #ownerKey(key: Uint8Array): Uint8Array {
    return concatBytes([this.#prefix, key]);
  }

  /** The keys that say who owns what of a range. */
  #ownersOf({ key, rangeEnd }: WrittenRange): {
    readonly from: Uint8Array;
    readonly endExclusive: Uint8Array;
  } {
    const { start, endExclusive } = keyRange(key, rangeEnd);
    const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
    const end = isOpen ? prefixEnd(this.#prefix) : this.#ownerKey(fromLatin1(endExclusive));
    return { from: this.#ownerKey(fromLatin1(start)), endExclusive: end };
  }
}

/** Whether a request asks for no more than what one key holds now. */
function isPlain(request: rpcpb.RangeRequest): boolean {
  const { key, rangeEnd, revision, serializable, keysOnly, countOnly } = request;
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision, sortTarget, sortOrder } =
    request;
  const filters = minModRevision | maxModRevision | minCreateRevision | maxCreateRevision;
  const isSorted = sortTarget !== 0 || sortOrder !== 0;
  const isBare = key.length > 0 && rangeEnd.length === 0 && revision <= 0n && filters === 0n && !isSorted;
  return isBare && !serializable && !keysOnly && !countOnly;
}

function answerOf({ kv, header }: OwnedKey): rpcpb.RangeResponse {
  return { header, kvs: kv === undefined ? [] : [kv], more: false, count: kv === undefined ? 0n : 1n };
}

/** These ranges, or one that holds all of them when they are too many. */
function atMost(max: number, ranges: readonly WrittenRange[]): readonly WrittenRange[] {
  if (ranges.length <= max) return ranges;
  const known = ranges.map(({ key, rangeEnd }) => keyRange(key, rangeEnd));
  const start = known.reduce((least, range) => (range.start < least ? range.start : least), unboundedEnd);
  const end = known.reduce((most, range) => (range.endExclusive > most ? range.endExclusive : most), '');
  return [{ key: fromLatin1(start), rangeEnd: end === unboundedEnd ? new Uint8Array(1) : fromLatin1(end) }];
}
