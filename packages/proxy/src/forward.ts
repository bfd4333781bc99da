import type { Call, Method, StreamCall } from '@quorate/rpc';
import { credentialsOf } from './credentials.ts';
import { decodeRequest, type Codec } from './decode-request.ts';
import type { Upstream } from './upstream.ts';
import { toProxiedError } from './upstream-errors.ts';

/** How a method with one answer is passed on. */
export interface ForwardOptions {
  readonly upstream: Upstream;
  /** It changes nothing, so that it may be asked again elsewhere. */
  readonly repeatable?: boolean;
  /** It waits for others, and has no time to be done in. */
  readonly waits?: boolean;
}

/** What a call of a client is, when it goes on to the cluster. */
export async function callUpstream(
  path: string,
  request: Uint8Array,
  call: Call,
  { upstream, repeatable = false, waits = false }: ForwardOptions,
): Promise<Uint8Array> {
  const { metadata } = credentialsOf(call);
  return await upstream.unary(path, request, { metadata, signal: call.signal, repeatable, waits });
}

/** A method as the cluster has it, byte for byte. */
export function forwarded(path: string, options: ForwardOptions): Method {
  return { kind: 'unary', handler: (request, call) => callUpstream(path, request, call, options) };
}

/** Messages that are not the same on both sides, as keys in a namespace are not. */
export interface Translation<Q, R> {
  readonly requestType: Codec<Q>;
  readonly responseType: Codec<R>;
  readonly request: (message: Q) => Q;
  readonly response: (message: R) => R;
}

/** A method whose messages are changed on the way. */
export function translated<Q, R>(
  path: string,
  { requestType, responseType, request, response }: Translation<Q, R>,
  options: ForwardOptions,
): Method {
  return {
    kind: 'unary',
    handler: async (bytes, call) => {
      const asked = translate(() => request(decodeRequest(requestType, bytes)));
      const answer = await callUpstream(path, requestType.encode(asked).finish(), call, options);
      return responseType.encode(response(responseType.decode(answer))).finish();
    },
  };
}

/** What a namespace refuses, in the words of the API. @throws RpcError */
export function translate<T>(change: () => T): T {
  try {
    return change();
  } catch (error) {
    throw toProxiedError(error);
  }
}

/**
 * A stream as the cluster has it, with each answer as `change` makes it. It is read from the member as fast as the
 * client takes it, and ends with the proxy: `closing` says how.
 */
export function forwardedStream(
  path: string,
  {
    upstream,
    closing,
    changeRequest = same,
    changeResponse = same,
  }: {
    readonly upstream: Upstream;
    readonly closing: AbortSignal;
    readonly changeRequest?: (message: Uint8Array) => Uint8Array;
    readonly changeResponse?: (message: Uint8Array) => Uint8Array;
  },
): Method {
  const handler = async (call: StreamCall): Promise<void> => {
    const { metadata } = credentialsOf(call);
    const signal = AbortSignal.any([call.signal, closing]);
    const requests = changed(call.requests, changeRequest);
    for await (const response of upstream.stream(path, requests, { metadata, signal })) {
      if (!call.send(changeResponse(response))) await call.drained();
    }
  };
  return { kind: 'stream', clientStreams: false, serverStreams: true, handler };
}

function same(message: Uint8Array): Uint8Array {
  return message;
}

async function* changed(
  messages: AsyncIterable<Uint8Array>,
  change: (message: Uint8Array) => Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const message of messages) yield translate(() => change(message));
}
