/**
 * How long a test looks for what it does not know: the same few runs each time, or as many as `QUORATE_FUZZ_RUNS` times that,
 * from the seed of `QUORATE_SEED`.
 */
const factor = Number(process.env['QUORATE_FUZZ_RUNS'] ?? 1);
const seed = Number(process.env['QUORATE_SEED'] ?? 20261122);

/** For `fc.assert`. */
export function runsOf(usual: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: usual * factor, seed };
}

/** A test has so long. */
export const timeoutMs = 120_000 * Math.max(1, factor);
