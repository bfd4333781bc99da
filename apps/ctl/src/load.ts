import type { Clock } from '@quorate/std';
import type { ByteString } from './byte-string.ts';
import { errorText } from './error-text.ts';

/** Permission to do one more write; false when there is nothing more to do. */
export type Permits = () => Promise<boolean> | boolean;

/** So many permissions, as fast as they are asked for. */
export function permitsOf(count: number): Permits {
  let left = count;
  return () => left-- > 0;
}

/**
 * Permissions at a steady rate for some time. What nobody asked for in time is lost: a server that is too slow does not
 * get a burst afterwards.
 */
export function pacedPermits(
  clock: Clock,
  { perSecond, durationMs }: { readonly perSecond: number; readonly durationMs: number },
): Permits {
  const endMs = clock.now() + durationMs;
  let nextMs = clock.now();
  return () => {
    const now = clock.now();
    const atMs = Math.max(now, nextMs);
    nextMs = atMs + 1_000 / perSecond;
    if (atMs >= endMs) return false;
    return atMs === now || new Promise((resolve) => clock.after(atMs - now, () => resolve(true)));
  };
}

/** What writes cost. */
export class LoadReport {
  /** How long each write took that succeeded. */
  readonly #seconds: number[] = [];
  /** What was said by writes that failed, and how many of them said so. */
  readonly errors = new Map<ByteString, number>();
  #totalSeconds = 0;

  /** Puts what one write came to. */
  add(seconds: number): void {
    this.#seconds.push(seconds);
  }

  /** Counts a write that failed. */
  fail(error: unknown): void {
    const text = errorText(error);
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }

  /** Says how long all of it took. */
  end(totalSeconds: number): void {
    this.#totalSeconds = totalSeconds;
  }

  /** Writes that succeeded, by the second. */
  get perSecond(): number {
    return this.#totalSeconds === 0 ? 0 : this.#seconds.length / this.#totalSeconds;
  }

  /** How long the slowest write took. */
  get slowestSeconds(): number {
    return this.#seconds.reduce((slowest, seconds) => Math.max(slowest, seconds), 0);
  }

  /** How far the times are spread around their mean. */
  get deviationSeconds(): number {
    const count = this.#seconds.length;
    if (count === 0) return 0;
    const mean = this.#seconds.reduce((sum, seconds) => sum + seconds, 0) / count;
    const squares = this.#seconds.reduce((sum, seconds) => sum + (seconds - mean) ** 2, 0);
    return Math.sqrt(squares / count);
  }
}

/** What is written, by whom, and how. */
export interface LoadOptions {
  /** How many write at the same time, each the next thing when it has an answer. */
  readonly writers: number;
  readonly permits: Permits;
  /** Writes something; `writer` says who. */
  readonly write: (writer: number) => Promise<unknown>;
  readonly clock: Clock;
  /** Hears of each write that came to an end. */
  readonly onWritten?: () => void;
  /** Aborting ends it when the writes under way have their answers. */
  readonly signal: AbortSignal;
}

/** Writes until there are no more permissions. Writes that fail are counted, and do not end it. */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { writers, permits, write, clock, onWritten, signal } = options;
  const report = new LoadReport();
  const startedMs = clock.now();
  const writeOn = async (writer: number) => {
    while (!signal.aborted && (await permits())) {
      const sentMs = clock.now();
      try {
        await write(writer);
        report.add((clock.now() - sentMs) / 1_000);
      } catch (error) {
        report.fail(error);
      }
      onWritten?.();
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => writeOn(writer)));
  report.end((clock.now() - startedMs) / 1_000);
  return report;
}
