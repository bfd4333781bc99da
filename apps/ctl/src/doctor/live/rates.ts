import { finding, ok, type Severity, type Verdict } from '../check.ts';
import type { MetricsFacts } from '../cluster-facts.ts';
import { spanText } from './members.ts';

/** A counter whose rate is judged. */
export interface JudgedRate {
  /** How much was counted; undefined where nobody counts, as in older versions. */
  readonly count: number | undefined;
  /** What was counted, as `changes of the leader`. */
  readonly what: string;
  /** The rate is that in so many seconds. */
  readonly perSeconds: number;
  /** A count in that time from which on it is a finding. */
  readonly most: number;
  /** Whether just as many are a finding. */
  readonly isInclusive?: boolean;
  readonly severity?: Severity;
  readonly remedy: readonly string[];
}

/**
 * Judges a rate. What has counted for less than the time of the rate is taken as if it had counted for that: a start is no
 * trend.
 */
export function judgeRate(endpoint: string, metrics: MetricsFacts, judged: JudgedRate): Verdict | undefined {
  const { count, what, perSeconds, most, isInclusive = false, severity = 'warning', remedy } = judged;
  if (count === undefined) return undefined;
  const rate = (count * perSeconds) / Math.max(metrics.seconds, perSeconds);
  const seen = `${count} ${what} ${spanText(metrics)}`;
  const isTooMuch = isInclusive ? rate >= most : rate > most;
  return isTooMuch ? finding(severity, endpoint, seen, remedy) : ok(endpoint, seen);
}
