/** Statistics of repeated runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length };
}

/**
 * Calls `operation` with a running number until `count` calls are done, keeping `inFlight` under way.
 * Resolves to calls a second.
 */
export async function rateOf(options: {
  readonly count: number;
  readonly inFlight: number;
  readonly operation: (n: number) => Promise<unknown>;
}): Promise<number> {
  const { count, inFlight, operation } = options;
  let next = 0;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (next < count) await operation(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return count / ((performance.now() - startedAt) / 1000);
}
