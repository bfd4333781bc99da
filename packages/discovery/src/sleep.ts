import type { Clock } from '@quorate/std';

/** Waits `delayMs`. @throws the signal's reason when it is aborted meanwhile */
export async function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(delayMs, resolve);
  const onAbort = (): void => resolve();
  signal?.addEventListener('abort', onAbort);
  await promise;
  signal?.removeEventListener('abort', onAbort);
  timer.cancel();
  signal?.throwIfAborted();
}
