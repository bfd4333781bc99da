import type { WatchAttempt, WatchCreateRequest, WatchHistory, WatchMessage } from '@quorate/sim';
import { fromLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { setTimeout as pause } from 'node:timers/promises';
import { endOf, GrpcCaller, type RawStream } from '../differential/grpc-caller.ts';
import { eventOf } from './call.ts';
import type { LoadTarget } from './judged.ts';
import { until } from './until.ts';

/** What is watched. */
export interface RecordedWatchOptions {
  readonly id: number;
  /** The members to watch at; asked for again whenever a stream ends. */
  readonly members: () => readonly LoadTarget[];
  readonly request: WatchCreateRequest;
}

const resumePauseMs = 50;
/** A network that is gone tells nobody. Members take more than one ping in five seconds for an attack. */
const keepaliveMs = 6_000;

/**
 * A watch that goes on at the next member when its stream ends, and writes down every message. Nothing of the client
 * library is between it and the server.
 */
export class RecordedWatch {
  readonly #options: RecordedWatchOptions;
  readonly #attempts: { request: WatchCreateRequest; calledAt: number; messages: WatchMessage[] }[] = [];
  readonly #over: Promise<void>;
  /** Everything before it was received. */
  #nextRevision: number;
  #stream: RawStream | undefined;
  #isOver = false;

  constructor(options: RecordedWatchOptions) {
    this.#options = options;
    this.#nextRevision = options.request.startRevision ?? 1;
    this.#over = this.#run();
  }

  /** Waits until everything up to a revision has arrived, with which the cluster is quiet, and ends the watch. */
  async settle(revision: number): Promise<WatchHistory> {
    const { id } = this.#options;
    await until(`watch ${id} to come to revision ${revision}`, async () => {
      if (this.#nextRevision > revision) return true;
      this.#stream?.write(encode({ $case: 'progressRequest', value: {} }));
      return undefined;
    });
    this.#isOver = true;
    this.#stream?.cancel();
    await this.#over;
    const last = this.#attempts.length - 1;
    const attempts: WatchAttempt[] = this.#attempts.map((attempt, at) =>
      at === last ? { ...attempt, settledRevision: revision } : attempt,
    );
    return { id, client: id, attempts };
  }

  async #run(): Promise<void> {
    const { id, members } = this.#options;
    for (let at = id; !this.#isOver; at++) {
      const all = members();
      const member = all[at % all.length]!;
      using caller = new GrpcCaller(member.endpoint, undefined, { keepaliveMs });
      await this.#attempt(caller.stream('/etcdserverpb.Watch/Watch'));
      if (!this.#isOver) await pause(resumePauseMs);
    }
  }

  async #attempt(stream: RawStream): Promise<void> {
    const request = { ...this.#options.request, startRevision: this.#nextRevision };
    const messages: WatchMessage[] = [];
    this.#attempts.push({ request, calledAt: performance.now(), messages });
    this.#stream = stream;
    stream.on('data', (bytes: Buffer) => {
      if (this.#stream === stream) this.#receive(messages, rpcpb.WatchResponse.decode(bytes));
    });
    stream.write(encode(createRequest(request)));
    await endOf(stream);
    this.#stream = undefined;
  }

  #receive(messages: WatchMessage[], response: rpcpb.WatchResponse): void {
    if (this.#isOver) return; // What comes after the end of the watch is nobody's.
    const { created, canceled, compactRevision, cancelReason } = response;
    const revision = Number(response.header?.revision ?? 0n);
    const events = response.events.map(eventOf);
    messages.push({
      at: performance.now(),
      revision,
      ...(created && { created }),
      ...(canceled && { canceled }),
      ...(compactRevision > 0n && { compactRevision: Number(compactRevision) }),
      ...(cancelReason !== '' && { cancelReason }),
      events,
    });
    const last = events.at(-1);
    if (last !== undefined) this.#nextRevision = last.kv.modRevision + 1;
    else if (!created && !canceled) this.#nextRevision = Math.max(this.#nextRevision, revision + 1);
    if (canceled) this.#stream?.cancel();
  }
}

function createRequest(request: WatchCreateRequest): rpcpb.WatchRequest['requestUnion'] {
  const value = {
    ...rpcpb.WatchCreateRequest.create(),
    key: fromLatin1(request.key),
    rangeEnd: fromLatin1(request.rangeEnd ?? ''),
    startRevision: BigInt(request.startRevision ?? 0),
    prevKv: request.prevKv ?? false,
  };
  return { $case: 'createRequest', value };
}

function encode(requestUnion: rpcpb.WatchRequest['requestUnion']): Uint8Array {
  return rpcpb.WatchRequest.encode({ requestUnion }).finish();
}
