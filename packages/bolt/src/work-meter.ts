import type { YieldToLoop } from './types.ts';

/** Work after which the event loop may turn: a row counts 1, a KiB counts 1, so it is about half a millisecond. */
const workMax = 1024;

/** Counts work and lets the event loop turn when there was enough of it. */
export class WorkMeter {
  readonly #yieldToLoop: YieldToLoop | undefined;
  #done = 0;

  constructor(yieldToLoop: YieldToLoop | undefined) {
    this.#yieldToLoop = yieldToLoop;
  }

  spend(rowCount: number, sizeBytes: number): void {
    this.#done += rowCount + sizeBytes / 1024;
  }

  get isDue(): boolean {
    return this.#done >= workMax;
  }

  /** Lets the loop turn, if the caller gave a way to. */
  async pause(): Promise<void> {
    this.#done = 0;
    await this.#yieldToLoop?.();
  }
}
