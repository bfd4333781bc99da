import type { mvccpb, rpcpb } from '@quorate/wire';
import { Auth } from './auth.ts';
import { Cluster } from './cluster.ts';
import { Connections, type UnaryCallOptions } from './connections.ts';
import { toBytes, toKeyRange, type Bytes, type KeySelector } from './keys.ts';
import { Kv } from './kv.ts';
import { Leases } from './lease.ts';
import { Maintenance } from './maintenance.ts';
import type { CallOptions, ClientOptions } from './options.ts';
import { toTxnRequest, type Txn } from './txn.ts';
import { Watch, type WatchOptions } from './watch.ts';

/** How keys are read. */
export interface ReadOptions extends CallOptions {
  /** Read as of this revision rather than now. */
  readonly revision?: bigint;
  /** Let the member answer from what it has, which may be old, without asking the others. */
  readonly serializable?: boolean;
}

/** How several keys are read. */
export interface ReadAllOptions extends ReadOptions {
  /** The most keys to return; 0 or left out is all. */
  readonly limit?: number;
  /** Leave the values out. */
  readonly keysOnly?: boolean;
}

/** How a key is written. */
export interface PutOptions extends CallOptions {
  /** The lease that the key shall die with. */
  readonly lease?: bigint;
}

/**
 * A client of an etcd or Quorate cluster. Connections are opened when first needed; dispose of the client to
 * close them: `await using client = new Client(…)`.
 *
 * Reads are tried again at other members when one is unavailable. A write is sent again only when it surely
 * never left this process: after any other failure it may have happened, and only the caller knows whether
 * doing it twice is harmless.
 */
export class Client implements AsyncDisposable {
  readonly kv: Kv;
  readonly lease: Leases;
  readonly cluster: Cluster;
  readonly maintenance: Maintenance;
  readonly auth: Auth;
  readonly #connections: Connections;

  constructor(options: ClientOptions) {
    this.#connections = new Connections(options);
    this.kv = new Kv(this.#connections);
    this.lease = new Leases(this.#connections);
    this.cluster = new Cluster(this.#connections);
    this.maintenance = new Maintenance(this.#connections);
    this.auth = new Auth(this.#connections);
  }

  /** The endpoints given. */
  get endpoints(): readonly string[] {
    return this.#connections.endpoints;
  }

  /** The key with its value and revisions, or undefined when there is none. */
  async get(key: Bytes, options: ReadOptions = {}): Promise<mvccpb.KeyValue | undefined> {
    const { kvs } = await this.kv.range({ key: toBytes(key), ...readFields(options) }, options);
    return kvs[0];
  }

  /** All keys of a selection, in order and as of one revision. */
  async getAll(selector: KeySelector, options: ReadAllOptions = {}): Promise<mvccpb.KeyValue[]> {
    const { limit = 0, keysOnly = false } = options;
    const request = { ...toKeyRange(selector), ...readFields(options), limit: BigInt(limit), keysOnly };
    const { kvs } = await this.kv.range(request, options);
    return kvs;
  }

  /** How many keys a selection has. */
  async count(selector: KeySelector, options: ReadOptions = {}): Promise<bigint> {
    const request = { ...toKeyRange(selector), ...readFields(options), countOnly: true };
    const { count } = await this.kv.range(request, options);
    return count;
  }

  /** Writes a key. The response's header has the revision of the write. */
  put(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<rpcpb.PutResponse> {
    const { lease = 0n } = options;
    return this.kv.put({ key: toBytes(key), value: toBytes(value), lease }, options);
  }

  /** Deletes keys, and says how many there were. */
  async delete(keys: Bytes | KeySelector, options: CallOptions = {}): Promise<bigint> {
    const selector = typeof keys === 'string' || keys instanceof Uint8Array ? { key: keys } : keys;
    const { deleted } = await this.kv.deleteRange(toKeyRange(selector), options);
    return deleted;
  }

  /** Does a transaction; see `compare` and `op` for what it is made of. */
  txn(txn: Txn, options: CallOptions = {}): Promise<rpcpb.TxnResponse> {
    return this.kv.txn(toTxnRequest(txn), options);
  }

  /** Watches keys; nothing is sent before the result is iterated. */
  watch(options: WatchOptions): Watch {
    return new Watch(this.#connections, options);
  }

  /** Any unary method by its path, `/package.Service/Method`, with bytes in and out. */
  unary(path: string, request: Uint8Array, options: UnaryCallOptions = {}): Promise<Uint8Array> {
    return this.#connections.unary(path, request, options);
  }

  /**
   * Finds out whether the credentials are good; without a call to this, the first other call does.
   *
   * @throws EtcdError INVALID_ARGUMENT when they are not
   */
  authenticate(options: Pick<CallOptions, 'timeoutMs' | 'signal'> = {}): Promise<void> {
    return this.#connections.authenticate(options);
  }

  /** Ends all streams, waits for the calls under way and closes the connections. Harmless when done twice. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function readFields({ revision = 0n, serializable = false }: ReadOptions) {
  return { revision, serializable };
}
