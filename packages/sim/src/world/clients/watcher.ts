import { rpcpb } from '@quorate/wire';
import type {
  WatchAttempt,
  WatchCreateRequest,
  WatchEvent,
  WatchHistory,
  WatchMessage,
} from '../../history/types.ts';
import type { Chance } from '../chance.ts';
import type { Machine } from '../machine.ts';
import type { Wires } from '../wires.ts';
import { watchEvent } from './from-wire.ts';
import { wireWatchCreate } from './to-wire.ts';

/** Bytes taken from a stream at a time: few, so that slow readers are common. */
const takeBytes = 2000;

/** Of two responses of a stream the later one arrives so much later, at least. */
const shortestMs = 0.001;

export interface WatcherOptions {
  readonly id: number;
  readonly client: number;
  readonly wires: Wires;
  readonly chance: Chance;
  readonly request: WatchCreateRequest;
  readonly machines: () => readonly Machine[];
  /** Mean time after which a client breaks off its stream itself. */
  readonly restlessMs: number;
  readonly isOver: () => boolean;
  /** Told of events as they are seen, each once. */
  readonly onEvents?: (events: readonly WatchEvent[]) => void;
}

/** An attempt while it goes on. */
interface OpenAttempt {
  readonly request: WatchCreateRequest;
  readonly calledAt: number;
  readonly messages: WatchMessage[];
  settledRevision?: number;
}

/** A client that watches, and resumes where it was whenever its stream breaks. */
export class SimWatcher {
  readonly #options: WatcherOptions;
  readonly #attempts: OpenAttempt[] = [];
  /** The next revision that has not been seen; 0 before anything was heard. */
  #next: number;
  #isAlive = false;
  #isStopped = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#next = options.request.startRevision ?? 0;
  }

  /** What it saw. With `settledRevision` the last attempt, if it lives, must have seen all up to there. */
  history(settledRevision: number): WatchHistory {
    const { id, client } = this.#options;
    const attempts: WatchAttempt[] = this.#attempts.map((attempt) => ({ ...attempt }));
    const last = attempts.pop();
    if (last !== undefined) attempts.push(this.#isAlive ? { ...last, settledRevision } : last);
    return { id, client, attempts };
  }

  /** The highest revision below which everything was seen. */
  get seenRevision(): number {
    return this.#next - 1;
  }

  /** Whether its stream stands. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** No further stream is opened, and nothing is told any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Opens one stream after the other, for ever: it ends with the simulation. */
  run(): void {
    if (this.#isStopped) return;
    const { wires, chance, machines } = this.#options;
    // Never none: a cluster keeps a member.
    const machine = chance.pick(machines());
    this.#attempt(machine, () => {
      this.#isAlive = false;
      wires.timeline.after(chance.wait(100) + 1, 'watch again', () => this.run());
    });
  }

  #attempt(machine: Machine, onEnd: () => void): void {
    const { wires, chance, isOver, restlessMs } = this.#options;
    const { timeline, troubles } = wires;
    const request = { ...this.#options.request, startRevision: this.#next };
    const attempt: OpenAttempt = { request, calledAt: timeline.nowMs, messages: [] };
    this.#attempts.push(attempt);
    let isEnded = false;
    const end = (): void => {
      if (isEnded) return;
      isEnded = true;
      onEnd();
    };
    timeline.after(troubles.delay().ms, 'watch open', () => {
      const { process, replica } = machine;
      if (process === undefined || replica === undefined || troubles.isCutFromClients(machine.name)) {
        return void timeline.after(troubles.delay().ms, 'watch refused', end);
      }
      process.onceGone(() => void timeline.after(troubles.delay().ms, 'watch cut', end));
      process.later(0, 'watch request', () => {
        let isTaking = false;
        let arrivesAt = 0;
        const take = (): void => {
          isTaking = false;
          if (isEnded) return;
          if (troubles.isCutFromClients(machine.name)) {
            stream.close();
            return void timeline.after(troubles.delay().ms, 'watch cut', end);
          }
          for (const response of stream.take(takeBytes)) {
            // A stream keeps its order.
            arrivesAt = Math.max(arrivesAt + shortestMs, timeline.nowMs + troubles.delay().ms);
            timeline.after(arrivesAt - timeline.nowMs, 'watch response', () => {
              if (!isEnded && !this.#hear(attempt, rpcpb.WatchResponse.decode(response))) end();
            });
          }
          if (stream.hasPending) wake();
        };
        const wake = (): void => {
          if (isTaking) return;
          isTaking = true;
          process.later(chance.between(0.01, 2), 'watch take', take);
        };
        const stream = replica.watch({ onReadable: wake });
        stream.request(wireWatchCreate(request));
        wake();
        if (restlessMs < Infinity)
          timeline.after(chance.wait(restlessMs), 'watch restless', () => {
            if (isEnded || isOver()) return;
            process.later(0, 'watch close', () => stream.close());
            end();
          });
      });
    });
  }

  /** One response; false when the watcher is over with it. */
  #hear(attempt: OpenAttempt, response: rpcpb.WatchResponse): boolean {
    const { timeline } = this.#options.wires;
    const revision = Number(response.header?.revision ?? 0n);
    const events = response.events.map(watchEvent);
    const compactRevision = Number(response.compactRevision);
    if (this.#isStopped) return false;
    if (events.length > 0) this.#options.onEvents?.(events);
    attempt.messages.push({
      ...{ at: timeline.nowMs, revision, events },
      ...(response.created && { created: true }),
      ...(response.canceled && { canceled: true }),
      ...(compactRevision > 0 && { compactRevision }),
      ...(response.cancelReason !== '' && { cancelReason: response.cancelReason }),
      ...(response.fragment && { fragment: true }),
    });
    if (response.canceled) {
      if (compactRevision > 0) this.#next = Math.max(this.#next, compactRevision);
      return false;
    }
    if (response.created) {
      this.#isAlive = true;
      // From now on: what comes next is behind the revision at which it was made.
      if (this.#next === 0) this.#next = revision + 1;
    } else if (response.fragment) {
      return true;
    } else if (events.length > 0) {
      this.#next = Math.max(this.#next, events.at(-1)!.kv.modRevision + 1);
    } else {
      // A progress notice: nothing at or below its revision is missing.
      this.#next = Math.max(this.#next, revision + 1);
    }
    return true;
  }
}
