import { RpcError, status } from './errors.ts';
import type { ServiceMethod } from './service-method.ts';

/** A method that this version answers with UNIMPLEMENTED and a sentence. */
export function notBuilt(what: string): ServiceMethod {
  return {
    kind: 'unary',
    handler: () => {
      throw new RpcError(status.UNIMPLEMENTED, `quorate: ${what} is not supported by this version`);
    },
  };
}

/** The same for a method whose response is a stream. */
export function notBuiltStream(what: string, clientStreams: boolean): ServiceMethod {
  return {
    kind: 'stream',
    clientStreams,
    serverStreams: true,
    handler: async () => {
      throw new RpcError(status.UNIMPLEMENTED, `quorate: ${what} is not supported by this version`);
    },
  };
}
