import type { Caller as AuthCaller } from '@quorate/auth';
import type { Replica } from '@quorate/replica';
import { rpcpb } from '@quorate/wire';
import type {
  MessageContext,
  WatchAttempt,
  WatchCreateRequest,
  WatchEvent,
  WatchHistory,
  WatchMessage,
} from '../../history/types.ts';
import { Deposition } from '../auth/deposition.ts';
import type { Chance } from '../chance.ts';
import type { Machine } from '../machine.ts';
import type { SimProcess } from '../process.ts';
import type { Wires } from '../wires.ts';
import { admitted } from './admission.ts';
import type { Caller } from './caller.ts';
import { watchEvent } from './from-wire.ts';
import { codeOf } from './outcome-of.ts';
import { wireWatchCreate } from './to-wire.ts';

/** Bytes taken from a stream at a time: few, so that slow readers are common. */
const takeBytes = 2000;

/** How long a watcher waits for an answer when it logs in. */
const loginTimeoutMs = 2_000;

/** A watcher that was refused waits so long, mostly. */
const refusedMs = 300;

const watchPath = '/etcdserverpb.Watch/Watch';

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
  /** Who watches, in a cluster with users. */
  readonly caller?: Caller;
  /** Told of events as they are seen, each once. */
  readonly onEvents?: (events: readonly WatchEvent[]) => void;
}

/** An attempt while it goes on. */
interface OpenAttempt {
  readonly request: WatchCreateRequest;
  readonly calledAt: number;
  readonly messages: WatchMessage[];
  settledRevision?: number;
  deposition: Deposition | undefined;
}

/** A stream that an attempt goes through. */
interface OpenStream {
  readonly machine: Machine;
  readonly attempt: OpenAttempt;
  readonly isEnded: () => boolean;
  readonly end: () => void;
}

/** A client that watches, and resumes where it was whenever its stream breaks. */
export class SimWatcher {
  readonly #options: WatcherOptions;
  readonly #attempts: OpenAttempt[] = [];
  /** The next revision that has not been seen; 0 before anything was heard. */
  #next: number;
  #isAlive = false;
  #isStopped = false;
  #wasRefused = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#next = options.request.startRevision ?? 0;
  }

  /** What it saw. With `settledRevision` the last attempt, if it lives, must have seen all up to there. */
  history(settledRevision: number): WatchHistory {
    const { id, client } = this.#options;
    const attempts: WatchAttempt[] = this.#attempts.map(({ deposition, ...attempt }) => ({
      ...attempt,
      ...(deposition !== undefined && { context: deposition.end() }),
    }));
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
    const { wires, chance, machines, caller } = this.#options;
    // Never none: a cluster keeps a member.
    const machine = chance.pick(machines());
    const onEnd = (): void => {
      this.#isAlive = false;
      const meanMs = this.#wasRefused ? refusedMs : 100;
      wires.timeline.after(chance.wait(meanMs) + 1, 'watch again', () => this.run());
    };
    const login = caller?.prepare(machine, { timeoutMs: loginTimeoutMs });
    if (login === undefined) this.#attempt(machine, onEnd);
    else void login.then(() => this.#attempt(machine, onEnd));
  }

  #attempt(machine: Machine, onEnd: () => void): void {
    const { wires, caller } = this.#options;
    const { timeline, troubles } = wires;
    const { nowMs } = timeline;
    const { session, witness } = caller?.credentials ?? {};
    const request = { ...this.#options.request, startRevision: this.#next };
    const deposition =
      witness && new Deposition(witness, { machine, token: session?.show(), calledAtMs: nowMs });
    const attempt: OpenAttempt = { request, calledAt: nowMs, messages: [], deposition };
    this.#attempts.push(attempt);
    this.#wasRefused = false;
    let isEnded = false;
    const stream: OpenStream = {
      ...{ machine, attempt },
      isEnded: () => isEnded,
      end: () => {
        if (isEnded) return;
        isEnded = true;
        onEnd();
      },
    };
    const refuse = (): void => void timeline.after(troubles.delay().ms, 'watch refused', stream.end);
    timeline.after(troubles.delay().ms, 'watch open', () => {
      const { process, replica } = machine;
      if (process === undefined || replica === undefined || troubles.isCutFromClients(machine.name))
        return refuse();
      process.onceGone(() => void timeline.after(troubles.delay().ms, 'watch cut', stream.end));
      process.later(0, 'watch request', () => {
        if (deposition === undefined) return this.#open(stream, process, replica, undefined);
        deposition.arrive(replica);
        admitted(replica, watchPath, deposition.token).then(
          (who) => {
            if (!process.isGone) this.#open(stream, process, replica, who);
          },
          (error: unknown) => {
            if (process.isGone) return;
            session?.hear(codeOf(error));
            this.#wasRefused = true;
            refuse();
          },
        );
      });
    });
  }

  #open(
    { machine, attempt, isEnded, end }: OpenStream,
    process: SimProcess,
    replica: Replica,
    caller: AuthCaller | undefined,
  ): void {
    const { wires, chance, isOver, restlessMs } = this.#options;
    const { timeline, troubles } = wires;
    let isTaking = false;
    let arrivesAt = 0;
    const take = (): void => {
      isTaking = false;
      if (isEnded()) return;
      if (troubles.isCutFromClients(machine.name)) {
        stream.close();
        return void timeline.after(troubles.delay().ms, 'watch cut', end);
      }
      const context = this.#options.caller?.credentials?.witness.ofMessage(process);
      attempt.deposition?.look(replica);
      for (const response of stream.take(takeBytes)) {
        // A stream keeps its order.
        arrivesAt = Math.max(arrivesAt + shortestMs, timeline.nowMs + troubles.delay().ms);
        timeline.after(arrivesAt - timeline.nowMs, 'watch response', () => {
          if (!isEnded() && !this.#hear(attempt, rpcpb.WatchResponse.decode(response), context)) end();
        });
      }
      if (stream.hasPending) wake();
    };
    const wake = (): void => {
      if (isTaking) return;
      isTaking = true;
      process.later(chance.between(0.01, 2), 'watch take', take);
    };
    const reasonOf = (refusal: unknown): string => codeOf(refusal) ?? String(refusal);
    const stream = replica.watch({ onReadable: wake, reasonOf, ...(caller !== undefined && { caller }) });
    void stream.request(wireWatchCreate(attempt.request));
    wake();
    if (restlessMs < Infinity)
      timeline.after(chance.wait(restlessMs), 'watch restless', () => {
        if (isEnded() || isOver()) return;
        process.later(0, 'watch close', () => stream.close());
        end();
      });
  }

  /** One response; false when the watcher is over with it. */
  #hear(attempt: OpenAttempt, response: rpcpb.WatchResponse, context: MessageContext | undefined): boolean {
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
      ...(context !== undefined && { context }),
    });
    if (response.canceled) {
      this.#options.caller?.credentials?.session.hear(response.cancelReason);
      this.#wasRefused = compactRevision === 0;
      if (!response.created && response.cancelReason.startsWith('AUTH_'))
        this.#options.caller?.credentials?.witness.noteWatchCancelled();
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
