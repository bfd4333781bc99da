import { rpcpb } from '@quorate/wire';
import { endOf, type GrpcCaller, type RawStream } from './grpc-caller.ts';
import { show } from './operation.ts';

/** Longest wait for anything that a watch stream owes us. */
const patienceMs = 20_000;
/** Between two progress requests: one that finds a watcher still catching up is never answered. */
const progressRetryMs = 25;

/** A watch stream to one of the servers, with the rules of watching held against each response. */
export class WatchSide {
  /** Encoded events of each watcher, in the order they came. */
  readonly #events = new Map<bigint, Uint8Array[]>();
  readonly #lastRevision = new Map<bigint, bigint>();
  readonly #fragmented = new Set<bigint>();
  readonly #controls: rpcpb.WatchResponse[] = [];
  readonly #name: string;
  readonly #stream: RawStream;
  #progressRevision = 0n;
  #failure: Error | undefined;
  #onChange: (() => void)[] = [];

  constructor(caller: GrpcCaller, name: string) {
    this.#name = name;
    this.#stream = caller.stream('/etcdserverpb.Watch/Watch');
    this.#stream.on('data', (bytes: Buffer) => this.#receive(rpcpb.WatchResponse.decode(bytes)));
    void endOf(this.#stream).then(({ code, message }) => {
      this.#fail(`the stream ended with ${code}, "${message}"`);
    });
  }

  send(request: rpcpb.WatchRequest['requestUnion']): void {
    this.#stream.write(rpcpb.WatchRequest.encode({ requestUnion: request }).finish());
  }

  /** The next response that creates or cancels. */
  async control(): Promise<rpcpb.WatchResponse> {
    await this.#until(() => this.#controls.length > 0, 'an answer to create or cancel');
    return this.#controls.shift()!;
  }

  /** Events of a watcher so far, at least that many. */
  async events(id: bigint, count: number): Promise<readonly Uint8Array[]> {
    await this.#until(() => (this.#events.get(id)?.length ?? 0) >= count, `event ${count} of watcher ${id}`);
    return this.#events.get(id) ?? [];
  }

  /** Forgets the events of a watcher, which has none under way. */
  forget(id: bigint): void {
    this.#events.delete(id);
    this.#lastRevision.delete(id);
  }

  /** Asks for progress until the server says that all of that revision was delivered; returns what it said. */
  async progress(revision: bigint): Promise<bigint> {
    this.#progressRevision = 0n;
    const ask = (): void => this.send({ $case: 'progressRequest', value: {} });
    ask();
    const again = setInterval(ask, progressRetryMs);
    try {
      await this.#until(() => this.#progressRevision >= revision, `progress to ${revision}`);
    } finally {
      clearInterval(again);
    }
    return this.#progressRevision;
  }

  close(): void {
    this.#failure ??= new Error('closed');
    this.#stream.cancel();
  }

  #receive(response: rpcpb.WatchResponse): void {
    const { watchId, created, canceled, events, fragment, header } = response;
    const revision = header?.revision ?? 0n;
    if (created || canceled) {
      this.#check(events.length === 0, 'a control response has no events', response);
      if (created && !canceled) {
        this.#check(!this.#events.has(watchId), 'no event comes before its watcher is created', response);
        this.#events.set(watchId, []);
      }
      this.#controls.push(response);
    } else if (events.length > 0) {
      const known = this.#events.get(watchId);
      this.#check(known !== undefined, 'events belong to a watcher that was created', response);
      this.#checkRevisions(response);
      for (const event of events) known?.push(rpcpb.WatchResponse.encode(oneEvent(event)).finish());
      if (fragment) this.#fragmented.add(watchId);
      else this.#fragmented.delete(watchId);
    } else {
      this.#check(watchId === -1n, 'progress that was asked for is of the whole stream', response);
      this.#progressRevision = revision;
    }
    this.#wake();
  }

  /** Revisions go up, a revision is never split but by fragments, and the header is not behind the events. */
  #checkRevisions(response: rpcpb.WatchResponse): void {
    const { watchId, events, header } = response;
    let last = this.#lastRevision.get(watchId) ?? 0n;
    for (const [index, { kv }] of events.entries()) {
      const revision = kv?.modRevision ?? 0n;
      const mayRepeat = index > 0 || this.#fragmented.has(watchId);
      this.#check(
        mayRepeat ? revision >= last : revision > last,
        'events come in order of revisions',
        response,
      );
      last = revision;
    }
    this.#lastRevision.set(watchId, last);
    this.#check((header?.revision ?? 0n) >= last, 'the header is not older than the events', response);
  }

  #check(condition: boolean, rule: string, response: rpcpb.WatchResponse): void {
    if (!condition) this.#fail(`broken rule: ${rule}: ${show(response)}`);
  }

  #fail(text: string): void {
    this.#failure ??= new Error(`watch stream to ${this.#name}: ${text}`);
    this.#wake();
  }

  #wake(): void {
    for (const onChange of this.#onChange.splice(0)) onChange();
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const late = setTimeout(() => this.#fail(`${what} did not come`), patienceMs);
    try {
      while (!condition()) {
        if (this.#failure !== undefined) throw this.#failure;
        await new Promise<void>((resolve) => this.#onChange.push(resolve));
      }
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      clearTimeout(late);
    }
  }
}

function oneEvent(event: rpcpb.WatchResponse['events'][number]): rpcpb.WatchResponse {
  return { ...rpcpb.WatchResponse.create(), events: [event] };
}
