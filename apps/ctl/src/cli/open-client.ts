import {
  Client,
  EndpointError,
  TlsOptionsError,
  type ClientOptions,
  type TlsOptionsErrorCode,
} from '@quorate/client';

export { prefixEnd } from '@quorate/client';

/** Makes a client. In a file of its own, so that commands that need none do not load gRPC. */
export function openClient(options: ClientOptions): Client {
  return new Client(options);
}

/** What is wrong with the TLS files that a client was to be made with; undefined for other errors. */
export function tlsErrorCode(error: unknown): TlsOptionsErrorCode | undefined {
  return error instanceof TlsOptionsError ? error.code : undefined;
}

/** Whether an endpoint that a client was to be made with is written wrong. */
export function isEndpointError(error: unknown): error is EndpointError {
  return error instanceof EndpointError;
}
