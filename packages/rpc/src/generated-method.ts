import type { Caller } from '@quorate/auth';
import { checkFields } from '@quorate/wire';
import { malformed } from './status.ts';
import type { ServiceMethod } from './service-method.ts';
import type { Call } from './transport.ts';

/** A message type of the generated code, as far as methods need it. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A unary method over generated messages, for all but the hottest. */
export function generatedMethod<Q, R>(
  definition: { readonly requestType: Codec<Q>; readonly responseType: Codec<R> },
  handler: (request: Q, call: Call, caller: Caller) => Promise<R> | R,
): ServiceMethod {
  const { requestType, responseType } = definition;
  return {
    kind: 'unary',
    handler: async (bytes, call, caller) =>
      responseType.encode(await handler(decodeRequest(requestType, bytes), call, caller)).finish(),
  };
}

/** Decodes with the generated code. @throws RpcError INTERNAL when the bytes are no such message. */
export function decodeRequest<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    checkFields(bytes);
    return codec.decode(bytes);
  } catch (error) {
    throw malformed(error);
  }
}
