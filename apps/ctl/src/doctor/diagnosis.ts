import { severities, type Check, type Severity, type Verdict } from './check.ts';

/** A finding with what its check says of it. */
export interface RankedFinding {
  readonly id: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly seen: string;
  readonly why: string;
  readonly remedy: readonly string[];
  /** The place in the documentation. */
  readonly runbook: string;
}

/** What checks come to. */
export interface Diagnosis {
  /** Worst first. */
  readonly findings: readonly RankedFinding[];
  /** What was looked at and found well. */
  readonly ok: readonly { readonly id: string; readonly subject: string; readonly seen: string }[];
  /** What nothing is known of. */
  readonly unchecked: readonly { readonly id: string; readonly subject: string; readonly reason: string }[];
}

/** Runs checks on what was observed. */
export function diagnose<Observed>(checks: readonly Check<Observed>[], facts: Observed): Diagnosis {
  const verdicts = checks.flatMap((check) => check.examine(facts).map((verdict) => ({ check, verdict })));
  return {
    findings: rank(verdicts.flatMap(({ check, verdict }) => rankedFinding(check, verdict))),
    ok: verdicts.flatMap(({ check: { id }, verdict }) =>
      verdict.outcome === 'ok' ? [{ id, subject: verdict.subject, seen: verdict.seen ?? '' }] : [],
    ),
    unchecked: verdicts.flatMap(({ check: { id }, verdict }) =>
      verdict.outcome === 'unchecked' ? [{ id, subject: verdict.subject, reason: verdict.reason }] : [],
    ),
  };
}

/** Several diagnoses as one. */
export function together(diagnoses: readonly Diagnosis[]): Diagnosis {
  return {
    findings: rank(diagnoses.flatMap(({ findings }) => findings)),
    ok: diagnoses.flatMap((each) => each.ok),
    unchecked: diagnoses.flatMap((each) => each.unchecked),
  };
}

/** The worst there is. */
export function worstOf({ findings }: Diagnosis): Severity | 'ok' {
  return findings[0]?.severity ?? 'ok';
}

/**
 * The exit status: 0 when there is nothing worse than advice, 2 for warnings, 3 for what is critical. 1 is left to what
 * kept the command from looking.
 */
export function statusOf(diagnosis: Diagnosis): 0 | 2 | 3 {
  const worst = worstOf(diagnosis);
  if (worst === 'critical') return 3;
  return worst === 'warning' ? 2 : 0;
}

/** Stable: those of one severity stay in the order of their checks. */
function rank(findings: readonly RankedFinding[]): readonly RankedFinding[] {
  return findings.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}

function rankedFinding(
  { id, why, runbook }: Pick<Check<never>, 'id' | 'why' | 'runbook'>,
  verdict: Verdict,
): RankedFinding[] {
  if (verdict.outcome !== 'finding') return [];
  const { severity, subject, seen, remedy } = verdict;
  return [{ id, severity, subject, seen, why, remedy, runbook: `docs/runbook.md#${runbook}` }];
}
