import type { Operation } from '../../history/types.ts';
import type { Course } from './point.ts';

/**
 * Where an operation that changes nothing may have happened: after one point and before another. Points are counted
 * from 0; `after` -1 is the initial state, `before` the number of points is no bound.
 */
export interface Placement {
  readonly operation: Operation;
  readonly after: number;
  readonly before: number;
}

/** Finds points of a course by what they did. */
export class CourseIndex {
  readonly pointCount: number;
  readonly #firstRevision: number;
  readonly #pointOfRevision: Int32Array;
  readonly #levels: number[] = [];
  readonly #compactions: number[] = [];

  constructor({ points }: Course, firstRevision: number) {
    this.pointCount = points.length;
    this.#firstRevision = firstRevision;
    const lastRevision = points.at(-1)?.revision ?? firstRevision;
    this.#pointOfRevision = new Int32Array(lastRevision - firstRevision + 1).fill(-1);
    for (const [i, { revision, writes, request }] of points.entries()) {
      if (writes) this.#pointOfRevision[revision - firstRevision] = i;
      if (request?.kind !== 'compact' || request.revision <= (this.#levels.at(-1) ?? -1)) continue;
      this.#levels.push(request.revision);
      this.#compactions.push(i);
    }
  }

  /** The point that made a revision; -1 for the first one, the number of points for one that was never made. */
  writeOf(revision: number): number {
    return this.#pointOfRevision[revision - this.#firstRevision] ?? this.pointCount;
  }

  /** The first compaction after which `revision` cannot be read, or the number of points. */
  compactionAbove(revision: number): number {
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#levels[middle]! > revision) high = middle;
      else low = middle + 1;
    }
    return this.#compactions[low] ?? this.pointCount;
  }
}
