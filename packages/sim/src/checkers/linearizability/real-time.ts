import type { Operation } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import type { Report } from '../violation.ts';
import { objectOf } from './metas.ts';
import type { Placement } from './placement.ts';
import type { Course, Point } from './point.ts';

/** The earliest moment at which each point can have happened, and which operation's call makes it no earlier. */
export interface EarliestTimes {
  readonly times: Float64Array;
  readonly causes: readonly (Operation | undefined)[];
}

/**
 * When each point can have happened at the earliest: not before its own call, not before the points that precede it,
 * and not before the calls of what must have happened before it.
 *
 * An order of the operations that respects real time exists exactly when nothing has to happen after it returned: put
 * everything at its earliest moment, ties in the order of the course. One pass, no search.
 */
export function earliestTimes(course: Course, placements: readonly Placement[]): EarliestTimes {
  const { points } = course;
  const times = new Float64Array(points.length).fill(-Infinity);
  const causes: (Operation | undefined)[] = new Array<Operation | undefined>(points.length).fill(undefined);
  const chains = new Chains(course);
  let next = 0;
  const place = (after: number) => {
    for (; next < placements.length && placements[next]!.after === after; next++) {
      push(placements[next]!, times, causes);
    }
  };
  place(-1);
  for (const [i, point] of points.entries()) {
    const predecessor = chains.predecessorOf(i, point, times);
    if (predecessor >= 0) raise(i, times[predecessor]!, causes[predecessor], times, causes);
    if (point.owner !== undefined) raise(i, point.owner.calledAt, point.owner, times, causes);
    place(i);
    chains.add(i, point, times);
  }
  return { times, causes };
}

/** Reports what would have to happen after it had returned; once for each operation that is the cause. */
export function reportLate(
  course: Course,
  placements: readonly Placement[],
  { times, causes }: EarliestTimes,
  report: Report,
): void {
  const late = new Map<Operation | undefined, { readonly first: Operation; count: number }>();
  const note = (operation: Operation, point: number) => {
    const cause = causes[point];
    const known = late.get(cause);
    if (known === undefined) late.set(cause, { first: operation, count: 1 });
    else known.count++;
  };
  for (const [i, { owner }] of course.points.entries()) {
    if (owner !== undefined && times[i]! > owner.returnedAt) note(owner, i);
  }
  for (const { operation, after } of placements) {
    if (after >= 0 && times[after]! > operation.returnedAt) note(operation, after);
  }
  for (const [cause, { first, count }] of late) {
    const more = count > 1 ? `, and so it is with ${count - 1} others` : '';
    report.add({
      rule: 'real-time-order',
      message:
        cause === undefined
          ? `it returned before anything else was called, but shows more than that${more}: ${textOfOperation(first)}`
          : `${textOfOperation(first)} shows that ${textOfOperation(cause)} came first, but that one was called only after it had returned${more}`,
      operations: cause === undefined ? [first.id] : [first.id, cause.id],
    });
  }
}

/** The latest moment at which the store can have reached each state that a point begins, by what returned after it. */
export function latestTimes({ points }: Course, placements: readonly Placement[]): Float64Array {
  const latest = new Float64Array(points.length).fill(Infinity);
  for (const { operation, after } of placements) {
    if (after >= 0 && operation.returnedAt < latest[after]!) latest[after] = operation.returnedAt;
  }
  for (let i = points.length - 1; i >= 0; i--) {
    const ownReturn = points[i]!.owner?.returnedAt ?? Infinity;
    const following = i + 1 < points.length ? latest[i + 1]! : Infinity;
    latest[i] = Math.min(latest[i]!, ownReturn, following);
  }
  return latest;
}

/** What happens before a point raises its earliest moment. */
function push(
  { operation, after, before }: Placement,
  times: Float64Array,
  causes: (Operation | undefined)[],
): void {
  if (before >= times.length) return;
  const earliest = after >= 0 ? times[after]! : -Infinity;
  if (operation.calledAt >= earliest) raise(before, operation.calledAt, operation, times, causes);
  else raise(before, earliest, causes[after], times, causes);
}

function raise(
  point: number,
  time: number,
  cause: Operation | undefined,
  times: Float64Array,
  causes: (Operation | undefined)[],
): void {
  if (time <= times[point]!) return;
  times[point] = time;
  causes[point] = cause;
}

/**
 * Which point a point must wait for. In a complete course that is the one before it. Otherwise a write waits for
 * everything before it, while a compaction, grant or revoke waits for the write before it and for the last one that
 * concerned the same lease (or compaction): their order among each other is not known.
 */
class Chains {
  readonly #complete: boolean;
  #write = -1;
  /** The one with the highest time so far. */
  #latest = -1;
  readonly #lastOfObject = new Map<string, number>();

  constructor({ complete }: Course) {
    this.#complete = complete;
  }

  predecessorOf(index: number, point: Point, times: Float64Array): number {
    if (this.#complete) return index - 1;
    if (point.writes || point.owner === undefined) return this.#latest;
    const same = this.#lastOfObject.get(objectOf(point.owner)) ?? -1;
    if (same < 0 || this.#write < 0) return Math.max(same, this.#write);
    return times[same]! > times[this.#write]! ? same : this.#write;
  }

  add(index: number, point: Point, times: Float64Array): void {
    if (this.#complete) return;
    if (this.#latest < 0 || times[index]! > times[this.#latest]!) this.#latest = index;
    if (!point.writes && point.owner !== undefined) {
      this.#lastOfObject.set(objectOf(point.owner), index);
      return;
    }
    this.#write = index;
    this.#lastOfObject.clear();
  }
}
