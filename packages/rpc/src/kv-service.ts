import type { Caller } from '@quorate/auth';
import {
  decodeRangeRequest,
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
  packRangeResponse,
  rpcpb,
  type ResponseHeader,
} from '@quorate/wire';
import { decodeRequest } from './generated-method.ts';
import { generatedHeader } from './header.ts';
import type { Member, MemberKv } from './member.ts';
import type { ServiceMethod } from './service-method.ts';
import type { Answer, StreamCall } from './transport.ts';

/** `etcdserverpb.KV`. Requests that change something go to the member as the bytes they came in. */
export function kvService({ kv }: Member): Record<keyof typeof rpcpb.KVDefinition.methods, ServiceMethod> {
  return {
    range: unary((request, caller) => kv.range(decodeRangeRequest(request), caller).map(packRangeResponse)),
    rangeStream: {
      kind: 'stream',
      clientStreams: false,
      serverStreams: true,
      handler: (call, caller) => rangeStream(kv, call, caller),
    },
    put: unary((request, caller) => kv.put(request, caller).map(encodePutResponse)),
    deleteRange: unary((request, caller) => kv.deleteRange(request, caller).map(encodeDeleteRangeResponse)),
    txn: unary((request, caller) => kv.txn(request, caller).map(encodeTxnResponse)),
    compact: unary(async (request, caller) => {
      // Checked and encoded anew: what goes into the log must be readable by members of any make.
      const decoded = decodeRequest(rpcpb.CompactionRequest, request);
      const encoded = rpcpb.CompactionRequest.encode(decoded).finish();
      return encodeCompactionResponse(await kv.compact(encoded, caller));
    }),
  };
}

async function rangeStream(kv: MemberKv, call: StreamCall, caller: Caller): Promise<void> {
  for await (const request of call.requests) {
    for await (const chunk of kv.rangeStream(decodeRangeRequest(request), caller)) {
      if (call.signal.aborted) return;
      if (!call.send(encodeRangeStreamResponse(chunk))) await call.drained();
    }
  }
}

function encodeCompactionResponse(header: ResponseHeader): Uint8Array {
  return rpcpb.CompactionResponse.encode({ header: generatedHeader(header) }).finish();
}

function unary(handler: (request: Uint8Array, caller: Caller) => Answer): ServiceMethod {
  return { kind: 'unary', handler: (request, _call, caller) => handler(request, caller) };
}
