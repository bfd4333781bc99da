import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { until } from '../cluster/until.ts';
import { etcdBin } from '../member-process.ts';

/** The real etcdctl with a command that goes on until somebody ends it. */
export class RunningCtl implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #closed: Promise<unknown>;
  #stdout = '';
  #stderr = '';

  constructor(endpoint: string, args: readonly string[]) {
    if (etcdBin === undefined) throw new Error('QUORATE_ETCD_BIN names no folder with a real etcdctl');
    this.#child = spawn(join(etcdBin, 'etcdctl'), [`--endpoints=${endpoint}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#closed = once(this.#child, 'close');
  }

  /** What it has printed so far. */
  get lines(): readonly string[] {
    return this.#stdout.split('\n').slice(0, -1);
  }

  /** Waits until it has printed so many lines. */
  async untilLines(count: number): Promise<readonly string[]> {
    return until(`${count} lines of etcdctl ${this.#stderr}`, async () =>
      this.lines.length >= count ? this.lines : undefined,
    );
  }

  /** Interrupts it, as Ctrl-C does, and waits until it has ended in good order. Resolves to its exit code. */
  async interrupt(): Promise<number | null> {
    this.#child.kill('SIGINT');
    await this.#closed;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
