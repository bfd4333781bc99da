import { concatBytes, fromLatin1, fromUtf8, toLatin1, toUtf8 } from '@quorate/std';
import { rpcpb, type mvccpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { CompactedError } from './errors.ts';
import { toBytes, toKeyRange, toSelector, type Bytes, type KeySelector } from './keys.ts';
import type { Answer, Keyspace, PutOptions } from './keyspace.ts';
import type { CallOptions } from './options.ts';
import { persistently } from './persistently.ts';
import { untilDeleted } from './queue-place.ts';
import type { Session, SessionOptions } from './session.ts';
import { limitedSignal } from './time-limit.ts';
import { compare, op, toTxnRequest, type Txn } from './txn.ts';
import type { WatchEvent } from './watch.ts';

const keysMaxDefault = 10_000;
/** What is written to the key of an owner who is asked to give up; Go's clients say the same. */
const revokeWord = 'REVOKE';

/** How keys are owned. */
export interface LeasingOptions extends SessionOptions {
  /** Below this the owners of keys stand, `<prefix><key>` for each. All who share keys have to name the same. */
  readonly prefix: Bytes;
  /** How many keys are owned at most; default 10,000. Others are read and written without being kept here. */
  readonly keysMax?: number;
}

/** A key that is ours. */
interface Owned {
  /** That created the key of its owner, which is us as long as this one is there. */
  readonly ownRevision: bigint;
  /** What the key holds, if that is known: it is not while it is written. */
  known: { readonly kv: mvccpb.KeyValue | undefined } | undefined;
  /** Writes that began, and those of them that are under way. */
  begun: number;
  underWay: number;
}

/** Keys that are about to become ours, and the last revision in which one of them was lost again. */
interface Acquiring {
  lostAt: bigint;
}

/** See `Keyspace.leasing`. */
export async function openLeasing(
  keyspace: Keyspace,
  connections: Connections,
  { prefix, keysMax = keysMaxDefault, ...options }: LeasingOptions,
): Promise<LeasingKv> {
  const session = await keyspace.session(options);
  try {
    const { timeoutMs, signal, context } = options;
    const request = { ...toKeyRange({ prefix }), countOnly: true };
    const { header } = await keyspace.kv.range(request, { timeoutMs, signal, context });
    const revision = header?.revision ?? 0n;
    const own = { session, prefix: toBytes(prefix), keysMax, revision, context };
    return new LeasingKv(keyspace, connections, own);
  } catch (error) {
    await session.close();
    throw error;
  }
}

/**
 * Keys that are read from memory, and never too old: whoever reads a key becomes its owner, and as long as he is,
 * everybody else who wants to write it asks him to give it up first. For keys that are read often and seldom written.
 * It is the leasing of clients in Go, with their keys, so both can share them.
 *
 * All who write these keys have to do so by leasing with the same prefix; nobody hinders those who do not. An owner who
 * is cut off is waited for until his session has ended.
 */
export class LeasingKv implements AsyncDisposable {
  readonly #keyspace: Keyspace;
  readonly #connections: Connections;
  readonly #session: Session;
  readonly #prefix: Uint8Array;
  readonly #keysMax: number;
  readonly #owned = new Map<string, Owned>();
  readonly #acquiring = new Map<string, Set<Acquiring>>();
  readonly #following: Promise<void>;

  /** @internal `Keyspace.leasing` makes them. */
  constructor(
    keyspace: Keyspace,
    connections: Connections,
    options: {
      readonly session: Session;
      readonly prefix: Uint8Array;
      readonly keysMax: number;
      readonly revision: bigint;
      readonly context: unknown;
    },
  ) {
    this.#keyspace = keyspace;
    this.#connections = connections;
    this.#session = options.session;
    this.#prefix = options.prefix;
    this.#keysMax = options.keysMax;
    this.#following = this.#follow(options.revision + 1n, options.context);
  }

  /** Aborts when the session ends. From then on all goes to the server, and nothing is kept here. */
  get signal(): AbortSignal {
    return this.#session.signal;
  }

  /** How many keys are owned. */
  get size(): number {
    return this.#owned.size;
  }

  /** The key: from memory if we own it, otherwise from the server, and from then on we do. */
  async get(key: Bytes, options: CallOptions = {}): Promise<mvccpb.KeyValue | undefined> {
    const bytes = toBytes(key);
    const owned = this.#owned.get(toLatin1(bytes));
    if (owned?.known !== undefined && this.#session.isAlive) return owned.known.kv;
    return owned === undefined
      ? await this.#acquire(bytes, options)
      : await this.#refresh(bytes, owned, options);
  }

  /** Writes a key, after its owner has given it up; one that we own stays ours. Returns the revision. */
  async put(key: Bytes, value: Bytes, { lease = 0n, ...options }: PutOptions = {}): Promise<bigint> {
    const success = [op.put(key, value, { lease }), op.get({ key })];
    const { answer, settle } = await this.#commit({ success }, options);
    const response = answer.responses[1]?.response;
    settle(response?.$case === 'responseRange' ? { kv: response.value.kvs[0] } : undefined);
    return answer.header.revision;
  }

  /** Deletes keys, after their owners have given them up; says how many there were. */
  async delete(keys: Bytes | KeySelector, options: CallOptions = {}): Promise<bigint> {
    const { responses } = await this.txn({ success: [op.delete(toSelector(keys))] }, options);
    const response = responses[0]?.response;
    return response?.$case === 'responseDeleteRange' ? response.value.deleted : 0n;
  }

  /** Does a transaction, after the owners of all keys that it may write have given them up. */
  async txn(txn: Txn, options: CallOptions = {}): Promise<Answer<rpcpb.TxnResponse>> {
    const { answer, settle } = await this.#commit(txn, options);
    settle(undefined);
    return answer;
  }

  /** Gives up all keys. Harmless when done twice. */
  async close(): Promise<void> {
    await this.#session.close();
    await this.#following;
    this.#owned.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The answer, and what is to be told what the one key that was written holds now, if that is known. */
  async #commit(txn: Txn, options: CallOptions) {
    using limited = limitedSignal(this.#connections.clock, options);
    const given = { ...options, signal: limited.signal };
    const written = writtenBy(toTxnRequest(txn));
    for (;;) {
      const touched = this.#touch(written);
      const outer = {
        compare: written.map((range) => this.#mayWrite(range)),
        success: [op.txn(txn)],
        failure: written.map((range) => op.get(this.#ownersOf(range))),
      };
      try {
        const { succeeded, header, responses } = await this.#keyspace.txn(outer, given);
        const inner = responses[0]?.response;
        if (succeeded && inner?.$case === 'responseTxn') {
          return {
            answer: { ...inner.value, header },
            settle: (known: Owned['known']) => settleAll(touched, known),
          };
        }
        settleAll(touched, undefined);
        const owners = responses.flatMap(({ response }) =>
          response?.$case === 'responseRange' ? response.value.kvs : [],
        );
        this.#forgetLost(touched, owners);
        const own = new Set(touched.map(({ owned }) => owned.ownRevision));
        for (const owner of owners) {
          if (!own.has(owner.createRevision)) await this.#revoke(owner, given);
        }
      } catch (error) {
        settleAll(touched, undefined);
        // It may be done yet; not any more when we are not the owner by this key of ours.
        for (const { id, owned } of touched) this.#giveUp(id, owned);
        throw error;
      }
    }
  }

  async #acquire(key: Uint8Array, options: CallOptions): Promise<mvccpb.KeyValue | undefined> {
    const id = toLatin1(key);
    if (this.#owned.size >= this.#keysMax || !this.#session.isAlive)
      return await this.#keyspace.get(key, options);
    const owner = this.#ownerKey(key);
    const acquiring: Acquiring = { lostAt: 0n };
    const others = this.#acquiring.get(id) ?? new Set();
    this.#acquiring.set(id, others.add(acquiring));
    try {
      const outcome = await this.#keyspace
        .when(compare.createRevision(owner, '=', 0n))
        .do(op.get({ key }), op.put(owner, '', { lease: this.#session.leaseId }))
        .otherwise(op.get({ key }))
        .commit(options);
      const kv = outcome.results[0].kvs[0];
      const ownRevision = outcome.header.revision;
      // Word that it is wanted may have come before the answer.
      const isOurs = outcome.succeeded && acquiring.lostAt < ownRevision && this.#session.isAlive;
      if (isOurs) this.#owned.set(id, { ownRevision, known: { kv }, begun: 0, underWay: 0 });
      return kv;
    } finally {
      others.delete(acquiring);
      if (others.size === 0) this.#acquiring.delete(id);
    }
  }

  /** What we own was written by ourselves, and so has to be read again. */
  async #refresh(key: Uint8Array, owned: Owned, options: CallOptions): Promise<mvccpb.KeyValue | undefined> {
    const { begun, underWay } = owned;
    const outcome = await this.#keyspace
      .when(compare.createRevision(this.#ownerKey(key), '=', owned.ownRevision))
      .do(op.get({ key }))
      .otherwise(op.get({ key }))
      .commit(options);
    const kv = outcome.results[0].kvs[0];
    if (outcome.succeeded && underWay === 0 && owned.begun === begun) owned.known = { kv };
    return kv;
  }

  /** Hears who wants what we own, until the session ends. */
  async #follow(fromRevision: bigint, context: unknown): Promise<void> {
    const { signal } = this.#session;
    let startRevision = fromRevision;
    try {
      for (;;) {
        try {
          const watched = { prefix: this.#prefix, startRevision, signal, context };
          for await (const event of this.#keyspace.watch(watched)) this.#hear(event);
        } catch (error) {
          if (!(error instanceof CompactedError)) throw error;
          startRevision = (await this.#startAnew(signal)) + 1n;
        }
      }
    } catch {
      // The session has ended, or nobody tells us any more when we have to give up: so we do.
      this.#owned.clear();
      if (!signal.aborted) await this.#session.close();
    }
  }

  #hear({ type, kv }: WatchEvent): void {
    const key = kv.key.subarray(this.#prefix.length);
    const isWanted = type === 'put' && toUtf8(kv.value) === revokeWord;
    if (type === 'put' && !(isWanted && kv.lease === this.#session.leaseId)) return;
    const id = toLatin1(key);
    for (const acquiring of this.#acquiring.get(id) ?? []) acquiring.lostAt = kv.modRevision;
    const owned = this.#owned.get(id);
    if (owned !== undefined && owned.ownRevision < kv.modRevision) this.#owned.delete(id);
    if (isWanted) this.#rescind(key, kv.createRevision);
  }

  /** Gives up everything, after word of who wants what was lost. Returns the revision that is heard of next. */
  async #startAnew(signal: AbortSignal): Promise<bigint> {
    this.#owned.clear();
    const all = toKeyRange({ prefix: this.#prefix });
    const { kvs, header } = await persistently(this.#connections, signal, () =>
      this.#keyspace.kv.range(all, { signal }),
    );
    const revision = header?.revision ?? 0n;
    for (const acquirings of this.#acquiring.values()) {
      for (const acquiring of acquirings) acquiring.lostAt = revision;
    }
    for (const { key, createRevision, lease } of kvs) {
      if (lease === this.#session.leaseId) this.#rescind(key.subarray(this.#prefix.length), createRevision);
    }
    return revision;
  }

  #giveUp(id: string, owned: Owned): void {
    if (this.#owned.get(id) !== owned) return;
    this.#owned.delete(id);
    this.#rescind(fromLatin1(id), owned.ownRevision);
  }

  /** Deletes our own mark in the background, so that others may write. It goes with the session in any case. */
  #rescind(key: Uint8Array, ownRevision: bigint): void {
    const owner = this.#ownerKey(key);
    const txn = {
      compare: [compare.createRevision(owner, '=', ownRevision)],
      success: [op.delete({ key: owner })],
    };
    void persistently(this.#connections, this.#session.signal, () => this.#keyspace.txn(txn)).catch(() => {});
  }

  /** Asks an owner to give up, which we may be ourselves, and waits until he has. */
  async #revoke({ key, createRevision }: mvccpb.KeyValue, options: CallOptions): Promise<void> {
    const { succeeded, header } = await this.#keyspace
      .when(compare.createRevision(key, '=', createRevision))
      .do(op.put(key, revokeWord, { ignoreLease: true }))
      .commit(options);
    if (!succeeded) return;
    const { signal, context } = options;
    await untilDeleted(this.#keyspace, key, { startRevision: header.revision + 1n, signal, context });
  }

  /** What we own of these is not known from now on. Whole ranges are given up: they are written as nobody's. */
  #touch(written: readonly Range[]): Touched[] {
    const touched: Touched[] = [];
    for (const range of written) {
      const ids = range.rangeEnd.length > 0 ? [...this.#owned.keys()] : [toLatin1(range.key)];
      for (const id of ids) {
        const owned = this.#owned.get(id);
        if (owned === undefined || !contains(range, id)) continue;
        if (range.rangeEnd.length > 0) {
          this.#giveUp(id, owned);
          continue;
        }
        owned.known = undefined;
        owned.underWay++;
        touched.push({ id, owned, begun: ++owned.begun });
      }
    }
    return touched;
  }

  /** Holds when nobody owns these keys, or we the one that we believe to own. */
  #mayWrite(range: Range): rpcpb.Compare {
    const own = range.rangeEnd.length > 0 ? undefined : this.#owned.get(toLatin1(range.key))?.ownRevision;
    return compare.createRevision(this.#ownersOf(range), '=', own ?? 0n);
  }

  /** What we believed to own is not ours, though nobody has told us yet. */
  #forgetLost(touched: readonly Touched[], owners: readonly mvccpb.KeyValue[]): void {
    for (const { id, owned } of touched) {
      const owner = owners.find(({ key }) => toLatin1(key.subarray(this.#prefix.length)) === id);
      if (owner?.createRevision !== owned.ownRevision && this.#owned.get(id) === owned)
        this.#owned.delete(id);
    }
  }

  #ownersOf({ key, rangeEnd }: Range): KeySelector {
    const from = this.#ownerKey(key);
    if (rangeEnd.length === 0) return { key: from };
    const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
    const { rangeEnd: behindAll } = toKeyRange({ prefix: this.#prefix });
    return { range: { from, endExclusive: isOpen ? behindAll : this.#ownerKey(rangeEnd) } };
  }

  #ownerKey(key: Uint8Array): Uint8Array {
    return concatBytes([this.#prefix, key]);
  }
}

/** A key of ours that is being written, and which of its writes this is. */
interface Touched {
  readonly id: string;
  readonly owned: Owned;
  readonly begun: number;
}

/** A write has ended. What a key holds is known only by one who wrote it last, and alone. */
function settleAll(touched: readonly Touched[], known: Owned['known']): void {
  for (const { owned, begun } of touched) {
    owned.underWay--;
    if (known !== undefined && owned.underWay === 0 && owned.begun === begun) owned.known = known;
  }
}

interface Range {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** What a transaction may write, whichever way it goes. */
function writtenBy({ success, failure }: rpcpb.TxnRequest): Range[] {
  return [...success, ...failure].flatMap(({ request }): Range[] => {
    switch (request?.$case) {
      case 'requestPut':
        return [{ key: request.value.key, rangeEnd: fromUtf8('') }];
      case 'requestDeleteRange':
        return [request.value];
      case 'requestTxn':
        return writtenBy(request.value);
      default:
        return [];
    }
  });
}

/** Keys in latin1 sort as their bytes. */
function contains({ key, rangeEnd }: Range, id: string): boolean {
  const from = toLatin1(key);
  if (rangeEnd.length === 0) return id === from;
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return id >= from && (isOpen || id < toLatin1(rangeEnd));
}
