import { fromLatin1, toLatin1 } from '@quorate/std';
import type { mvccpb, rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { EtcdError } from './errors.ts';
import { toBytes, type Bytes } from './keys.ts';
import type { Kv } from './kv.ts';
import type { CallOptions } from './options.ts';
import { limitedSignal } from './time-limit.ts';
import { compare, op, toTxnRequest } from './txn.ts';
import { unlessAborted } from './unless-aborted.ts';

const attemptsDefault = 100;

/**
 * What a transaction is kept from. `serializable-snapshot`: all reads are as of one revision, and neither what was read
 * nor what is written has changed since. `serializable`: keys that are only written may have. `repeatable-reads`: reads
 * may be of different revisions, yet none has changed at the end. `read-committed`: nothing is checked at the end.
 */
export type StmIsolation = 'serializable-snapshot' | 'serializable' | 'repeatable-reads' | 'read-committed';

/** How a transaction is done. */
export interface StmOptions extends CallOptions {
  /** Default `serializable-snapshot`. */
  readonly isolation?: StmIsolation;
  /** Keys that will be read, to have them all by one request. */
  readonly prefetch?: readonly Bytes[];
  /** How often `apply` is called at most, when others write in between. Default 100. */
  readonly attemptsMax?: number;
  /** For all of it, conflicts included. There is no limit but that of each request when it is left out. */
  readonly timeoutMs?: number | undefined;
}

/** One attempt at a transaction: reads, and writes that are done at the end, all or none. */
export class StmTransaction {
  readonly #kv: Kv;
  readonly #options: StmOptions;
  /** All reads but those of the weaker isolations are as of this revision; 0 until the first. */
  #snapshotRevision = 0n;
  readonly #reads = new Map<string, mvccpb.KeyValue | undefined>();
  readonly #known: Map<string, mvccpb.KeyValue | undefined>;
  readonly #writes = new Map<string, rpcpb.RequestOp>();
  readonly #written = new Map<string, Uint8Array | undefined>();

  /** @internal `Keyspace.stm` makes them. */
  constructor(kv: Kv, options: StmOptions, known: KnownKeys) {
    this.#kv = kv;
    this.#options = options;
    this.#known = known.kvs;
    if (isSnapshot(options)) this.#snapshotRevision = known.revision;
  }

  /** What a key holds: as this transaction has written it, or else as it was read. Undefined for no such key. */
  async get(key: Bytes): Promise<Uint8Array | undefined> {
    const id = toLatin1(toBytes(key));
    return this.#written.has(id) ? this.#written.get(id) : (await this.#read(id))?.value;
  }

  /** The key with its revisions as it was read, whatever this transaction has written since. */
  getKeyValue(key: Bytes): Promise<mvccpb.KeyValue | undefined> {
    return this.#read(toLatin1(toBytes(key)));
  }

  /** Writes a key at the end. */
  put(key: Bytes, value: Bytes, options: Pick<rpcpb.PutRequest, 'lease'> = { lease: 0n }): void {
    const id = toLatin1(toBytes(key));
    this.#written.set(id, toBytes(value));
    this.#writes.set(id, op.put(key, value, options));
  }

  /** Deletes a key at the end. */
  delete(key: Bytes): void {
    const id = toLatin1(toBytes(key));
    this.#written.set(id, undefined);
    this.#writes.set(id, op.delete({ key }));
  }

  /**
   * Does the writes if nothing stands against it. Otherwise returns what the keys that were read hold now.
   *
   * @internal
   */
  async commit(): Promise<KnownKeys | undefined> {
    // Reads of one revision, and nothing else, happened at that revision.
    if (this.#writes.size === 0 && isSnapshot(this.#options)) return undefined;
    const ids = [...this.#reads.keys()];
    const request = toTxnRequest({
      compare: this.#conditions(),
      success: [...this.#writes.values()],
      failure: ids.map((id) => op.get({ key: fromLatin1(id) })),
    });
    const response = await this.#kv.txn(request, this.#options);
    return response.succeeded ? undefined : knownKeys(ids, response);
  }

  async #read(id: string): Promise<mvccpb.KeyValue | undefined> {
    if (this.#reads.has(id)) return this.#reads.get(id);
    const kv = this.#known.has(id) ? this.#known.get(id) : await this.#fetch(id);
    this.#reads.set(id, kv);
    return kv;
  }

  async #fetch(id: string): Promise<mvccpb.KeyValue | undefined> {
    const request = { key: fromLatin1(id), revision: this.#snapshotRevision };
    const { kvs, header } = await this.#kv.range(request, this.#options);
    if (isSnapshot(this.#options) && this.#snapshotRevision === 0n) {
      this.#snapshotRevision = header?.revision ?? 0n;
    }
    return kvs[0];
  }

  #conditions(): rpcpb.Compare[] {
    const { isolation = isolationDefault } = this.#options;
    if (isolation === 'read-committed') return [];
    const unchanged = [...this.#reads].map(([id, kv]) =>
      compare.modRevision(fromLatin1(id), '=', kv?.modRevision ?? 0n),
    );
    if (isolation !== 'serializable-snapshot' || this.#reads.size === 0) return unchanged;
    const unread = [...this.#writes.keys()].filter((id) => !this.#reads.has(id));
    const before = this.#snapshotRevision + 1n;
    return [...unchanged, ...unread.map((id) => compare.modRevision(fromLatin1(id), '<', before))];
  }
}

/** What keys held at a revision. */
interface KnownKeys {
  readonly revision: bigint;
  readonly kvs: Map<string, mvccpb.KeyValue | undefined>;
}

const isolationDefault = 'serializable-snapshot';

function isSnapshot({ isolation = isolationDefault }: StmOptions): boolean {
  return isolation === 'serializable-snapshot' || isolation === 'serializable';
}

/** See `Keyspace.stm`. */
export async function runStm<T>(
  connections: Connections,
  kv: Kv,
  apply: (tx: StmTransaction) => Promise<T>,
  given: StmOptions,
): Promise<T> {
  using limited = limitedSignal(connections.clock, given);
  const options = { ...given, signal: limited.signal };
  const { attemptsMax = attemptsDefault, prefetch = [], signal } = options;
  let known = await prefetched(kv, prefetch, options);
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    signal.throwIfAborted();
    const outcome = await attemptOnce(new StmTransaction(kv, options, known), apply, signal);
    if ('result' in outcome) return outcome.result;
    ({ known } = outcome);
    // The first conflict is tried again at once; who meets more makes room for others.
    if (attempt > 1) await connections.pause(Math.min(attempt - 1, 4), signal);
  }
  throw new EtcdError('ABORTED', `the transaction met conflicts ${attemptsMax} times`);
}

async function attemptOnce<T>(
  tx: StmTransaction,
  apply: (tx: StmTransaction) => Promise<T>,
  signal: AbortSignal,
): Promise<{ readonly result: T } | { readonly known: KnownKeys }> {
  let result: T;
  try {
    result = await unlessAborted(apply(tx), signal);
  } catch (error) {
    // The snapshot was compacted away while it was read: there is a newer one.
    if (error instanceof EtcdError && error.message === compactedText) return { known: nothingKnown() };
    throw error;
  }
  const known = await tx.commit();
  return known === undefined ? { result } : { known };
}

const compactedText = 'etcdserver: mvcc: required revision has been compacted';

async function prefetched(kv: Kv, keys: readonly Bytes[], options: StmOptions): Promise<KnownKeys> {
  if (keys.length === 0) return nothingKnown();
  const ids = [...new Set(keys.map((key) => toLatin1(toBytes(key))))];
  const success = ids.map((id) => op.get({ key: fromLatin1(id) }));
  return knownKeys(ids, await kv.txn(toTxnRequest({ success }), options));
}

function nothingKnown(): KnownKeys {
  return { revision: 0n, kvs: new Map() };
}

/** What the reads of a transaction's branch, one for each key, have found. */
function knownKeys(ids: readonly string[], { header, responses }: rpcpb.TxnResponse): KnownKeys {
  const kvs = new Map<string, mvccpb.KeyValue | undefined>();
  for (const [i, id] of ids.entries()) {
    const response = responses[i]?.response;
    kvs.set(id, response?.$case === 'responseRange' ? response.value.kvs[0] : undefined);
  }
  return { revision: header?.revision ?? 0n, kvs };
}
