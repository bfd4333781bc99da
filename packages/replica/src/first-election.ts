import type { RaftNode } from '@quorate/raft';
import { noNode } from '@quorate/raft';
import type { FullOptions } from './options.ts';

/** For so long after the start a first connection to another member shortens the wait for an election. */
const withinMs = 5_000;

/**
 * Whoever starts among members that have just started too has no leader to disturb when it waits less, once
 * (reference: election fast-forward).
 */
export class FirstElection {
  readonly #node: Pick<RaftNode, 'leader' | 'tick'>;
  readonly #isOtherReached: () => boolean;
  readonly #ticks: number;
  readonly #untilMs: number;
  #isDue: boolean;

  constructor(
    { initialElectionTickAdvance, electionTimeoutMs, heartbeatIntervalMs, clock }: FullOptions,
    parts: { readonly node: Pick<RaftNode, 'leader' | 'tick'>; readonly isOtherReached: () => boolean },
  ) {
    this.#node = parts.node;
    this.#isOtherReached = parts.isOtherReached;
    this.#isDue = initialElectionTickAdvance;
    this.#ticks = Math.floor(electionTimeoutMs / heartbeatIntervalMs) - 2;
    this.#untilMs = clock.now() + withinMs;
  }

  /** Called on every tick. */
  tick(nowMs: number): void {
    if (!this.#isDue) return;
    if (nowMs > this.#untilMs || this.#node.leader !== noNode) this.#isDue = false;
    if (!this.#isDue || !this.#isOtherReached()) return;
    this.#isDue = false;
    for (let tick = 0; tick < this.#ticks; tick++) this.#node.tick();
  }
}
