import type { KeyPrefix } from '@quorate/client';
import type { Clock, Random } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { sharedMetadata, streamKeyOf, type Credentials } from '../credentials.ts';
import { backOff } from '../back-off.ts';
import { RequestQueue } from '../request-queue.ts';
import { mayReopen, noLeaderText, proxyStopped } from '../upstream-errors.ts';
import type { Upstream } from '../upstream.ts';
import { SharedWatches } from './shared-watches.ts';

/** What the hub tells, for metrics and logs. */
export interface WatchHubObserver {
  onCoalesced(events: number): void;
  onResumed(event: { readonly watchers: number; readonly error: unknown }): void;
}

export interface WatchHubOptions {
  readonly upstream: Pick<Upstream, 'stream'>;
  /** What is taken off the keys of events. */
  readonly namespace: KeyPrefix;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: WatchHubObserver;
}

/** A client's part in a stream to a member. */
export interface WatchLoan {
  readonly watches: SharedWatches;
  /** The client's stream has ended. */
  readonly release: () => void;
}

/** Streams to members for watching: one for all clients with the same credentials, as long as there is one. */
export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #streams = new Map<string, MemberStream>();
  #isClosed = false;

  constructor(options: WatchHubOptions) {
    this.#options = options;
  }

  /** Streams to members, the proxy's watchers on them, and the watchers of clients that those are for. */
  get usage(): { readonly streams: number; readonly sources: number; readonly watchers: number } {
    let [sources, watchers] = [0, 0];
    for (const { watches } of this.#streams.values()) {
      sources += watches.sourceCount;
      watchers += watches.watcherCount;
    }
    return { streams: this.#streams.size, sources, watchers };
  }

  /** `fail` is called when the stream has ended for good; nothing is received after that. @throws RpcError */
  acquire(credentials: Credentials, fail: (error: unknown) => void): WatchLoan {
    if (this.#isClosed) throw proxyStopped();
    const key = streamKeyOf(credentials);
    const stream = this.#streams.get(key) ?? this.#open(key, credentials);
    const client = { fail };
    stream.clients.add(client);
    const release = (): void => {
      stream.clients.delete(client);
      if (stream.clients.size > 0) return;
      stream.close();
      this.#forget(key, stream);
    };
    return { watches: stream.watches, release };
  }

  /** Ends all streams; clients are told that the proxy stops. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) stream.close();
  }

  #open(key: string, credentials: Credentials): MemberStream {
    const stream = new MemberStream(credentials, this.#options);
    this.#streams.set(key, stream);
    void stream.ended.then((error) => {
      this.#forget(key, stream);
      for (const client of stream.clients) client.fail(error);
    });
    return stream;
  }

  #forget(key: string, stream: MemberStream): void {
    if (this.#streams.get(key) === stream) this.#streams.delete(key);
  }
}

/** A stream to a member, opened again when it breaks. */
class MemberStream {
  readonly watches: SharedWatches;
  readonly clients = new Set<{ fail(error: unknown): void }>();
  /** Resolves, with why, when it is not opened again. */
  readonly ended: Promise<unknown>;
  readonly #credentials: Credentials;
  readonly #options: WatchHubOptions;
  readonly #closed = new AbortController();
  #requests = new RequestQueue();

  constructor(credentials: Credentials, options: WatchHubOptions) {
    this.#credentials = credentials;
    this.#options = options;
    const { observer, clock } = options;
    this.watches = new SharedWatches({
      send: (request) => this.#requests.push(rpcpb.WatchRequest.encode(request).finish()),
      onCoalesced: (events) => observer.onCoalesced(events),
      now: () => clock.now(),
    });
    this.ended = this.#run();
  }

  close(): void {
    this.#closed.abort(proxyStopped());
  }

  async #run(): Promise<unknown> {
    const { signal } = this.#closed;
    for (let attempt = 1; ; attempt++) {
      const { error, wasUp } = await this.#once();
      if (signal.aborted) return signal.reason;
      if (error !== undefined && this.#isFinal(error)) return error;
      this.#options.observer.onResumed({ watchers: this.watches.watcherCount, error });
      if (wasUp) attempt = 1;
      await backOff(attempt, { ...this.#options, signal });
      if (signal.aborted) return signal.reason;
    }
  }

  /** From the opening of a stream to its end. */
  async #once(): Promise<{ readonly error: unknown; readonly wasUp: boolean }> {
    let wasUp = false;
    this.#requests = new RequestQueue();
    this.watches.connected();
    try {
      const responses = this.#options.upstream.stream('/etcdserverpb.Watch/Watch', this.#requests, {
        metadata: sharedMetadata(this.#credentials),
        signal: this.#closed.signal,
      });
      for await (const bytes of responses) {
        wasUp = true;
        this.watches.receive(stripEvents(rpcpb.WatchResponse.decode(bytes), this.#options.namespace));
      }
      return { error: undefined, wasUp };
    } catch (error) {
      return { error, wasUp };
    } finally {
      this.#requests.end();
      this.watches.disconnected();
    }
  }

  #isFinal(error: unknown): boolean {
    if (!mayReopen(error)) return true;
    // Whoever demands a leader wants to be told that there is none.
    return this.#credentials.demandsLeader && error instanceof Error && error.message === noLeaderText;
  }
}

function stripEvents(response: rpcpb.WatchResponse, namespace: KeyPrefix): rpcpb.WatchResponse {
  if (namespace.isEmpty) return response;
  const events = response.events.map((event) => ({
    ...event,
    kv: namespace.stripKv(event.kv),
    prevKv: namespace.stripKv(event.prevKv),
  }));
  return { ...response, events };
}
