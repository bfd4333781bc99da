import type { InterruptSignal, Terminal } from './terminal.ts';

/** Somebody's wish that the program end, for as long as it is listened to. */
export interface Interruption extends Disposable {
  /** Aborts with the first signal. */
  readonly signal: AbortSignal;
  /** Aborts when another process asks us to end, and not on Ctrl-C, which programs that we run get as well. */
  readonly terminated: AbortSignal;
}

/** Listens for Ctrl-C and SIGTERM, which do not end the program by themselves until this is disposed of. */
export function listenForInterrupts(terminal: Terminal): Interruption {
  const [any, terminated] = [new AbortController(), new AbortController()];
  const onSignal = (signal: InterruptSignal) => {
    any.abort();
    if (signal === 'SIGTERM') terminated.abort();
  };
  const listening = terminal.onInterrupt?.(onSignal);
  return {
    signal: any.signal,
    terminated: terminated.signal,
    [Symbol.dispose]: () => listening?.[Symbol.dispose](),
  };
}

/** Resolves when any of the signals has aborted. */
export function anyAborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const either = AbortSignal.any([...signals]);
    if (either.aborted) resolve();
    else either.addEventListener('abort', () => resolve(), { once: true });
  });
}
