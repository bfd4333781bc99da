import { Session, type Profiler } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuIntervalUs, heapIntervalBytes, ProfilerBusyError } from './profiler-settings.ts';
import type { SampledHeap } from './v8-profiles.ts';

/** There is one profiler in a process, whoever asks. */
let isTaken = false;

/**
 * Profiles of this process by V8's own profiler. From its start on a sample of what is allocated is followed, so that
 * `heap` can tell where memory has come from.
 */
export class NodeProfiler implements Disposable {
  readonly #session = new Session();
  #isClosed = false;

  constructor() {
    this.#session.connect();
    this.#session.post('HeapProfiler.enable');
    this.#session.post('HeapProfiler.startSampling', { samplingInterval: heapIntervalBytes });
  }

  /**
   * Samples the stack for that long, or until the signal: what there is by then counts.
   *
   * @throws ProfilerBusyError
   */
  async cpu(seconds: number, { signal }: { readonly signal: AbortSignal }): Promise<Profiler.Profile> {
    if (isTaken) throw new ProfilerBusyError();
    isTaken = true;
    const session = this.#session;
    try {
      session.post('Profiler.enable');
      session.post('Profiler.setSamplingInterval', { interval: cpuIntervalUs });
      session.post('Profiler.start');
      await sleep(seconds * 1000, undefined, { signal, ref: false }).catch(() => {});
      // The session has taken the profile with it.
      if (this.#isClosed) throw new Error('the member stops');
      return await new Promise((resolve, reject) => {
        session.post('Profiler.stop', (error, { profile }) =>
          error === null ? resolve(profile) : reject(error),
        );
      });
    } finally {
      isTaken = false;
      if (!this.#isClosed) session.post('Profiler.disable');
    }
  }

  /** What of the sampled allocations is in use. V8 collects all garbage for it, and nothing else runs meanwhile. */
  heap(): Promise<SampledHeap> {
    return new Promise((resolve, reject) => {
      this.#session.post('HeapProfiler.getSamplingProfile', (error, { profile }) =>
        // V8 tells more than the types of Node know.
        error === null ? resolve(profile as unknown as SampledHeap) : reject(error),
      );
    });
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#session.disconnect();
  }
}
