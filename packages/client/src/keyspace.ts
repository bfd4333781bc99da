import { rpcpb, type mvccpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { Election } from './election.ts';
import type { KeyPrefix } from './key-prefix.ts';
import { toBytes, toKeyRange, toSelector, type Bytes, type KeySelector } from './keys.ts';
import { Kv } from './kv.ts';
import { Leases } from './lease.ts';
import { openLeasing, type LeasingKv, type LeasingOptions } from './leasing.ts';
import type { CallOptions } from './options.ts';
import { readPages, type Page, type PageOptions } from './pages.ts';
import { Barrier } from './recipes/barrier.ts';
import { PriorityQueue } from './recipes/priority-queue.ts';
import { Queue } from './recipes/queue.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';
import { runStm, type StmOptions, type StmTransaction } from './stm.ts';
import { TxnBuilder } from './txn-builder.ts';
import { toTxnRequest, type Txn } from './txn.ts';
import { TypedKv, type Codec } from './typed-kv.ts';
import { openView, type View, type ViewOptions } from './view.ts';
import { WatchGroup, type WatchGroupOptions } from './watch-group.ts';
import { Watch, type WatchOptions } from './watch.ts';

/** How keys are read. */
export interface ReadOptions extends CallOptions {
  /** Read as of this revision rather than now. */
  readonly revision?: bigint;
  /** Let the member answer from what it has, which may be old, without asking the others. */
  readonly serializable?: boolean;
}

const sortTargets = {
  key: rpcpb.RangeRequest_SortTarget.KEY,
  version: rpcpb.RangeRequest_SortTarget.VERSION,
  createRevision: rpcpb.RangeRequest_SortTarget.CREATE,
  modRevision: rpcpb.RangeRequest_SortTarget.MOD,
  value: rpcpb.RangeRequest_SortTarget.VALUE,
} as const;

/** How several keys are read. */
export interface ReadAllOptions extends ReadOptions {
  /** The most keys to return; 0 or left out is all. */
  readonly limit?: number;
  /** Leave the values out. */
  readonly keysOnly?: boolean;
  /** By what to sort, and in which order; by the key and ascending when it is left out. */
  readonly sort?: { readonly by?: keyof typeof sortTargets; readonly order?: 'ascend' | 'descend' };
  /** Leave out keys that were last written, or created, before or after these revisions; the bounds are included. */
  readonly minModRevision?: bigint;
  readonly maxModRevision?: bigint;
  readonly minCreateRevision?: bigint;
  readonly maxCreateRevision?: bigint;
}

/** How a key is written. */
export interface PutOptions extends CallOptions {
  /** The lease that the key shall die with. */
  readonly lease?: bigint;
  /** Have the response say what the key held before, as `prevKv`. */
  readonly prevKv?: boolean;
  /** Keep the value that the key has, which has to exist; the value given has to be empty. */
  readonly ignoreValue?: boolean;
  /** Keep the lease that the key has, which has to exist; no other can be given. */
  readonly ignoreLease?: boolean;
}

/** A response with its header, in which `revision` is that of the write. */
export type Answer<Response> = Omit<Response, 'header'> & { readonly header: rpcpb.ResponseHeader };

/**
 * Keys, and all that can be done with them: those of a whole cluster, as a `Client` has them, or those of a
 * `namespace`, whose names are given and delivered without its prefix. Leases, and revisions, are of the cluster.
 */
export class Keyspace {
  /** etcd's KV service, message for message. */
  readonly kv: Kv;
  /** Leases: grant, renew, ask about and revoke. */
  readonly lease: Leases;
  readonly #connections: Connections;
  readonly #prefix: KeyPrefix;

  constructor(connections: Connections, prefix: KeyPrefix) {
    this.#connections = connections;
    this.#prefix = prefix;
    this.kv = new Kv(connections, prefix);
    this.lease = new Leases(connections, prefix);
  }

  /** The key with its value and revisions, or undefined when there is none. */
  async get(key: Bytes, options: ReadOptions = {}): Promise<mvccpb.KeyValue | undefined> {
    const { kvs } = await this.kv.range({ key: toBytes(key), ...readFields(options) }, options);
    return kvs[0];
  }

  /** All keys of a selection, in order and as of one revision. */
  async getAll(selector: KeySelector, options: ReadAllOptions = {}): Promise<mvccpb.KeyValue[]> {
    const { limit = 0, keysOnly = false } = options;
    const request = {
      ...{ ...toKeyRange(selector), ...readFields(options), limit: BigInt(limit), keysOnly },
      ...sortFields(options.sort),
      minModRevision: options.minModRevision ?? 0n,
      maxModRevision: options.maxModRevision ?? 0n,
      minCreateRevision: options.minCreateRevision ?? 0n,
      maxCreateRevision: options.maxCreateRevision ?? 0n,
    };
    const { kvs } = await this.kv.range(request, options);
    return kvs;
  }

  /**
   * The keys of a selection in parts, all as of one revision, each asked for when it is wanted: there is always a
   * first page, which may be empty. Between two of them a compaction may remove the revision, an EtcdError with the
   * code OUT_OF_RANGE.
   */
  pages(selector: KeySelector, options: PageOptions = {}): AsyncGenerator<Page, void, undefined> {
    return readPages(this.kv, selector, options);
  }

  /** How many keys a selection has. */
  async count(selector: KeySelector, options: ReadOptions = {}): Promise<bigint> {
    const request = { ...toKeyRange(selector), ...readFields(options), countOnly: true };
    const { count } = await this.kv.range(request, options);
    return count;
  }

  /** Writes a key. The response's header has the revision of the write. */
  async put(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<Answer<rpcpb.PutResponse>> {
    const { lease = 0n, prevKv = false, ignoreValue = false, ignoreLease = false } = options;
    const flags = { lease, prevKv, ignoreValue, ignoreLease };
    return answered(await this.kv.put({ key: toBytes(key), value: toBytes(value), ...flags }, options));
  }

  /** Deletes keys, and says how many there were. */
  async delete(keys: Bytes | KeySelector, options: CallOptions = {}): Promise<bigint> {
    const { deleted } = await this.kv.deleteRange(toKeyRange(toSelector(keys)), options);
    return deleted;
  }

  /** Deletes keys, and returns what they held. */
  async take(keys: Bytes | KeySelector, options: CallOptions = {}): Promise<mvccpb.KeyValue[]> {
    const request = { ...toKeyRange(toSelector(keys)), prevKv: true };
    return (await this.kv.deleteRange(request, options)).prevKvs;
  }

  /** Begins a transaction with the conditions that it has: `when(compare…).do(op…).otherwise(op…).commit()`. */
  when(...conditions: rpcpb.Compare[]): TxnBuilder<readonly [], readonly []> {
    return new TxnBuilder(this, conditions, { success: [], failure: [] });
  }

  /** Does a transaction; see `compare` and `op` for what it is made of. */
  async txn(txn: Txn, options: CallOptions = {}): Promise<Answer<rpcpb.TxnResponse>> {
    return answered(await this.kv.txn(toTxnRequest(txn), options));
  }

  /**
   * Software transactional memory: reads and writes of `apply` happen as if nobody else wrote meanwhile. When somebody
   * did, `apply` is called again with what there is now; so it should do nothing else. What it throws ends the
   * transaction, and nothing is written.
   *
   * @throws EtcdError ABORTED when there were too many conflicts. After any other error of the commit that is not
   *   `unsent`, it may or may not have happened.
   */
  stm<T>(apply: (tx: StmTransaction) => Promise<T>, options: StmOptions = {}): Promise<T> {
    return runStm(this.#connections, this.kv, apply, options);
  }

  /** Watches keys; nothing is sent before the result is iterated. */
  watch(options: WatchOptions): Watch {
    return new Watch(this.#connections, options, { prefix: this.#prefix });
  }

  /** For many watches on one stream: `client.watchGroup().watch(…)`. */
  watchGroup(options: WatchGroupOptions = {}): WatchGroup {
    return new WatchGroup(this.#connections, this.#prefix, options);
  }

  /** Keeps a copy of some keys here, that follows what happens to them. Resolves when it is complete. */
  view(options: ViewOptions): Promise<View> {
    return openView(this, this.#connections, options);
  }

  /** A lease that is kept alive for as long as the session lives, and what one can hold with it. */
  session(options: SessionOptions = {}): Promise<Session> {
    return openSession(this, this.#connections, options);
  }

  /** Keys that are read from memory, as long as nobody wants to write them: the leasing of clients in Go. */
  leasing(options: LeasingOptions): Promise<LeasingKv> {
    return openLeasing(this, this.#connections, options);
  }

  /** An election seen from outside; `session.campaign` is for who wants to be elected. */
  election(name: Bytes): Election {
    return new Election(this, this.#connections, name);
  }

  /** A barrier that one holds and others wait at: `Barrier` of clients in Go. Nothing is sent before it is asked to. */
  barrier(name: Bytes): Barrier {
    return new Barrier(this, this.#connections, toBytes(name));
  }

  /** A queue of values, from many to many: `Queue` of clients in Go. */
  queue(name: Bytes): Queue {
    return new Queue(this, this.#connections, toBytes(name));
  }

  /** A queue whose values have priorities: `PriorityQueue` of clients in Go. */
  priorityQueue(name: Bytes): PriorityQueue {
    return new PriorityQueue(this, this.#connections, toBytes(name));
  }

  /** The same keys with values of a type: `client.typed(json<User>())`. */
  typed<T>(codec: Codec<T>): TypedKv<T> {
    return new TypedKv(this, codec, this.#connections.clock);
  }

  /** The keys that begin with a prefix, which is put before and taken off all names. */
  namespace(prefix: Bytes): Keyspace {
    return new Keyspace(this.#connections, this.#prefix.within(prefix));
  }
}

function readFields({ revision = 0n, serializable = false }: ReadOptions) {
  return { revision, serializable };
}

function sortFields(sort: ReadAllOptions['sort']): Partial<rpcpb.RangeRequest> {
  if (sort === undefined) return {};
  const { by = 'key', order = 'ascend' } = sort;
  const { ASCEND, DESCEND } = rpcpb.RangeRequest_SortOrder;
  return { sortTarget: sortTargets[by], sortOrder: order === 'ascend' ? ASCEND : DESCEND };
}

/** What a server leaves out is zero, as in protobuf. */
function answered<Response extends { readonly header: rpcpb.ResponseHeader | undefined }>(
  response: Response,
): Answer<Response> {
  return { ...response, header: response.header ?? rpcpb.ResponseHeader.create() };
}
