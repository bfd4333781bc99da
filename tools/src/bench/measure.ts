/** Statistics of repeated runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** Median and extremes of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('there is no spread of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length };
}

/** The smallest of the sorted values that at least this share of them does not exceed; 0 when there is none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** The order in which two sides take their turns: ABBA, so that a drift of the machine touches both alike. */
export function orderOf<T>(repetition: number, sides: readonly [T, T]): readonly [T, T] {
  return repetition % 2 === 0 ? sides : [sides[1], sides[0]];
}

/**
 * Calls `operation` with a running number for `durationMs`, keeping `inFlight` under way.
 * Resolves to calls a second.
 */
export async function rateOf(options: {
  readonly durationMs: number;
  readonly inFlight: number;
  readonly operation: (n: number) => Promise<unknown>;
}): Promise<number> {
  const { durationMs, inFlight, operation } = options;
  let count = 0;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - startedAt < durationMs) await operation(count++);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return count / ((performance.now() - startedAt) / 1000);
}
