import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { encodeMessage, methodPath } from './method.ts';
import type { CallOptions } from './options.ts';
import type { DuplexStream } from './streams.ts';
import type { Login } from './tokens.ts';

const watchPath = methodPath(rpcpb.WatchDefinition, rpcpb.WatchDefinition.methods.watch);

/** What streams of watches are opened with. */
export type WatchStreamOptions = Omit<CallOptions, 'timeoutMs'>;

/** One watch on some stream, from its creation on. Disposing of it ends it at the server, too. */
export interface WatchChannel extends Disposable {
  /** The login of its stream. */
  readonly login: Login;
  /** Responses for this watch, in order. @throws EtcdError when the stream breaks, or the signal's reason */
  responses(): AsyncIterable<rpcpb.WatchResponse>;
  requestProgress(): void;
}

/** Where watches come from. */
export interface WatchSource {
  /** @throws EtcdError, or the signal's reason */
  open(create: rpcpb.WatchCreateRequest, options: WatchStreamOptions): Promise<WatchChannel>;
  /** A channel broke: of a failure, or of a token of which a new one is asked for. Another will be opened. */
  broken(channel: WatchChannel, failed: { readonly byToken: boolean }): void;
}

/** A stream for each watch. */
export class OwnStreams implements WatchSource {
  readonly #connections: Connections;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  async open(create: rpcpb.WatchCreateRequest, options: WatchStreamOptions): Promise<OwnStream> {
    const stream = await openWatchStream(this.#connections, options);
    stream.send(watchRequest({ $case: 'createRequest', value: create }));
    return new OwnStream(stream);
  }

  /** A member that refuses a token is well; one whose stream broke may not be. */
  broken(channel: WatchChannel, { byToken }: { readonly byToken: boolean }): void {
    if (!byToken && channel instanceof OwnStream) this.#connections.moveOnFrom(channel.endpoint);
  }
}

class OwnStream implements WatchChannel {
  readonly #stream: DuplexStream;

  constructor(stream: DuplexStream) {
    this.#stream = stream;
  }

  get login(): Login {
    return this.#stream.login;
  }

  get endpoint(): string {
    return this.#stream.endpoint;
  }

  async *responses(): AsyncGenerator<rpcpb.WatchResponse, void, undefined> {
    for await (const message of this.#stream) yield rpcpb.WatchResponse.decode(message);
  }

  requestProgress(): void {
    this.#stream.send(watchRequest({ $case: 'progressRequest', value: {} }));
  }

  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }
}

/** A stream on which watches can be created. @throws EtcdError, or the signal's reason */
export function openWatchStream(
  connections: Connections,
  options: WatchStreamOptions,
): Promise<DuplexStream> {
  return connections.duplexStream(watchPath, options);
}

/** What is said on such a stream. */
export function watchRequest(requestUnion: rpcpb.WatchRequest['requestUnion']): Uint8Array {
  return encodeMessage(rpcpb.WatchRequest, { requestUnion });
}
