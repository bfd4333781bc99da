/** What a call carries besides its messages. */
export interface RestCall {
  /** Values by their keys in lower case. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
  /** Where the client is. */
  readonly address?: string | undefined;
}

/**
 * Whoever answers the calls: a member in its own process, or a client of a cluster. Messages are protobuf's bytes,
 * `path` is `/package.Service/Method`. What is thrown has `status`, the code of gRPC, and `message`; an error without
 * `status` is a bug, of which nobody is told more than that.
 */
export interface RestBackend {
  /** One request, one response. */
  unary(path: string, request: Uint8Array, call: RestCall): Promise<Uint8Array>;
  /** Responses are made at the pace at which they are read; leaving the loop ends the call. */
  stream(path: string, requests: AsyncIterable<Uint8Array>, call: RestCall): AsyncIterable<Uint8Array>;
}
