import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadJob, LoadMessage, LoadResult } from './load-job.ts';
import { pinTo, type Placement } from './placement.ts';

/** A load that did not come to its end. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  /** Whether a server answered what is not true; else it did not answer. */
  readonly isWrongAnswer: boolean;

  constructor(message: string, { isWrongAnswer }: { readonly isWrongAnswer: boolean }) {
    super(message);
    this.isWrongAnswer = isWrongAnswer;
  }
}

/** The load generator in a process of its own, so that the CPU time of servers is theirs alone. */
export class LoadProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(placement: Placement = 'shared') {
    const [execPath = '', ...execArgv] = [...pinTo('generator', placement), process.execPath];
    this.#child = fork(join(import.meta.dirname, 'load-generator.ts'), {
      ...{ execPath, execArgv },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  /** Does one job. One at a time. @throws LoadError when a server failed or answered wrongly */
  async run(job: LoadJob): Promise<LoadResult> {
    const answered = new AbortController();
    const answer = Promise.race([
      once(this.#child, 'message', { signal: answered.signal }),
      once(this.#child, 'exit', { signal: answered.signal }).then(() => {
        throw new Error('the load generator has ended');
      }),
    ]);
    this.#child.send(job);
    try {
      // It sends nothing else; see load-generator.ts.
      const [message] = (await answer) as [LoadMessage];
      if (message.kind === 'failed') throw new LoadError(`${describe(job)}: ${message.message}`, message);
      return message.result;
    } finally {
      answered.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}

function describe(job: LoadJob): string {
  return job.kind === 'measure' || job.kind === 'client'
    ? `${job.workload} with ${job.inFlight} in flight`
    : job.kind;
}
