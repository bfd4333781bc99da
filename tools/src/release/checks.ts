import { tellCounts } from '@quorate/e2e/test-run';

/** Counts what held and what did not, and says it when it is known. */
export class Checks {
  #passed = 0;
  readonly #failures: string[] = [];
  readonly #signal: AbortSignal | undefined;

  /** After `signal` nothing is checked any more. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Awaits one thing that should hold; what it throws is told, and counts, and stops nothing else.
   *
   * @throws the reason of the signal, once there is one.
   */
  async check(title: string, body: () => void | Promise<void>): Promise<boolean> {
    this.#signal?.throwIfAborted();
    try {
      await body();
      this.#passed += 1;
      return true;
    } catch (error) {
      this.#signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      this.#failures.push(`${title}: ${reason}`);
      console.log(`FAILED ${title}\n${reason.replaceAll(/^/gm, '    ')}`);
      return false;
    }
  }

  /** Prints the counts as the last line; the exit code that they call for. */
  finish(): number {
    if (this.#failures.length > 0) {
      console.log('\nwhat failed:');
      for (const failure of this.#failures) console.log(`- ${failure.split('\n')[0]}`);
    }
    tellCounts({ passed: this.#passed, failed: this.#failures.length, skipped: 0 });
    return this.#failures.length === 0 ? 0 : 1;
  }
}

/** @throws Error that lists the problems, when there are any */
export function expectNone(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/** Calls `work` for each item, at most `limit` at once, in order. */
export async function forEachLimited<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const pending = items.values();
  const worker = async (): Promise<void> => {
    for (const item of pending) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
