import { setTimeout as pause } from 'node:timers/promises';

/** How long is waited for anything that a cluster owes us. */
const patienceMs = 60_000;
const pauseMs = 50;

/**
 * Asks again and again until there is an answer. An error counts as none.
 *
 * @throws Error that says what was waited for, with the last error as its cause
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  { timeoutMs = patienceMs }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await pause(pauseMs);
  } while (performance.now() < deadline);
  throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause });
}
