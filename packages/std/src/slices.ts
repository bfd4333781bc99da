import type { Clock } from './clock.ts';

/** How much work is done at once, and in a turn. */
export interface SlicesOptions {
  /** Pieces of work in one turn that are done at once. */
  readonly atOnceMax: number;
  /** So long the others are done in each turn, before everything else that happens has its own. */
  readonly sliceMs: number;
  /** And so many at most; as many as there are when it is left out. */
  readonly perTurnMax?: number;
}

/**
 * Work in small pieces that may come by the thousand, such as what is left to do when a connection with a thousand calls
 * ends. Some are done at once, the others in order, a slice in each turn.
 */
export class Slices {
  readonly #options: SlicesOptions;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #done = 0;

  constructor(options: SlicesOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Does it, now or soon. Nothing may be thrown. */
  run(piece: () => void): void {
    if (this.#done++ === 0) this.#clock.soon(() => this.#turn());
    if (this.#done > this.#options.atOnceMax) this.#waiting.push(piece);
    else piece();
  }

  #turn(): void {
    const endMs = this.#clock.now() + this.#options.sliceMs;
    const most = Math.min(this.#waiting.length, this.#options.perTurnMax ?? Infinity);
    let count = 0;
    while (count < most && this.#clock.now() < endMs) this.#waiting[count++]?.();
    this.#waiting.splice(0, count);
    this.#done = this.#waiting.length === 0 ? 0 : this.#done;
    if (this.#done > 0) this.#clock.soon(() => this.#turn());
  }
}
