import type { Chance } from './chance.ts';
import { Trace } from './trace.ts';

/** Taken before a guard can stand in the way. */
const hop = setImmediate;

/** Whoever has events of his own: they come to nothing when he is gone, and wait while he sleeps. */
export interface Lane {
  readonly isGone: boolean;
  readonly isAsleep: boolean;
  /** Keeps an event that fell due while asleep. */
  defer(event: TimelineEvent): void;
}

/** Something that happens at a moment. */
export interface TimelineEvent {
  atMs: number;
  /** Decides between events of the same moment. */
  tie: number;
  sequence: number;
  readonly label: string;
  readonly lane: Lane | undefined;
  /** Undefined once it happened or was taken back. */
  action: (() => void) | undefined;
}

/** A simulation that came to an end it must not come to. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  readonly code = 'SIM_FAILED';
}

/**
 * Virtual time: events in the order of their moment, those of one moment in an order that the seed decides. Idle
 * time is jumped over. After each event every promise that it settled is followed to its end before the next.
 */
export class Timeline {
  readonly trace: Trace;
  readonly #chance: Chance;
  readonly #heap: TimelineEvent[] = [];
  #nowMs = 0;
  #sequence = 0;
  #failure: Error | undefined;
  #touched: Lane | undefined;
  /** Called after each event, when all that it caused at once has happened. */
  onSettled: ((lane: Lane | undefined) => void) | undefined;

  constructor(chance: Chance, trace = new Trace()) {
    this.#chance = chance;
    this.trace = trace;
  }

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Why the simulation cannot go on. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Ends the run with this error; the first one counts. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new SimulationError(String(error));
  }

  /** The event that is happening, which is nobody's own, concerns this lane. */
  touch(lane: Lane): void {
    this.#touched = lane;
  }

  /** Lets `action` happen `delayMs` from now. */
  after(delayMs: number, label: string, action: () => void, lane?: Lane): TimelineEvent {
    const event: TimelineEvent = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      tie: this.#chance.below(2 ** 32),
      sequence: this.#sequence++,
      label,
      lane,
      action,
    };
    this.#push(event);
    return event;
  }

  /** Puts events that were kept back into the queue: they are due now, in the order given. */
  release(events: readonly TimelineEvent[]): void {
    for (const event of events) {
      if (event.action === undefined) continue;
      event.atMs = this.#nowMs;
      event.tie = 0;
      event.sequence = this.#sequence++;
      this.#push(event);
    }
  }

  /** A promise that resolves after that much virtual time. */
  sleep(delayMs: number, lane?: Lane): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, 'sleep', resolve, lane));
  }

  /**
   * Runs events until `isDone`, which is asked between events.
   *
   * @throws what `fail` was told; SimulationError when nothing more would ever happen
   */
  async runUntil(isDone: () => boolean): Promise<void> {
    // What was begun before the call has its turn, too.
    await new Promise<void>((resolve) => hop(resolve));
    while (this.#failure === undefined && !isDone()) {
      const event = this.#pop();
      if (event === undefined)
        throw new SimulationError('nothing is left to happen, and the end is not reached');
      this.#touched = event.lane;
      this.#happen(event);
      await new Promise<void>((resolve) => hop(resolve));
      this.#settled(this.#touched);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #happen(event: TimelineEvent): void {
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    const { action } = event;
    if (action === undefined) return;
    this.trace.event(this.#nowMs, event.label);
    event.action = undefined;
    try {
      action();
    } catch (error) {
      // Whoever has just died may stumble over it.
      if (event.lane?.isGone !== true) this.fail(error);
    }
  }

  #settled(lane: Lane | undefined): void {
    try {
      this.onSettled?.(lane);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The next event that is to happen. */
  #pop(): TimelineEvent | undefined {
    for (;;) {
      const event = this.#take();
      if (event === undefined) return undefined;
      if (event.action === undefined || event.lane?.isGone === true) continue;
      if (event.lane?.isAsleep === true) event.lane.defer(event);
      else return event;
    }
  }

  #push(event: TimelineEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(event, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = event;
  }

  #take(): TimelineEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: TimelineEvent, b: TimelineEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.tie !== b.tie ? a.tie < b.tie : a.sequence < b.sequence;
}
