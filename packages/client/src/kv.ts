import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { noPrefix, type KeyPrefix } from './key-prefix.ts';
import { encodeMessage, methodPath, unaryMethod, type UnaryMethod } from './method.ts';
import { monotonicRead, noteRevision } from './monotonic-reads.ts';
import type { CallOptions } from './options.ts';

const service = rpcpb.KVDefinition;
const { methods } = service;

/** etcd's KV service, message for message; in a namespace, with its prefix before each key. */
export class Kv {
  /** Reads keys: one, or those of a range, now or as of a revision. */
  readonly range: UnaryMethod<rpcpb.RangeRequest, rpcpb.RangeResponse>;
  /** Writes a key. */
  readonly put: UnaryMethod<rpcpb.PutRequest, rpcpb.PutResponse>;
  /** Deletes keys. */
  readonly deleteRange: UnaryMethod<rpcpb.DeleteRangeRequest, rpcpb.DeleteRangeResponse>;
  /** Repeated only if it holds nothing but reads. */
  readonly txn: UnaryMethod<rpcpb.TxnRequest, rpcpb.TxnResponse>;
  /** Forgets what was before a revision: it cannot be read or watched any more. */
  readonly compact: UnaryMethod<rpcpb.CompactionRequest, rpcpb.CompactionResponse>;
  readonly #connections: Connections;
  readonly #prefix: KeyPrefix;

  constructor(connections: Connections, prefix: KeyPrefix = noPrefix) {
    const [read, write] = [{ repeatable: true }, { repeatable: false }];
    const range = monotonicRead(connections, unaryMethod(connections, service, methods.range, read));
    const put = noteRevision(connections, unaryMethod(connections, service, methods.put, write));
    const deletion = unaryMethod(connections, service, methods.deleteRange, write);
    const deleteRange = noteRevision(connections, deletion);
    const reading = monotonicRead(connections, unaryMethod(connections, service, methods.txn, read));
    const writing = noteRevision(connections, unaryMethod(connections, service, methods.txn, write));
    const txn: typeof writing = (request, options) =>
      isReadOnly(request) ? reading(request, options) : writing(request, options);
    this.#connections = connections;
    this.#prefix = prefix;
    this.compact = unaryMethod(connections, service, methods.compact, write);
    this.range = async (request, options) => prefix.stripRange(await range(prefix.addTo(request), options));
    this.put = async (request, options) =>
      prefix.stripPut(await put({ ...request, key: prefix.addToKey(request.key) }, options));
    this.deleteRange = async (request, options) =>
      prefix.stripDelete(await deleteRange(prefix.addTo(request), options));
    this.txn = async (request, options) => prefix.stripTxn(await txn(prefix.addToTxn(request), options));
  }

  /**
   * A range in parts, each as large as the server finds good, all of one revision; the last part carries
   * header, count and more. Servers before 3.7 answer UNIMPLEMENTED.
   */
  async *rangeStream(
    request: Partial<rpcpb.RangeRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<rpcpb.RangeResponse, void, undefined> {
    const path = methodPath(service, methods.rangeStream);
    const bytes = encodeMessage(rpcpb.RangeRequest, this.#prefix.addTo(request));
    for await (const message of this.#connections.serverMessages(path, bytes, options)) {
      const { rangeResponse } = rpcpb.RangeStreamResponse.decode(message);
      if (rangeResponse !== undefined) yield this.#prefix.stripRange(rangeResponse);
    }
  }
}

/** Whether doing a transaction twice is as good as once. */
function isReadOnly({ success = [], failure = [] }: Partial<rpcpb.TxnRequest>): boolean {
  return [...success, ...failure].every(({ request }) => {
    if (request?.$case === 'requestTxn') return isReadOnly(request.value);
    return request?.$case === 'requestRange';
  });
}
