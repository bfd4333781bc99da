import { fromUtf8, toUtf8 } from '@quorate/std';
import { mvccpb, rpcpb } from '@quorate/wire';

/** A change of the one store that fake members serve. */
export interface Change {
  readonly revision: bigint;
  readonly key: string;
  /** Undefined for a delete. */
  readonly value: string | undefined;
}

/** What happened, for whoever has been told of it. */
export class FakeStore {
  readonly changes: Change[] = [];
  revision = 1n;
  compacted = 0n;

  write(key: string, value: string | undefined): void {
    this.revision++;
    this.changes.push({ revision: this.revision, key, value });
  }

  /** Changes of a range, of `first` or later. */
  of(
    { key, rangeEnd }: Pick<rpcpb.WatchCreateRequest, 'key' | 'rangeEnd'>,
    first: bigint,
  ): readonly Change[] {
    const [from, to] = [toUtf8(key), toUtf8(rangeEnd)];
    const isWatched = (changed: string): boolean =>
      rangeEnd.length === 0 ? changed === from : changed >= from && (to === '\0' || changed < to);
    return this.changes.filter((change) => change.revision >= first && isWatched(change.key));
  }
}

interface MemberWatcher {
  readonly request: rpcpb.WatchCreateRequest;
  next: bigint;
}

/**
 * The watch stream of a member by the rules of the reference: what it is told waits until it takes the next request,
 * and what it answers until the test delivers it.
 */
export class FakeWatchStream {
  readonly #store: FakeStore;
  readonly #requests: rpcpb.WatchRequest[] = [];
  /** Of `created` and `canceled`, and all others: they travel apart, as with etcd, so that one may overtake another. */
  readonly #control: rpcpb.WatchResponse[] = [];
  readonly #news: rpcpb.WatchResponse[] = [];
  /** Watchers whose client knows that they were created. */
  readonly #known = new Set<bigint>();
  readonly #watchers = new Map<bigint, MemberWatcher>();
  /** As of the last change that was announced. */
  #announced: bigint;
  /** Ranges that may not be watched, by their first key. */
  readonly forbidden = new Set<string>();

  constructor(store: FakeStore) {
    this.#store = store;
    this.#announced = store.revision;
  }

  /** Watchers that the member has. */
  get size(): number {
    return this.#watchers.size;
  }

  get pendingRequests(): number {
    return this.#requests.length;
  }

  send(request: rpcpb.WatchRequest): void {
    this.#requests.push(request);
  }

  /** Takes the next request. */
  takeRequest(): void {
    const { requestUnion } = this.#requests.shift() ?? {};
    this.announce();
    if (requestUnion?.$case === 'createRequest') this.#create(requestUnion.value);
    else if (requestUnion?.$case === 'cancelRequest') this.#cancel(requestUnion.value.watchId);
    else if (requestUnion?.$case === 'progressRequest') this.#progress();
  }

  /** Tells watchers that are up to date what has changed, a response for each revision. */
  announce(): void {
    while (this.#announced < this.#store.revision) {
      this.#announced++;
      for (const [watchId, watcher] of this.#watchers) {
        if (watcher.next > this.#announced || !this.#isSynced(watcher, this.#announced - 1n)) continue;
        const { request } = watcher;
        const changes = this.#store
          .of(request, this.#announced)
          .filter((c) => c.revision === this.#announced);
        watcher.next = this.#announced + 1n;
        if (changes.length > 0) this.#respond({ watchId, events: changes.map(toEvent) }, this.#announced);
      }
    }
  }

  /** Sends those that are behind what they have missed, or that it is gone. */
  catchUp(): void {
    this.announce();
    for (const [watchId, watcher] of this.#watchers) {
      if (this.#isSynced(watcher, this.#store.revision)) continue;
      if (watcher.next < this.#store.compacted) {
        this.#watchers.delete(watchId);
        this.#respond({ watchId, canceled: true, compactRevision: this.#store.compacted });
        continue;
      }
      const changes = this.#store.of(watcher.request, watcher.next);
      watcher.next = this.#store.revision + 1n;
      if (changes.length > 0) this.#respond({ watchId, events: changes.map(toEvent) });
    }
  }

  /** The tick of progress notifications. */
  notifyProgress(): void {
    this.announce();
    for (const [watchId, watcher] of this.#watchers) {
      const { progressNotify } = watcher.request;
      if (progressNotify && this.#isSynced(watcher, this.#store.revision)) this.#respond({ watchId });
    }
  }

  /** The next response that is on its way: of those of one kind first, if there are any. */
  takeResponse(first: 'control' | 'news'): rpcpb.WatchResponse | undefined {
    return first === 'control'
      ? (this.#takeControl() ?? this.#takeNews())
      : (this.#takeNews() ?? this.#takeControl());
  }

  #takeControl(): rpcpb.WatchResponse | undefined {
    const response = this.#control.shift();
    if (response?.created === true && !response.canceled) this.#known.add(response.watchId);
    else if (response?.canceled === true) this.#known.delete(response.watchId);
    return response;
  }

  /** Of a watcher only after it was created, and while it was not canceled. */
  #takeNews(): rpcpb.WatchResponse | undefined {
    const at = this.#news.findIndex(({ watchId }) => watchId === -1n || this.#known.has(watchId));
    return at === -1 ? undefined : this.#news.splice(at, 1)[0];
  }

  #isSynced({ next }: MemberWatcher, revision: bigint): boolean {
    return next > revision;
  }

  #create(request: rpcpb.WatchCreateRequest): void {
    const { watchId, startRevision } = request;
    if (this.forbidden.has(toUtf8(request.key))) {
      const cancelReason = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';
      return this.#respond({ watchId: -1n, created: true, canceled: true, cancelReason });
    }
    const next = startRevision > 0n ? startRevision : this.#store.revision + 1n;
    this.#watchers.set(watchId, { request, next });
    this.#respond({ watchId, created: true });
  }

  #cancel(watchId: bigint): void {
    if (this.#watchers.delete(watchId)) this.#respond({ watchId, canceled: true });
  }

  #progress(): void {
    const { revision } = this.#store;
    const watchers = [...this.#watchers.values()];
    const known = watchers.every(
      (watcher) => this.#isSynced(watcher, revision) && !isAhead(watcher, revision),
    );
    if (known && watchers.length > 0) this.#respond({ watchId: -1n });
  }

  #respond(response: Partial<rpcpb.WatchResponse>, revision = this.#store.revision): void {
    const header = { clusterId: 1n, memberId: 2n, revision, raftTerm: 3n };
    const whole = { ...rpcpb.WatchResponse.create(), header, ...response };
    const isNews = !whole.created && (!whole.canceled || whole.compactRevision > 0n);
    (isNews ? this.#news : this.#control).push(whole);
  }
}

function isAhead({ next }: MemberWatcher, revision: bigint): boolean {
  return next > revision + 1n;
}

function toEvent({ key, value, revision }: Change): mvccpb.Event {
  const kv = { ...mvccpb.KeyValue.create(), key: fromUtf8(key), modRevision: revision };
  const prevKv = { ...mvccpb.KeyValue.create(), key: fromUtf8(key), value: fromUtf8('before') };
  if (value === undefined) return { type: mvccpb.Event_EventType.DELETE, kv, prevKv };
  return { type: mvccpb.Event_EventType.PUT, kv: { ...kv, value: fromUtf8(value) }, prevKv };
}
