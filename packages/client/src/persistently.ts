import type { Connections } from './connections.ts';
import { EtcdError } from './errors.ts';

/** Whether an error is the trouble of a member, or of the way to it: asked again, another one may answer. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof EtcdError)) return false;
  // Servers that stop cancel calls, too. Without a cause, it is our own client that was closed.
  if (error.code === 'CANCELLED') return error.cause !== undefined;
  return error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED' || error.code === 'INTERNAL';
}

/**
 * Does what may be done twice until it is done, whatever passing troubles members have; for things that go on in the
 * background, where nobody waits for an error.
 */
export async function persistently<T>(
  connections: Connections,
  signal: AbortSignal | undefined,
  action: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await connections.pause(attempt, signal);
  }
}
