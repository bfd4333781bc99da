import { AuthCourse } from './checkers/auth/auth-course.ts';
import { checkPermissions } from './checkers/auth/check.ts';
import { checkCompaction } from './checkers/compaction.ts';
import { checkLeases } from './checkers/leases/check.ts';
import { checkLinearizable } from './checkers/linearizability/check.ts';
import { TruthLog } from './checkers/truth-log.ts';
import type { Verdict } from './checkers/violation.ts';
import { checkWatch } from './checkers/watch/check.ts';
import { countOvertaken } from './world/auth/rare-auth-states.ts';
import type { Evidence } from './world/run-seed.ts';

/** What the checkers found in what a run wrote down. */
export class HistoryViolation extends Error {
  override readonly name = 'HistoryViolation';
  readonly code = 'SIM_HISTORY_VIOLATION';
}

/** Hands what a run wrote down to all checkers. @throws HistoryViolation, HistoryError */
export function checkEvidence(evidence: Evidence): void {
  const { history, judge, watches, leaders, endedAtMs, leaseBounds } = evidence;
  const course = new AuthCourse(judge.truth.appliedAuth);
  const truth = TruthLog.ofEntries(judge.truth.applied, undefined, course);
  const { authOperations, authState } = evidence;
  if (authState !== undefined) {
    const seen = { operations: history.operations, authOperations, watches, authState };
    expectNone('permissions', checkPermissions(seen, { truth, course }));
    countOvertaken(history.operations, { truth, course }, evidence.tally);
  }
  expectNone('linearizability', checkLinearizable(history, truth));
  expectNone('watches', checkWatch(watches, truth));
  expectNone('compaction', checkCompaction(history, truth));
  const timeline = { operations: history.operations, leaders, endedAt: endedAtMs };
  expectNone('leases', checkLeases(timeline, truth, leaseBounds));
}

function expectNone(what: string, { violations, violationCount, unresolved }: Verdict): void {
  if (violationCount > 0) {
    const lines = violations.slice(0, 10).map(({ rule, message }) => `${rule}: ${message}`);
    throw new HistoryViolation(`${what}: ${violationCount} violations\n${lines.join('\n')}`);
  }
  if (unresolved.length > 0)
    throw new HistoryViolation(`${what} is left open: ${unresolved.slice(0, 5).join('; ')}`);
}
