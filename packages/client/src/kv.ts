import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { encodeMessage, methodPath, unaryMethod, type UnaryMethod } from './method.ts';
import type { CallOptions } from './options.ts';

const { methods } = rpcpb.KVDefinition;

/** etcd's KV service, message for message. */
export class Kv {
  readonly range: UnaryMethod<rpcpb.RangeRequest, rpcpb.RangeResponse>;
  readonly put: UnaryMethod<rpcpb.PutRequest, rpcpb.PutResponse>;
  readonly deleteRange: UnaryMethod<rpcpb.DeleteRangeRequest, rpcpb.DeleteRangeResponse>;
  /** Never repeated once sent, though it may hold nothing but reads. */
  readonly txn: UnaryMethod<rpcpb.TxnRequest, rpcpb.TxnResponse>;
  readonly compact: UnaryMethod<rpcpb.CompactionRequest, rpcpb.CompactionResponse>;
  readonly #connections: Connections;

  constructor(connections: Connections) {
    const service = rpcpb.KVDefinition;
    this.#connections = connections;
    this.range = unaryMethod(connections, service, methods.range, { repeatable: true });
    this.put = unaryMethod(connections, service, methods.put, { repeatable: false });
    this.deleteRange = unaryMethod(connections, service, methods.deleteRange, { repeatable: false });
    this.txn = unaryMethod(connections, service, methods.txn, { repeatable: false });
    this.compact = unaryMethod(connections, service, methods.compact, { repeatable: false });
  }

  /**
   * A range in parts, each as large as the server finds good, all of one revision; the last part carries
   * header, count and more. Servers before 3.7 answer UNIMPLEMENTED.
   */
  async *rangeStream(
    request: Partial<rpcpb.RangeRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<rpcpb.RangeResponse, void, undefined> {
    const path = methodPath(rpcpb.KVDefinition, methods.rangeStream);
    const bytes = encodeMessage(rpcpb.RangeRequest, request);
    for await (const message of this.#connections.serverMessages(path, bytes, options)) {
      const { rangeResponse } = rpcpb.RangeStreamResponse.decode(message);
      if (rangeResponse !== undefined) yield rangeResponse;
    }
  }
}
