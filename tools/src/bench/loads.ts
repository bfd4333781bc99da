import { LoadProcess } from './load-process.ts';
import type { Placement } from './placement.ts';

/** Load generators, one for each placement, started when they are first needed; and a second one beside them. */
export class Loads implements AsyncDisposable {
  readonly #started = new Map<string, LoadProcess>();

  /** The generator of that placement. */
  of(placement: Placement): LoadProcess {
    return this.#process('first', placement);
  }

  /** One more, for load that goes on while something else is measured. */
  beside(placement: Placement): LoadProcess {
    return this.#process('second', placement);
  }

  #process(name: 'first' | 'second', placement: Placement): LoadProcess {
    const key = `${name} ${placement}`;
    const started = this.#started.get(key) ?? new LoadProcess(placement);
    this.#started.set(key, started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#started.values()) await process[Symbol.asyncDispose]();
  }
}
