import { constants, setPriority } from 'node:os';

/**
 * Gives the thread that calls it a low priority, for work that nobody else is to wait for. On Linux a priority belongs to a
 * thread; elsewhere it would slow the whole process, so it is left alone.
 */
export function yieldToOthers(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it. The thread then only competes as an equal.
  }
}
