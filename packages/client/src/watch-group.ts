import type { rpcpb } from '@quorate/wire';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Connections } from './connections.ts';
import { EtcdError } from './errors.ts';
import type { KeyPrefix } from './key-prefix.ts';
import { SharedStream, type SharedChannel } from './shared-stream.ts';
import { unlessAborted } from './unless-aborted.ts';
import {
  openWatchStream,
  type WatchChannel,
  type WatchSource,
  type WatchStreamOptions,
} from './watch-source.ts';
import { Watch, type WatchOptions } from './watch.ts';

const bufferBytesDefault = 1024 * 1024;

/** How watches share a stream. */
export interface WatchGroupOptions extends WatchStreamOptions {
  /** What may wait here for one watch whose consumer is slow; default 1 MiB. A single response may be larger. */
  readonly bufferBytes?: number;
}

/** A watch of a group; how it is talked to is a matter of the group. */
export type GroupedWatchOptions = WatchOptions & {
  readonly endpoint?: never;
  readonly requireLeader?: never;
  readonly metadata?: never;
};

/**
 * Watches that share one stream, however many they are: for thousands of keys, where a stream for each would be a
 * burden on the member. Each watch is like any other: it has no gaps, goes on after failures, and ends by itself.
 *
 * A consumer that is slow holds back nobody. When more waits for it than `bufferBytes`, its watch is cancelled at the
 * server, and created again from where it was as soon as it has taken what waits.
 *
 * Word of progress that is asked for comes only when all watches of the group are as far (so it is with etcd).
 */
export class WatchGroup implements AsyncDisposable, WatchSource {
  readonly #connections: Connections;
  readonly #prefix: KeyPrefix;
  readonly #options: WatchGroupOptions;
  readonly #closing = new AbortController();
  /** As of a `Watch`. A stream is for many watches, so it belongs to whoever made the group. */
  readonly #asMaker = AsyncLocalStorage.snapshot();
  /** The stream on which the next watch is created, once it stands. */
  #stream: { readonly opening: Promise<SharedStream>; stream?: SharedStream } | undefined;
  readonly #open = new Set<SharedStream>();

  /** @internal `Keyspace.watchGroup` makes them. */
  constructor(connections: Connections, prefix: KeyPrefix, options: WatchGroupOptions) {
    this.#connections = connections;
    this.#prefix = prefix;
    this.#options = options;
  }

  /** A watch of this group; nothing is sent before it is iterated. */
  watch(options: GroupedWatchOptions): Watch {
    return new Watch(this.#connections, options, { prefix: this.#prefix, source: this });
  }

  /** Ends all watches of the group with an EtcdError CANCELLED. Harmless when done twice. */
  async close(): Promise<void> {
    const error = groupClosed();
    this.#closing.abort(error);
    for (const stream of this.#open) stream.fail(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  async open(
    create: rpcpb.WatchCreateRequest,
    { signal, context }: WatchStreamOptions,
  ): Promise<SharedChannel> {
    for (;;) {
      const stream = await unlessAborted(this.#streamOfNow(context), signal);
      // It may have ended while this was waiting for its turn.
      if (stream.isOpen) return stream.add(create, signal);
    }
  }

  /** @internal */
  broken(channel: WatchChannel, { byToken }: { readonly byToken: boolean }): void {
    // The others on this stream are let be; the next ones need one with the new token.
    if (byToken && this.#stream?.stream?.login === channel.login) this.#stream = undefined;
  }

  /** Where the group was given no context for observers, a stream has that of the watch that it is opened for. */
  #streamOfNow(context: unknown): Promise<SharedStream> {
    this.#closing.signal.throwIfAborted();
    if (this.#stream === undefined) {
      const current: { readonly opening: Promise<SharedStream>; stream?: SharedStream } = {
        opening: this.#asMaker(() => this.#openStream(context)),
      };
      this.#stream = current;
      current.opening.then(
        (stream) => void (current.stream = stream),
        () => this.#forget(current),
      );
    }
    return this.#stream.opening;
  }

  async #openStream(context: unknown): Promise<SharedStream> {
    const { bufferBytes = bufferBytesDefault, signal, ...options } = this.#options;
    const stop = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    const duplex = await openWatchStream(this.#connections, {
      requireLeader: true,
      context,
      ...options,
      signal: stop,
    });
    const stream = new SharedStream(duplex, {
      bufferBytes,
      onEnd: (failure) => this.#ended(stream, failure),
    });
    this.#open.add(stream);
    return stream;
  }

  #ended(stream: SharedStream, failure: Error | undefined): void {
    this.#open.delete(stream);
    if (this.#stream?.stream === stream) this.#stream = undefined;
    const isOurs = this.#closing.signal.aborted;
    if (failure instanceof EtcdError && !isOurs) this.#connections.moveOnFrom(stream.endpoint);
  }

  #forget(current: object): void {
    if (this.#stream === current) this.#stream = undefined;
  }
}

function groupClosed(): EtcdError {
  return new EtcdError('CANCELLED', 'the group of watches is closed');
}
