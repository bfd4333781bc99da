import type { History } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import { emptyState } from '../model/store-model.ts';
import type { TruthLog } from '../truth-log.ts';
import { Report, type ReportOptions, type Verdict } from '../violation.ts';
import { checkWithSearch } from '../wgl/check.ts';
import { lowestOldRevision } from './answers.ts';
import { checkConnections } from './connections.ts';
import { courseOfEntries } from './course-of-entries.ts';
import { courseOfEvents } from './course-of-events.ts';
import { courseOfHistory } from './course-of-history.ts';
import { CourseIndex, type Placement } from './placement.ts';
import type { Course } from './point.ts';
import { prepare, type OkOperation, type Prepared } from './prepare.ts';
import { earliestTimes, reportLate } from './real-time.ts';
import { placeRefusals } from './refusals.ts';
import { checkAnswers, type ReplayOptions } from './replay.ts';

/** How `checkLinearizable` judges. */
export interface LinearizabilityOptions extends ReportOptions {
  /**
   * Whether the server may end leases by itself, which a history without a log does not show. Default true; whether
   * it did so too early is for `checkLeases` to say.
   */
  readonly leasesExpire?: boolean;
  /** How many steps a search may take, should one be needed. Default 2 million. */
  readonly searchStepsMax?: number;
}

/**
 * Checks that all operations of a history can have happened one at a time, each between its call and its return, with
 * the answers that were given: strict serializability of everything that reads or writes keys, and the right answer to
 * every read of an old revision. Serializable reads may be old, but not wrong.
 *
 * etcd's revisions say in which order things happened, so nothing is searched for: the writes are put in the order of
 * their revisions, everything else between two of them, all answers are compared with a model that follows, and one
 * pass over the points says whether real time allows that order. The truth, where there is one, says what became of
 * operations of unknown outcome, and the order of leases and compactions. Without it, a revision that somebody saw but
 * nobody made is searched for, within `searchStepsMax`.
 *
 * @throws HistoryError for a history that cannot have been recorded so
 */
export function checkLinearizable(
  history: History,
  truth?: TruthLog,
  options: LinearizabilityOptions = {},
): Verdict {
  const report = new Report(options);
  const prepared = prepare(history, report);
  report.checkedCount = history.operations.length;
  for (const violation of truth?.violations ?? []) report.add(violation);
  checkConnections(history.operations, report);
  const leasesExpire = options.leasesExpire ?? true;
  const initial = truth?.initial ?? history.initial ?? emptyState;
  const inOrder = new Report(options);
  const course = courseOf(prepared, history, truth, leasesExpire, inOrder);
  if (course !== undefined) checkCourse(prepared, course, { initial, leasesExpire }, inOrder);
  if (course === undefined || (truth === undefined && mayHideStates(prepared, inOrder))) {
    checkWithSearch(history, { leasesExpire, stepsMax: options.searchStepsMax }, report);
    return report.verdict();
  }
  if (truth !== undefined) reportUnplaced(prepared, report);
  report.addAll(inOrder);
  return report.verdict();
}

function checkCourse(prepared: Prepared, course: Course, options: ReplayOptions, report: Report): void {
  if (!checkAnswers(prepared, course, options, report)) return;
  const index = new CourseIndex(course, options.initial.revision);
  const placements = placeReads(prepared, course, index, report);
  const all = placeRefusals({ prepared, course, index, options, placements }, report);
  reportLate(course, all, earliestTimes(course, all), report);
}

/**
 * Whether what was found wrong may come from states that no answer shows: an unknown write may have been the last one,
 * and what was refused, unlike what was answered, does not say at which revision.
 */
function mayHideStates(prepared: Prepared, report: Report): boolean {
  return report.violationCount > 0 && prepared.open.length > 0 && prepared.refused.length > 0;
}

function courseOf(
  prepared: Prepared,
  history: History,
  truth: TruthLog | undefined,
  leasesExpire: boolean,
  report: Report,
): Course | undefined {
  if (truth?.steps !== undefined) return courseOfEntries(prepared, truth.steps, { leasesExpire }, report);
  if (truth !== undefined) return courseOfEvents(prepared, truth, { leasesExpire }, report);
  return courseOfHistory(prepared, history.initial ?? emptyState);
}

/** Reads go between the write of their revision and the next, and before a compaction that would forbid them. */
function placeReads(
  prepared: Prepared,
  course: Course,
  index: CourseIndex,
  report: Report,
): readonly Placement[] {
  const placements: Placement[] = [];
  const none = index.pointCount;
  for (const operation of prepared.stale) {
    const after = index.writeOf(operation.outcome.revision);
    if (after < none) placements.push({ operation, after, before: none });
  }
  for (const operation of prepared.reads) {
    const placement = placeRead(operation, course, index);
    if (placement.after >= none) continue; // A revision that never was; the answer was reported.
    if (placement.before > placement.after) placements.push(placement);
    else reportUnreadable(operation, course, report);
  }
  return placements.sort((a, b) => a.after - b.after);
}

function placeRead(operation: OkOperation, { placed }: Course, index: CourseIndex): Placement {
  const { revision } = operation.outcome;
  const old = lowestOldRevision(operation);
  const unreadable = old === undefined ? index.pointCount : index.compactionAbove(old);
  const after = index.writeOf(revision);
  const before = Math.min(index.writeOf(revision + 1), unreadable);
  const known = placed.get(operation.id);
  if (known === undefined) return { operation, after, before };
  return { operation, after: Math.max(after, known - 1), before: Math.min(before, known) };
}

function reportUnreadable(operation: OkOperation, { placed }: Course, report: Report): void {
  const why = placed.has(operation.id)
    ? 'its place in the log does not fit the revision that it was told, or what it reads had been compacted there'
    : 'it should have been refused, since what it reads had been compacted before its revision';
  report.add({
    rule: placed.has(operation.id) ? 'wrong-answer' : 'read-below-compaction',
    message: `${why}: ${textOfOperation(operation)}`,
    operations: [operation.id],
    revision: operation.outcome.revision,
  });
}

/** With a truth at hand an answer without a revision is the recorder's fault; it was not checked. */
function reportUnplaced(prepared: Prepared, report: Report): void {
  for (const operation of prepared.unplaced) {
    report.unresolved(`the answer has no revision: ${textOfOperation(operation)}`);
  }
}
