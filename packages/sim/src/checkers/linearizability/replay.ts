import type { InitialState } from '../../history/types.ts';
import { differenceOf } from '../model/differences.ts';
import { refusalOf, run, type ModelAnswer } from '../model/execute.ts';
import { StoreModel } from '../model/store-model.ts';
import type { Report } from '../violation.ts';
import { checkRead, reportWrongAnswer } from './answers.ts';
import { applyEvents } from './course-of-events.ts';
import type { Course, Point } from './point.ts';
import { isOk, type OkOperation, type Prepared } from './prepare.ts';

/** Options of a replay. */
export interface ReplayOptions {
  readonly initial: InitialState;
  /** Whether the server may end leases by itself. */
  readonly leasesExpire: boolean;
}

/**
 * Carries out a course on a model and compares every answer with it: a write's at its point, a read's at its
 * revision. False when the course broke off because a write cannot have made its revision.
 */
export function checkAnswers(
  prepared: Prepared,
  course: Course,
  options: ReplayOptions,
  report: Report,
): boolean {
  const replay = new Replay(prepared, course, options);
  reportBefore(prepared.writes.values(), options.initial.revision + 1, report);
  reportBefore(prepared.metas, options.initial.revision, report);
  const reads = [new ReadCursor(prepared.reads), new ReadCursor(prepared.stale)];
  for (const cursor of reads) cursor.check(replay.model, report);
  for (const point of course.points) {
    const answer = replay.step(point);
    if (!checkOwner(point, answer, replay.model, report)) return false;
    if (!point.writes) continue;
    for (const cursor of reads) cursor.check(replay.model, report);
  }
  for (const cursor of reads) cursor.reportRest(replay.model, report);
  if (!course.complete) {
    for (const meta of prepared.metas) {
      if (meta.outcome.revision > replay.model.revision) reportNeverMade(meta, replay.model.revision, report);
    }
  }
  return true;
}

/** Answers with a revision that was over before the first operation. */
function reportBefore(operations: Iterable<OkOperation>, firstRevision: number, report: Report): void {
  for (const operation of operations) {
    if (operation.outcome.revision >= firstRevision) continue;
    reportWrongAnswer(operation, `the first revision that it can have is ${firstRevision}`, report);
  }
}

function reportNeverMade(operation: OkOperation, lastRevision: number, report: Report): void {
  reportWrongAnswer(operation, `there is no revision after ${lastRevision}`, report);
}

/** A model that goes through a course point by point. */
export class Replay {
  readonly model: StoreModel;
  readonly #lenient: boolean;
  readonly #openLeases = new Set<bigint>();

  constructor(prepared: Prepared, { complete }: Course, { initial, leasesExpire }: ReplayOptions) {
    this.model = new StoreModel(initial);
    this.#lenient = !complete && leasesExpire;
    if (complete) return;
    for (const { request } of prepared.open) {
      if (request.kind === 'leaseGrant' || request.kind === 'leaseRevoke') this.#openLeases.add(request.id);
    }
  }

  /** Carries out a point, also one that the model would refuse; the answer is then the refusal. */
  step({ request, events }: Point): ModelAnswer | undefined {
    if (request === undefined) {
      applyEvents(this.model, events ?? []);
      return undefined;
    }
    let code = refusalOf(this.model, request);
    if (request.kind === 'leaseGrant' || request.kind === 'leaseRevoke') {
      // The lease may have ended by itself, or by a call whose outcome nobody knows.
      const open = this.#openLeases.has(request.id);
      if (open || (this.#lenient && code === 'leaseExists')) code = undefined;
    }
    const response = run(this.model, request);
    return code === undefined ? { kind: 'ok', response } : { kind: 'refused', code };
  }
}

/** False when the model is not at the revision of the point: from here on nothing fits. */
function checkOwner(
  { owner, revision }: Point,
  answer: ModelAnswer | undefined,
  model: StoreModel,
  report: Report,
): boolean {
  const aligned = model.revision === revision;
  if (owner === undefined) return aligned;
  if (!isOk(owner)) return aligned;
  if (!aligned) {
    const text = `it cannot have made revision ${revision}: after it the store is at ${model.revision}`;
    reportWrongAnswer(owner, text, report);
    return false;
  }
  if (answer === undefined) return true;
  if (answer.kind === 'refused') {
    reportWrongAnswer(owner, `it should have been refused (${answer.code})`, report);
    return true;
  }
  checkOwnAnswer(owner, revision, answer, report);
  return true;
}

function checkOwnAnswer(
  owner: OkOperation,
  revision: number,
  { response }: Extract<ModelAnswer, { kind: 'ok' }>,
  report: Report,
): void {
  if (owner.outcome.revision !== revision && owner.outcome.revision !== 0) {
    reportWrongAnswer(owner, `its header says ${owner.outcome.revision}, but it made ${revision}`, report);
    return;
  }
  const difference = differenceOf(owner.request, response, owner.outcome.response);
  if (difference !== undefined) reportWrongAnswer(owner, difference, report);
}

/** Goes through reads, ascending by revision, along with the model. */
class ReadCursor {
  readonly #reads: readonly OkOperation[];
  #next = 0;

  constructor(reads: readonly OkOperation[]) {
    this.#reads = reads;
  }

  /** Checks the reads of the model's revision. */
  check(model: StoreModel, report: Report): void {
    for (; this.#next < this.#reads.length; this.#next++) {
      const read = this.#reads[this.#next]!;
      if (read.outcome.revision > model.revision) return;
      if (read.outcome.revision < model.revision) {
        reportWrongAnswer(read, `the store began at revision ${model.revision}`, report);
        continue;
      }
      checkRead(model, read, report);
    }
  }

  reportRest(model: StoreModel, report: Report): void {
    for (const read of this.#reads.slice(this.#next)) reportNeverMade(read, model.revision, report);
  }
}
