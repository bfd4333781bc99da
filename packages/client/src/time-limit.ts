import type { Clock } from '@quorate/std';
import { EtcdError } from './errors.ts';
import type { CallOptions } from './options.ts';
import { unlessAborted } from './unless-aborted.ts';

/** A signal that aborts with any of several, or when the time is over; dispose of it to stop the timer. */
export interface LimitedSignal extends Disposable {
  readonly signal: AbortSignal;
}

/** The signal of what may take as long as `timeoutMs` says, and longer than one call. */
export function limitedSignal(
  clock: Clock,
  { signal, timeoutMs }: Pick<CallOptions, 'signal' | 'timeoutMs'>,
  ...others: AbortSignal[]
): LimitedSignal {
  const limit = new AbortController();
  const onTimeout = () => limit.abort(new EtcdError('DEADLINE_EXCEEDED', 'context deadline exceeded'));
  const isLimited = timeoutMs !== undefined && timeoutMs !== Infinity;
  const timer = isLimited ? clock.after(timeoutMs, onTimeout) : undefined;
  const all = [...others, limit.signal, ...(signal === undefined ? [] : [signal])];
  return { signal: AbortSignal.any(all), [Symbol.dispose]: () => timer?.cancel() };
}

/** What is under way already, unless a signal or a time limit comes first: then it goes on without the caller. */
export async function withinLimits<T>(
  clock: Clock,
  underWay: Promise<T>,
  options: Pick<CallOptions, 'signal' | 'timeoutMs'>,
): Promise<T> {
  using limited = limitedSignal(clock, options);
  return await unlessAborted(underWay, limited.signal);
}
