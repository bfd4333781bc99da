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

/** The order in which sides take their turns: ABBA, so that a drift of the machine touches all alike. */
export function orderOf<T>(repetition: number, sides: readonly T[]): readonly T[] {
  return repetition % 2 === 0 ? sides : sides.toReversed();
}

/** Values that lie so close to each other need no more of them. */
const narrowShare = 0.1;

/** Whether the values, of which there must be one, are all about the same. */
export function isNarrow(values: readonly number[]): boolean {
  const { median, min, max } = spreadOf(values);
  return max - min <= narrowShare * median;
}

/**
 * Measures all sides in turn, `repetitions` times, and as long as the figures of one of them lie far apart up to
 * `repetitionsMax` times.
 */
export async function inTurns<Side extends string, T>(
  options: { readonly repetitions: number; readonly repetitionsMax: number },
  sides: readonly Side[],
  turn: {
    readonly measure: (side: Side, repetition: number) => Promise<T>;
    readonly figure: (result: T) => number;
  },
): Promise<Map<Side, readonly T[]>> {
  const results = new Map(sides.map((side) => [side, new Array<T>()]));
  const isClear = (): boolean => [...results.values()].every((of) => isNarrow(of.map(turn.figure)));
  for (let repetition = 0; repetition < options.repetitionsMax; repetition++) {
    if (repetition >= options.repetitions && isClear()) break;
    for (const side of orderOf(repetition, sides)) {
      results.get(side)!.push(await turn.measure(side, repetition));
    }
  }
  return results;
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
