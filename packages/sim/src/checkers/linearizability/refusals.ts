import type { KvRequest, Operation, Request } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import { isSerializable, refusalOf, type ModelRequest } from '../model/execute.ts';
import type { Report } from '../violation.ts';
import { leasesNamedBy } from './leases-used.ts';
import type { CourseIndex, Placement } from './placement.ts';
import type { Course } from './point.ts';
import type { Prepared, RefusedOperation } from './prepare.ts';
import { earliestTimes, latestTimes } from './real-time.ts';
import { Replay, type ReplayOptions } from './replay.ts';

/** What is known when refusals are placed. */
export interface RefusalContext {
  readonly prepared: Prepared;
  readonly course: Course;
  readonly index: CourseIndex;
  readonly options: ReplayOptions;
  /** Of the operations that succeeded; ascending by `after`. */
  readonly placements: readonly Placement[];
}

/** States `first` to `last`, where state s is the one after s points. */
interface Period {
  readonly first: number;
  last: number;
}

interface Candidate {
  readonly operation: RefusedOperation;
  /** States that were there during the call, as far as the rest of the history tells. */
  readonly window: Period;
  /** Those of them that refuse it so, ascending. Periods that turn out to be out of reach are taken off the end. */
  readonly periods: Period[];
}

/**
 * Finds for every operation that the store refused because of its state (a lease that is not there, a revision that
 * is compacted) a state that was there during the call and refuses it so, and returns all placements with these.
 *
 * Such a state may come and go, say when a lease is granted again: a refusal then has several periods to choose from.
 * It gets the latest one that it can still reach. That is exact: the earliest moments only grow as placements are
 * added, so a period that is out of reach stays so, and a later period hinders less than an earlier one.
 */
export function placeRefusals(context: RefusalContext, report: Report): readonly Placement[] {
  const { prepared, placements } = context;
  if (prepared.refused.length === 0) return placements;
  const stale: Placement[] = [];
  const others: RefusedOperation[] = [];
  for (const operation of prepared.refused) {
    if (!isSerializable(operation.request)) others.push(operation);
    else if (operation.outcome.code !== 'futureRevision') placeStale(operation, context, stale, report);
  }
  const candidates = windows(others, context);
  collectPeriods(candidates, context);
  dropPeriodsThatWereOver(candidates, context);
  return choosePeriods(candidates, sorted([...placements, ...stale]), context, report);
}

/**
 * A member that lags refuses by what it knows: any revision may be a future one to it, but it cannot know of a
 * compaction that was not asked for yet.
 */
function placeStale(
  operation: RefusedOperation,
  context: RefusalContext,
  placements: Placement[],
  report: Report,
): void {
  const { index } = context;
  const { code } = operation.outcome;
  const after = index.compactionAbove(lowestRevisionAskedFor(operation.request));
  if (code !== 'compacted' || after === index.pointCount) reportRefusal(operation, context, report);
  else placements.push({ operation, after, before: index.pointCount });
}

/**
 * From the last write that was over before the call to the first one that was only asked for after the return. The
 * order of other points among each other may be open, so they bound nothing here.
 */
function windows(
  operations: readonly RefusedOperation[],
  { course, placements }: RefusalContext,
): readonly Candidate[] {
  const { times } = earliestTimes(course, placements);
  const latest = latestTimes(course, placements);
  const writes = [...course.points.keys()].filter((i) => course.points[i]!.writes);
  return operations.map((operation) => {
    const known = course.placed.get(operation.id);
    if (known !== undefined) return { operation, window: { first: known, last: known }, periods: [] };
    const over = partitionPoint(writes, (i) => latest[i]! < operation.calledAt);
    const begun = partitionPoint(writes, (i) => times[i]! <= operation.returnedAt);
    const first = over === 0 ? 0 : writes[over - 1]! + 1;
    const last = begun === writes.length ? course.points.length : writes[begun]!;
    return { operation, window: { first, last }, periods: [] };
  });
}

/** Asks every state in an operation's window whether it refuses it as the store did. */
function collectPeriods(
  candidates: readonly Candidate[],
  { prepared, course, options }: RefusalContext,
): void {
  const waiting = candidates.toSorted((a, b) => a.window.first - b.window.first);
  const replay = new Replay(prepared, course, options);
  let active: Candidate[] = [];
  let next = 0;
  for (let state = 0; state <= course.points.length; state++) {
    if (state > 0) replay.step(course.points[state - 1]!);
    while (next < waiting.length && waiting[next]!.window.first <= state) active.push(waiting[next++]!);
    if (active.length === 0) {
      if (next === waiting.length) return;
      continue;
    }
    for (const { operation, periods } of active) {
      // Keep-alives and time-to-live calls are not among the candidates.
      if (refusalOf(replay.model, operation.request as ModelRequest) !== operation.outcome.code) continue;
      const period = periods.at(-1);
      if (period?.last === state - 1) period.last = state;
      else periods.push({ first: state, last: state });
    }
    active = active.filter(({ window }) => window.last > state);
  }
}

/** A period that ends with a point which returned before the call is out of the question. */
function dropPeriodsThatWereOver(
  candidates: readonly Candidate[],
  { course, placements }: RefusalContext,
): void {
  const latest = latestTimes(course, placements);
  // The order of points between two writes may be open: such a point is bound by itself and by the next write only.
  const bounds = new Float64Array(course.points.length + 1).fill(Infinity);
  let nextWrite = Infinity;
  for (let i = course.points.length - 1; i >= 0; i--) {
    const { writes, owner } = course.points[i]!;
    if (writes) nextWrite = latest[i]!;
    bounds[i] = Math.min(nextWrite, owner?.returnedAt ?? Infinity);
  }
  for (const { operation, periods } of candidates) {
    while (periods.length > 0 && operation.calledAt > bounds[periods[0]!.last]!) periods.shift();
  }
}

function choosePeriods(
  candidates: readonly Candidate[],
  base: readonly Placement[],
  context: RefusalContext,
  report: Report,
): readonly Placement[] {
  let left = withoutDoubtful(candidates, base, context, report);
  for (;;) {
    const unplaceable = left.filter(({ periods }) => periods.length === 0);
    for (const { operation } of unplaceable) reportRefusal(operation, context, report);
    left = left.filter(({ periods }) => periods.length > 0);
    const placements = sorted([...base, ...left.map(placementOf)]);
    const { times } = earliestTimes(context.course, placements);
    const isOutOfReach = ({ operation, periods }: Candidate) => {
      const after = periods.at(-1)!.first - 1;
      return after >= 0 && times[after]! > operation.returnedAt;
    };
    const outOfReach = left.filter(isOutOfReach);
    if (outOfReach.length === 0) return placements;
    for (const { periods } of outOfReach) periods.pop();
  }
}

/**
 * Takes out the refusals that something of unknown time may explain: they must not push anything about. Unless a state
 * that is known explains them, they stay unresolved.
 */
function withoutDoubtful(
  candidates: readonly Candidate[],
  base: readonly Placement[],
  context: RefusalContext,
  report: Report,
): readonly Candidate[] {
  const doubtful = candidates.filter(({ operation }) => isExplainable(operation, context));
  if (doubtful.length === 0) return candidates;
  const { times } = earliestTimes(context.course, base);
  const latest = latestTimes(context.course, base);
  for (const { operation, periods } of doubtful) {
    const explained = periods.some(
      ({ first, last }) =>
        (first === 0 || times[first - 1]! <= operation.returnedAt) &&
        (last === latest.length || operation.calledAt <= latest[last]!),
    );
    if (!explained) reportRefusal(operation, context, report);
  }
  return candidates.filter((candidate) => !doubtful.includes(candidate));
}

function placementOf({ operation, periods }: Candidate): Placement {
  const { first, last } = periods.at(-1)!;
  return { operation, after: first - 1, before: last };
}

function reportRefusal(operation: RefusedOperation, context: RefusalContext, report: Report): void {
  if (isExplainable(operation, context)) {
    report.unresolved(`only the log could tell whether it was right to refuse ${textOfOperation(operation)}`);
    return;
  }
  report.add({
    rule: 'wrong-refusal',
    message: `no state that the store had during the call refuses this: ${textOfOperation(operation)}`,
    operations: [operation.id],
  });
}

/** Whether something whose time (or outcome) is not known without a log may be the reason. */
function isExplainable(operation: RefusedOperation, { course, prepared, options }: RefusalContext): boolean {
  if (course.complete) return false;
  const { request, outcome, returnedAt } = operation;
  const mayBe = (test: (open: Request) => boolean) =>
    prepared.open.some((open: Operation) => open.calledAt <= returnedAt && test(open.request));
  const leases = leasesNamedBy(request);
  if (leases.length > 0 && mayBe(({ kind }) => kind === 'leaseGrant' || kind === 'leaseRevoke')) return true;
  switch (outcome.code) {
    case 'leaseNotFound':
      return options.leasesExpire;
    case 'compacted': {
      const lowest = request.kind === 'compact' ? request.revision - 1 : lowestRevisionAskedFor(request);
      return mayBe((open) => open.kind === 'compact' && open.revision > lowest);
    }
    default:
      return false;
  }
}

/** The lowest old revision that any range of a request, in whichever branch, reads. */
function lowestRevisionAskedFor(request: Request): number {
  if (request.kind === 'range') return (request.revision ?? 0) > 0 ? request.revision! : Infinity;
  if (request.kind !== 'txn') return Infinity;
  const ops: readonly KvRequest[] = [...request.success, ...request.failure];
  return ops.reduce((lowest, op) => Math.min(lowest, lowestRevisionAskedFor(op)), Infinity);
}

function sorted(placements: Placement[]): readonly Placement[] {
  return placements.sort((a, b) => a.after - b.after);
}

/** How many of `items`, of which a first part satisfies `test`, do so. */
function partitionPoint(items: readonly number[], test: (item: number) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (test(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
