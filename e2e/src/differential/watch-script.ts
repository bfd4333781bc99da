import { compareBytes, equalBytes, fromLatin1, toHex } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { Dice } from './dice.ts';
import type { KvRequests, StoreView } from './kv-requests.ts';
import { isSameEvent } from './known-differences.ts';
import { show } from './operation.ts';
import { sides, type ServerPair, type SideName } from './server-pair.ts';
import { WatchSide } from './watch-side.ts';

type StreamPair = Readonly<Record<SideName, WatchSide>>;

/** One event of the whole store, as far as it decides who gets it. */
interface LoggedEvent {
  readonly revision: bigint;
  readonly key: Uint8Array;
  readonly isDelete: boolean;
}

interface Watcher {
  readonly id: bigint;
  readonly request: rpcpb.WatchCreateRequest;
  /** The first revision that it gets events of. */
  readonly start: bigint;
  /** Events in the log up to here are counted in `expected`. */
  cursor: number;
  expected: number;
  compared: number;
}

/** A stream with its watchers. Those that wait for a future revision have streams of their own. */
interface Stream {
  readonly pair: StreamPair;
  readonly watchers: Map<bigint, Watcher>;
  readonly isForFuture: boolean;
}

const streamsMax = 6;
const watchersPerStream = 12;
const everything = fromLatin1('\0');

/**
 * Watch streams on both servers that get the same requests. The events that a watcher owes are known from one
 * watcher of all keys, so that nobody has to wait to find that nothing more comes.
 */
export class WatchScript {
  readonly #dice: Dice;
  readonly #pair: ServerPair;
  readonly #requests: KvRequests;
  readonly #view: StoreView;
  readonly #all: StreamPair;
  readonly #log: LoggedEvent[] = [];
  readonly #streams: Stream[] = [];
  /** The log holds everything after this revision. */
  readonly #firstRevision: bigint;
  /** Events that were compared, of all watchers. */
  eventCount = 0;

  private constructor(options: WatchScriptOptions) {
    this.#dice = options.dice;
    this.#pair = options.pair;
    this.#requests = options.requests;
    this.#view = options.view;
    this.#firstRevision = options.view.revision;
    this.#all = this.#openPair();
  }

  /** Begins with a watcher of everything from the current revision on. */
  static async open(options: WatchScriptOptions): Promise<WatchScript> {
    const script = new WatchScript(options);
    const create = {
      ...rpcpb.WatchCreateRequest.create(),
      key: everything,
      rangeEnd: everything,
      prevKv: true,
    };
    await script.#control(script.#all, { $case: 'createRequest', value: create });
    return script;
  }

  /** Does one thing; returns how many requests that took. */
  async step(): Promise<number> {
    const stream = this.#pickStream();
    switch (this.#dice.weighted({ create: 10, cancel: 4, cancelUnknown: 1, progress: 3, close: 1 })) {
      case 'create':
        return await this.#create(stream);
      case 'cancel':
        return await this.#cancel(stream);
      case 'cancelUnknown':
        this.#sendBoth(stream.pair, { $case: 'cancelRequest', value: { watchId: 987_654n } });
        return 1;
      case 'progress':
        return await this.#progress(stream);
      case 'close':
        await this.#settleStream(stream);
        this.#close(stream);
        return 1;
    }
  }

  /** Waits until every watcher on both servers has what it is owed, and compares. */
  async settle(): Promise<void> {
    await this.#readLog();
    for (const stream of this.#streams) await this.#settleStream(stream);
  }

  close(): void {
    for (const side of sides) {
      this.#all[side].close();
      for (const { pair } of this.#streams) pair[side].close();
    }
  }

  #pickStream(): Stream {
    const dice = this.#dice;
    if (this.#streams.length > 0 && (this.#streams.length === streamsMax || dice.perMille(900))) {
      return dice.pick(this.#streams);
    }
    const stream = {
      pair: this.#openPair(),
      watchers: new Map<bigint, Watcher>(),
      isForFuture: dice.perMille(300),
    };
    this.#streams.push(stream);
    return stream;
  }

  #close(stream: Stream): void {
    this.#streams.splice(this.#streams.indexOf(stream), 1);
    for (const side of sides) stream.pair[side].close();
  }

  async #create(stream: Stream): Promise<number> {
    if (stream.watchers.size >= watchersPerStream) return await this.#cancel(stream);
    const request = this.#createRequest(stream);
    const { revision, compacted } = this.#view;
    const isTooOld = request.startRevision > 0n && request.startRevision < compacted;
    if (isTooOld) await this.#settleStream(stream);
    const response = await this.#control(stream.pair, { $case: 'createRequest', value: request });
    if (response.canceled) return 1;
    if (isTooOld) {
      // Created first, and then canceled for it. From then on etcd 3.5 answers no progress request on the stream,
      // since it counts the canceled watcher as one that is behind; Quorate does. So the stream ends here.
      await this.#controlAnswer(stream.pair, show(request));
      this.#close(stream);
      return 1;
    }
    stream.watchers.set(response.watchId, {
      id: response.watchId,
      request,
      start: request.startRevision > 0n ? request.startRevision : revision + 1n,
      cursor: 0,
      expected: 0,
      compared: 0,
    });
    return 1;
  }

  #createRequest(stream: Stream): rpcpb.WatchCreateRequest {
    const dice = this.#dice;
    const { revision, compacted } = this.#view;
    const recent = revision - BigInt(dice.below(80));
    const now = stream.isForFuture
      ? [revision + BigInt(dice.between(1, 40)), revision + 1000n]
      : [
          0n,
          0n,
          0n,
          recent,
          recent,
          recent,
          revision,
          revision + 1n,
          compacted,
          compacted + 1n,
          compacted - 1n,
          1n,
          -1n,
        ];
    const filters = dice.perMille(300) ? dice.pick([[0], [1], [0, 1], [1, 1], [7]]) : [];
    return {
      key: this.#requests.key(),
      rangeEnd: this.#requests.rangeEnd(),
      startRevision: dice.pick(now),
      progressNotify: dice.perMille(200),
      // Unknown filters come from newer clients; enums on the wire are open.
      filters: filters as rpcpb.WatchCreateRequest_FilterType[],
      prevKv: dice.perMille(500),
      watchId: dice.perMille(700) ? 0n : dice.pick([1n, 2n, 3n, 50n, -7n, 2n ** 63n - 1n, -(2n ** 63n), -1n]),
      fragment: dice.perMille(300),
    };
  }

  async #cancel(stream: Stream): Promise<number> {
    if (stream.watchers.size === 0) return 0;
    const watcher = this.#dice.pick([...stream.watchers.values()]);
    await this.#settleStream(stream);
    const { id } = watcher;
    await this.#control(stream.pair, { $case: 'cancelRequest', value: { watchId: id } });
    stream.watchers.delete(id);
    for (const side of sides) stream.pair[side].forget(id);
    return 1;
  }

  async #progress(stream: Stream): Promise<number> {
    // Nothing is answered where there is no watcher.
    if (stream.watchers.size === 0) this.#sendBoth(stream.pair, { $case: 'progressRequest', value: {} });
    else await this.#settleStream(stream);
    return 1;
  }

  /** All events up to the current revision are here and compared. */
  async #settleStream({ pair, watchers }: Stream): Promise<void> {
    if (watchers.size === 0) return;
    await this.#readLog();
    const { revision } = this.#view;
    // Progress is told once all watchers are up to date; one that waits for the future never is.
    if ([...watchers.values()].every(({ request }) => request.startRevision <= revision)) {
      const answers = await Promise.all(sides.map((side) => pair[side].progress(revision)));
      if (answers.some((answer) => answer !== revision)) {
        throw new Error(`progress of quorate and etcd: ${answers.join(', ')}; the revision is ${revision}`);
      }
    }
    for (const watcher of watchers.values()) {
      this.#count(watcher);
      await this.#compareEvents(pair, watcher);
    }
  }

  async #compareEvents(pair: StreamPair, watcher: Watcher): Promise<void> {
    const { id, expected, request } = watcher;
    const ours = await pair.quorate.events(id, expected);
    const theirs = await pair.etcd.events(id, expected);
    for (; watcher.compared < Math.max(ours.length, theirs.length); watcher.compared++) {
      const [our, their] = [ours[watcher.compared], theirs[watcher.compared]];
      if (our !== undefined && their !== undefined) {
        if (isSameEvent({ quorate: our, etcd: their }, this.#view.compacted)) continue;
      }
      const shown = (bytes: Uint8Array | undefined): string =>
        bytes === undefined ? 'none' : show(rpcpb.WatchResponse.decode(bytes).events[0]);
      throw new Error(
        `event ${watcher.compared} of watcher ${show(request)}\nquorate: ${shown(our)}\netcd:    ${shown(their)}`,
      );
    }
    if (watcher.compared !== expected && watcher.start > this.#firstRevision) {
      throw new Error(`watcher ${show(request)} got ${watcher.compared} events and was owed ${expected}`);
    }
  }

  /** Counts what the log has come to hold for a watcher. */
  #count(watcher: Watcher): void {
    const { request, start } = watcher;
    const key = request.key.length === 0 ? everything : request.key;
    for (; watcher.cursor < this.#log.length; watcher.cursor++) {
      const event = this.#log[watcher.cursor]!;
      if (event.revision < start || !isInRange(event.key, key, request.rangeEnd)) continue;
      if ((request.filters as number[]).includes(event.isDelete ? 1 : 0)) continue;
      watcher.expected++;
    }
  }

  /** Brings the log up to the current revision: every revision has an event. */
  async #readLog(): Promise<void> {
    const { revision } = this.#view;
    let revisionOfLog = this.#log.at(-1)?.revision ?? this.#firstRevision;
    while (revisionOfLog < revision) {
      const count = this.#log.length + 1;
      const ours = await this.#all.quorate.events(0n, count);
      const theirs = await this.#all.etcd.events(0n, count);
      const comparable = Math.min(ours.length, theirs.length);
      for (let i = this.#log.length; i < comparable; i++) {
        if (!equalBytes(ours[i]!, theirs[i]!)) {
          const [our, their] = [ours[i]!, theirs[i]!].map((b) =>
            show(rpcpb.WatchResponse.decode(b).events[0]),
          );
          throw new Error(`event ${i} of the watcher of everything\nquorate: ${our}\netcd:    ${their}`);
        }
        const event = rpcpb.WatchResponse.decode(ours[i]!).events[0];
        if (event?.kv === undefined) throw new Error(`event ${i} has no key: ${toHex(ours[i]!)}`);
        revisionOfLog = event.kv.modRevision;
        this.#log.push({ revision: revisionOfLog, key: event.kv.key, isDelete: event.type === 1 });
        this.eventCount++;
      }
    }
  }

  #openPair(): StreamPair {
    return {
      quorate: new WatchSide(this.#pair.callers.quorate, 'quorate'),
      etcd: new WatchSide(this.#pair.callers.etcd, 'etcd'),
    };
  }

  #sendBoth(pair: StreamPair, request: rpcpb.WatchRequest['requestUnion']): void {
    for (const side of sides) pair[side].send(request);
  }

  async #control(
    pair: StreamPair,
    request: rpcpb.WatchRequest['requestUnion'],
  ): Promise<rpcpb.WatchResponse> {
    this.#sendBoth(pair, request);
    return await this.#controlAnswer(pair, show(request));
  }

  async #controlAnswer(pair: StreamPair, asked: string): Promise<rpcpb.WatchResponse> {
    const [quorate, etcd] = [await pair.quorate.control(), await pair.etcd.control()];
    const [ours, theirs] = [show(quorate), show(etcd)];
    if (ours !== theirs) throw new Error(`watch ${asked}\nquorate: ${ours}\netcd:    ${theirs}`);
    return etcd;
  }
}

export interface WatchScriptOptions {
  readonly dice: Dice;
  readonly pair: ServerPair;
  readonly requests: KvRequests;
  readonly view: StoreView;
}

function isInRange(key: Uint8Array, start: Uint8Array, end: Uint8Array): boolean {
  if (end.length === 0) return equalBytes(key, start);
  if (compareBytes(key, start) < 0) return false;
  const isOpen = end.length === 1 && end[0] === 0;
  return isOpen || compareBytes(key, end) < 0;
}
