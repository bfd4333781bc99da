import type { Clock, Random } from '@quorate/std';

const firstMs = 25;
const lastMs = 1_000;

/** Waits before try number `attempt + 1`: 25 ms, growing to a second, 10 % more or less. Ends early when aborted. */
export function backOff(
  attempt: number,
  { clock, random, signal }: { readonly clock: Clock; readonly random: Random; readonly signal: AbortSignal },
): Promise<void> {
  const meanMs = Math.min(lastMs, firstMs * 2 ** Math.min(attempt - 1, 10));
  return pause(meanMs * (0.9 + random.below(1_000) / 5_000), { clock, signal });
}

/** Waits for so long, or until aborted. */
export function pause(
  delayMs: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
