import { RpcError, status } from '@quorate/rpc';
import { checkFields } from '@quorate/wire';

/** A message type of the generated code. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** What a client has sent. @throws RpcError INTERNAL, as gRPC servers do, when it is no such message */
export function decodeRequest<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    checkFields(bytes);
    return codec.decode(bytes);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new RpcError(status.INTERNAL, `grpc: error unmarshalling request: ${text}`, { cause: error });
  }
}
