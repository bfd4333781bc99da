import type { Clock } from '@quorate/std';
import { EtcdError } from './errors.ts';
import type { CallOptions } from './options.ts';

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
  const timer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, onTimeout);
  const all = [...others, limit.signal, ...(signal === undefined ? [] : [signal])];
  return { signal: AbortSignal.any(all), [Symbol.dispose]: () => timer?.cancel() };
}
