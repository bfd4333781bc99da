import type { History, Operation, RangeRequest, RefusalCode } from '../history/types.ts';
import { textOfOperation } from './describe.ts';
import { isOk, prepare, type OkOperation } from './linearizability/prepare.ts';
import { differenceOf } from './model/differences.ts';
import { refusalOf, run } from './model/execute.ts';
import type { TruthLog } from './truth-log.ts';
import { Report, type ReportOptions, type Rule, type Verdict } from './violation.ts';
import { PastView } from './wgl/past-view.ts';

/**
 * Checks reads of old revisions and compactions: an old read equals the replayed state at its revision, whatever was
 * compacted meanwhile; once a compaction was acknowledged nothing below it is served (unless a serializable read asks a
 * member that lags); nothing is refused as compacted, or as future, that could not be; compactions only go up.
 *
 * `checkLinearizable` implies all this, by way of the order of everything. Here it is asked of the clients' clocks
 * alone, so that one mistake in a checker does not hide a mistake in the store.
 *
 * @throws HistoryError for a history that cannot have been recorded so
 */
export function checkCompaction(history: History, truth: TruthLog, options: ReportOptions = {}): Verdict {
  const report = new Report(options);
  prepare(history, new Report()); // For its complaints about what cannot have been recorded so.
  const check = new CompactionCheck(history.operations, truth, report);
  check.run();
  return report.verdict();
}

/** A revision that was reached by some time. */
interface Reached {
  readonly at: number;
  readonly revision: number;
}

class CompactionCheck {
  readonly #operations: readonly Operation[];
  readonly #truth: TruthLog;
  readonly #report: Report;
  /** Compactions that surely were, by the time when they had returned. */
  readonly #sure: readonly Reached[];
  /** Compactions that may have been, by the time from which. */
  readonly #possible: readonly Reached[];
  /** Revisions that surely were there. */
  readonly #written: readonly Reached[];

  constructor(operations: readonly Operation[], truth: TruthLog, report: Report) {
    this.#operations = operations;
    this.#truth = truth;
    this.#report = report;
    this.#sure = risingMaximum(operations.flatMap(acknowledgedCompaction));
    this.#possible = risingMaximum([
      { at: -Infinity, revision: truth.initial.compactedRevision },
      ...operations.flatMap(attemptedCompaction),
    ]);
    this.#written = risingMaximum(
      operations
        .filter(isOk)
        .map(({ returnedAt, outcome }) => ({ at: returnedAt, revision: outcome.revision })),
    );
  }

  run(): void {
    for (const operation of this.#operations) {
      const { request, outcome } = operation;
      if (request.kind !== 'compact' && !isOldRange(request)) continue;
      this.#report.checkedCount++;
      if (isOk(operation)) {
        if (request.kind === 'compact') this.#checkCompacted(operation, request.revision);
        else if (isOldRange(request)) this.#checkRead(operation, request);
      } else if (outcome.kind === 'refused') {
        const { code } = outcome;
        if (request.kind === 'compact') this.#checkRefused(operation, request.revision, code);
        else if (isOldRange(request)) this.#checkRefused(operation, request.revision + 1, code);
      }
    }
  }

  #checkCompacted(operation: OkOperation, level: number): void {
    const before = lastBefore(this.#sure, operation.calledAt);
    if (level <= before) this.#add('compaction-order', operation, `${before} was compacted before`);
    if (level > operation.outcome.revision && operation.outcome.revision > 0) {
      this.#add(
        'compaction-order',
        operation,
        `the store was only at revision ${operation.outcome.revision}`,
      );
    }
  }

  #checkRead(operation: OkOperation, request: OldRange): void {
    const { revision } = request;
    if (request.serializable !== true) {
      const compacted = lastBefore(this.#sure, operation.calledAt);
      if (revision < compacted) {
        this.#add('read-below-compaction', operation, `${compacted} was compacted before`);
      }
    }
    if (revision > this.#truth.revision) {
      this.#add('wrong-answer', operation, `there is no revision after ${this.#truth.revision}`);
    } else if (revision >= this.#truth.model.initialRevision) {
      const past = new PastView(this.#truth.model, revision);
      const difference =
        refusalOf(past, request) ?? differenceOf(request, run(past, request), operation.outcome.response);
      if (difference !== undefined) this.#add('wrong-answer', operation, difference);
    }
  }

  /** `needed` is the lowest compacted revision that makes the refusal right. */
  #checkRefused(operation: Operation, needed: number, code: RefusalCode): void {
    if (code === 'compacted') {
      const possible = lastBefore(this.#possible, operation.returnedAt, true);
      if (possible >= needed) return;
      const text = possible < 0 ? 'nobody had compacted' : `nobody had compacted beyond ${possible}`;
      this.#add('false-compacted', operation, text);
    }
    if (code !== 'futureRevision') return;
    const { request } = operation;
    if (request.kind === 'range' && request.serializable === true) return;
    const asked = request.kind === 'compact' ? needed : needed - 1;
    const reached = lastBefore(this.#written, operation.calledAt);
    if (asked <= reached) this.#add('wrong-refusal', operation, `revision ${reached} was there before`);
  }

  #add(rule: Rule, operation: Operation, text: string): void {
    this.#report.add({ rule, message: `${text}: ${textOfOperation(operation)}`, operations: [operation.id] });
  }
}

type OldRange = RangeRequest & { readonly revision: number };

function isOldRange(request: Operation['request']): request is OldRange {
  return request.kind === 'range' && (request.revision ?? 0) > 0;
}

function acknowledgedCompaction(operation: Operation): readonly Reached[] {
  const { request, returnedAt } = operation;
  if (request.kind !== 'compact' || !isOk(operation)) return [];
  return [{ at: returnedAt, revision: request.revision }];
}

function attemptedCompaction({ request, calledAt, outcome }: Operation): readonly Reached[] {
  if (request.kind !== 'compact' || outcome.kind === 'refused') return [];
  return [{ at: calledAt, revision: request.revision }];
}

/** The steps of the highest revision over time. */
function risingMaximum(all: readonly Reached[]): readonly Reached[] {
  const rising: Reached[] = [];
  for (const reached of all.toSorted((a, b) => a.at - b.at)) {
    if (reached.revision > (rising.at(-1)?.revision ?? -Infinity)) rising.push(reached);
  }
  return rising;
}

/** The highest revision before a time (or at it, if `inclusive`); -1 for none. */
function lastBefore(rising: readonly Reached[], time: number, inclusive = false): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { at } = rising[middle]!;
    if (at < time || (inclusive && at === time)) low = middle + 1;
    else high = middle;
  }
  return rising[low - 1]?.revision ?? -1;
}
