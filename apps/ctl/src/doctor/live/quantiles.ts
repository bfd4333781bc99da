import { finding, ok, unchecked, type Severity, type Verdict } from '../check.ts';
import type { MetricsFacts } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { durationText, spanText } from './members.ts';

/** A histogram whose 99th percentile is judged. */
export interface JudgedQuantile {
  readonly name: string;
  readonly where?: Readonly<Record<string, string>>;
  /** What takes that long, as `a sync of the log`. */
  readonly what: string;
  /** More than this is a warning. */
  readonly warnSeconds: number;
  /** More than this is advice. */
  readonly adviseSeconds?: number;
  readonly remedy: readonly string[];
}

/** Judges the 99th percentile of a histogram; few samples have none. */
export function judgeQuantile(endpoint: string, metrics: MetricsFacts, judged: JudgedQuantile): Verdict {
  const { name, where, what, warnSeconds, adviseSeconds = warnSeconds, remedy } = judged;
  const quantile = metrics.page.quantile(name, 0.99, where);
  if (quantile === undefined) return unchecked(endpoint, `no samples of ${name}`);
  const { seconds, isBeyond, count } = quantile;
  if (count < thresholds.samplesMin) return unchecked(endpoint, `too few samples of ${name} so far`);
  const time = `${isBeyond ? 'more than ' : ''}${durationText(seconds)}`;
  const seen = `${what} takes ${time} (p99 of ${count}, ${spanText(metrics)})`;
  const severity: Severity | undefined =
    seconds > warnSeconds ? 'warning' : seconds > adviseSeconds ? 'advice' : undefined;
  return severity === undefined ? ok(endpoint, seen) : finding(severity, endpoint, seen, remedy);
}
