import { fromUtf8, invariant, toUtf8 } from '@quorate/std';
import { mvccpb, rpcpb } from '@quorate/wire';
import { ClientWatches } from '../src/watch/client-watches.ts';
import { SharedWatches } from '../src/watch/shared-watches.ts';
import { FakeStore, FakeWatchStream } from './fake-member.ts';

/** A create request of which only this is not empty. */
export type Asked = Partial<Omit<rpcpb.WatchCreateRequest, 'key' | 'rangeEnd'>> & {
  readonly key: string;
  readonly rangeEnd?: string;
};

/** What a client's watcher was sent, by its ID. */
export interface Heard {
  readonly asked: Asked;
  /** Of its `created`. */
  readonly createdRevision: bigint;
  readonly events: { readonly key: string; readonly revision: bigint; readonly isPut: boolean }[];
  readonly canceled: rpcpb.WatchResponse | undefined;
}

/** A client's stream, and all that it was sent. */
export class SceneClient {
  readonly responses: rpcpb.WatchResponse[] = [];
  readonly watches: ClientWatches;
  readonly #asked: Asked[] = [];
  /** Every watcher it has, or has had. */
  readonly heard: (Heard & { canceled: rpcpb.WatchResponse | undefined })[] = [];
  readonly #byId = new Map<bigint, SceneClient['heard'][number]>();
  failure: unknown;
  #isSlow = false;
  #onDrained: (() => void) | undefined;

  constructor(watches: SharedWatches) {
    this.watches = new ClientWatches({
      watches,
      call: {
        send: (bytes) => {
          this.#hear(rpcpb.WatchResponse.decode(bytes));
          return !this.#isSlow;
        },
        drained: () => new Promise((resolve) => (this.#onDrained = resolve)),
      },
      toUpstream: (range) => range,
      fail: (error) => (this.failure = error),
      fatalReason: () => undefined,
      queueMax: { bytes: 1_000, responses: 3 },
    });
  }

  create(asked: Asked): void {
    this.#asked.push(asked);
    const value = {
      ...rpcpb.WatchCreateRequest.create(),
      ...asked,
      ...{ key: fromUtf8(asked.key), rangeEnd: fromUtf8(asked.rangeEnd ?? '') },
    };
    void this.watches.request({ requestUnion: { $case: 'createRequest', value } });
  }

  cancel(watchId: bigint): void {
    void this.watches.request({ requestUnion: { $case: 'cancelRequest', value: { watchId } } });
  }

  askProgress(): void {
    void this.watches.request({ requestUnion: { $case: 'progressRequest', value: {} } });
  }

  /** From the next response on it says that there is no room. */
  slow(): void {
    this.#isSlow = true;
  }

  async fast(): Promise<void> {
    this.#isSlow = false;
    this.#onDrained?.();
    await turn();
  }

  get live(): readonly (readonly [bigint, Heard])[] {
    return [...this.#byId];
  }

  #hear(response: rpcpb.WatchResponse): void {
    this.responses.push(response);
    const { watchId, created, canceled, header, events } = response;
    if (created) {
      const asked = this.#asked.shift();
      invariant(asked !== undefined, 'only what was asked for is created');
      if (canceled) return;
      invariant(!this.#byId.has(watchId), 'an ID is given once at a time');
      const heard = { asked, createdRevision: header?.revision ?? 0n, events: [], canceled: undefined };
      this.#byId.set(watchId, heard);
      this.heard.push(heard);
      return;
    }
    if (watchId === -1n) return;
    const heard = this.#byId.get(watchId);
    invariant(heard !== undefined, 'only watchers that are there are spoken of');
    if (canceled) {
      heard.canceled = response;
      this.#byId.delete(watchId);
    }
    for (const { kv, type } of events) {
      const revision = kv?.modRevision ?? 0n;
      invariant(revision <= (header?.revision ?? 0n), 'no event is later than its header');
      heard.events.push({
        ...{ key: toUtf8(kv?.key ?? new Uint8Array(0)), revision },
        isPut: type === mvccpb.Event_EventType.PUT,
      });
    }
  }
}

/** A store, a member, the proxy's watches and some clients, with every step in the test's hand. */
export class WatchScene {
  readonly store = new FakeStore();
  readonly clients: readonly SceneClient[];
  readonly watches: SharedWatches;
  coalesced = 0;
  member: FakeWatchStream | undefined;
  nowMs = 0;

  constructor(clients = 2) {
    this.watches = new SharedWatches({
      send: (request) => this.member?.send(request),
      onCoalesced: (events) => (this.coalesced += events),
      now: () => this.nowMs,
    });
    this.clients = Array.from({ length: clients }, () => new SceneClient(this.watches));
  }

  connect(): void {
    this.member = new FakeWatchStream(this.store);
    this.watches.connected();
  }

  disconnect(): void {
    this.member = undefined;
    this.watches.disconnected();
  }

  /** Hands over one response of the member. False when there is none. */
  deliver(first: 'control' | 'news' = 'control'): boolean {
    const response = this.member?.takeResponse(first);
    if (response === undefined) return false;
    // As over the wire.
    this.watches.receive(rpcpb.WatchResponse.decode(rpcpb.WatchResponse.encode(response).finish()));
    this.watches.checkInvariants();
    return true;
  }

  /** Until nothing is on its way any more. */
  settle(): void {
    const { member } = this;
    if (member === undefined) return;
    for (;;) {
      while (member.pendingRequests > 0) member.takeRequest();
      member.announce();
      member.catchUp();
      if (!this.deliver()) return;
    }
  }

  /** All that a watcher of a client has to be sent by now, if it has not ended. */
  expected({ asked, createdRevision }: Heard): Heard['events'] {
    const { startRevision = 0n, filters = [], key, rangeEnd = '' } = asked;
    const first = startRevision > 0n ? startRevision : createdRevision + 1n;
    return this.store
      .of({ key: fromUtf8(key), rangeEnd: fromUtf8(rangeEnd) }, first)
      .map(({ key: changed, revision, value }) => ({ key: changed, revision, isPut: value !== undefined }))
      .filter(({ isPut }) => !filters.includes(isPut ? 0 : 1));
  }
}

/** Lets promises that are settled have their say. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
