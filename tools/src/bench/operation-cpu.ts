import type { OperationSink } from './load-window.ts';
import { preciseCpuOf, type CpuTime } from './proc.ts';

/** CPU time of a process over a fixed number of operations, after some that do not count. */
export class OperationCpu implements OperationSink {
  readonly #pid: number;
  readonly #skip: number;
  readonly #end: number;
  #count = 0;
  #startedAt: CpuTime | undefined;
  #spent: CpuTime | undefined;

  constructor(options: { readonly pid: number; readonly skip: number; readonly count: number }) {
    this.#pid = options.pid;
    this.#skip = options.skip;
    this.#end = options.skip + options.count;
  }

  record(): boolean {
    this.#count++;
    if (this.#count === this.#skip) this.#startedAt = preciseCpuOf(this.#pid);
    if (this.#count === this.#end) {
      const now = preciseCpuOf(this.#pid);
      const { micros, userMs, systemMs } = this.#startedAt!;
      this.#spent = {
        micros: now.micros - micros,
        userMs: now.userMs - userMs,
        systemMs: now.systemMs - systemMs,
      };
    }
    return this.#count < this.#end;
  }

  /** What the counted operations cost together. @throws Error while they are not done */
  get spent(): CpuTime {
    if (this.#spent === undefined) throw new Error('the operations are not done');
    return this.#spent;
  }
}
