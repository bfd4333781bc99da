/** An answer with the time at which a server made it, in milliseconds of the two wall clocks. */
export interface ClockSample {
  readonly sentMs: number;
  readonly receivedMs: number;
  /** The `Date` of the answer, which has whole seconds. */
  readonly dateMs: number;
}

/** How far a clock is ahead of ours, at least and at most; below zero it is behind. */
export interface ClockBounds {
  readonly leastMs: number;
  readonly mostMs: number;
}

/**
 * What answers say about a server's clock. Each alone leaves a second and its own time open; several at different parts of
 * a second leave less. Undefined of none, or when they contradict each other, since one of the clocks was set meanwhile.
 */
export function clockBounds(samples: readonly ClockSample[]): ClockBounds | undefined {
  if (samples.length === 0) return undefined;
  const leastMs = Math.max(...samples.map(({ dateMs, receivedMs }) => dateMs - receivedMs));
  const mostMs = Math.min(...samples.map(({ dateMs, sentMs }) => dateMs + 1_000 - sentMs));
  return leastMs <= mostMs ? { leastMs, mostMs } : undefined;
}

/** How far the clock is off at the very least. */
export function surelyOffMs({ leastMs, mostMs }: ClockBounds): number {
  return Math.max(0, leastMs, -mostMs);
}
