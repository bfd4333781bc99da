import {
  decodeRangeRequest,
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
  rpcpb,
  type ResponseHeader,
} from '@quorate/wire';
import { decodeRequest } from './generated-method.ts';
import { generatedHeader } from './header.ts';
import type { Member, MemberKv } from './member.ts';
import type { Method, StreamCall } from './transport.ts';

/** `etcdserverpb.KV`. Requests that change something go to the member as the bytes they came in. */
export function kvService({ kv }: Member): Record<keyof typeof rpcpb.KVDefinition.methods, Method> {
  return {
    range: unary(async (request) => encodeRangeResponse(await kv.range(decodeRangeRequest(request)))),
    rangeStream: {
      kind: 'stream',
      clientStreams: false,
      serverStreams: true,
      handler: (call) => rangeStream(kv, call),
    },
    put: unary(async (request) => encodePutResponse(await kv.put(request))),
    deleteRange: unary(async (request) => encodeDeleteRangeResponse(await kv.deleteRange(request))),
    txn: unary(async (request) => encodeTxnResponse(await kv.txn(request))),
    compact: unary(async (request) => {
      // Checked and encoded anew: what goes into the log must be readable by members of any make.
      const decoded = decodeRequest(rpcpb.CompactionRequest, request);
      const encoded = rpcpb.CompactionRequest.encode(decoded).finish();
      return encodeCompactionResponse(await kv.compact(encoded));
    }),
  };
}

async function rangeStream(kv: MemberKv, call: StreamCall): Promise<void> {
  for await (const request of call.requests) {
    for await (const chunk of kv.rangeStream(decodeRangeRequest(request))) {
      if (call.signal.aborted) return;
      if (!call.send(encodeRangeStreamResponse(chunk))) await call.drained();
    }
  }
}

function encodeCompactionResponse(header: ResponseHeader): Uint8Array {
  return rpcpb.CompactionResponse.encode({ header: generatedHeader(header) }).finish();
}

function unary(handler: (request: Uint8Array) => Promise<Uint8Array>): Method {
  return { kind: 'unary', handler };
}
