import type { TruthStep } from '../truth-log.ts';
import { effectiveRequest } from './effect.ts';
import type { Prepared } from './prepare.ts';
import { requestKey } from './request-key.ts';

/**
 * When each entry was carried out at the earliest and at the latest, as far as that is known before the owners of all
 * entries are: after the calls of what surely came before it, before the returns of what surely came after it.
 */
export interface EntryBounds {
  readonly earliest: Float64Array;
  readonly latest: Float64Array;
}

/** Bounds of all entries of a log. */
export function boundsOf(prepared: Prepared, steps: readonly TruthStep[]): EntryBounds {
  const lastRevision = Math.max(prepared.revisionSeen, steps.at(-1)?.revisionAfter ?? 0);
  const returns = new Float64Array(lastRevision + 2).fill(Infinity);
  const calls = new Float64Array(lastRevision + 2).fill(-Infinity);
  for (const operations of [prepared.writes.values(), prepared.reads, prepared.stale]) {
    for (const { outcome, returnedAt } of operations) {
      if (returnedAt < returns[outcome.revision]!) returns[outcome.revision] = returnedAt;
    }
  }
  for (const { outcome, calledAt } of prepared.writes.values()) {
    if (calledAt > calls[outcome.revision]!) calls[outcome.revision] = calledAt;
  }
  // A read of a revision was before the next one was made.
  for (const { outcome, calledAt } of prepared.reads) {
    if (calledAt > calls[outcome.revision + 1]!) calls[outcome.revision + 1] = calledAt;
  }
  for (let r = lastRevision; r >= 0; r--) returns[r] = Math.min(returns[r]!, returns[r + 1]!);
  return {
    earliest: earliestOf(steps, calls),
    latest: latestOf(steps, returns, new MetaDeadlines(prepared, steps)),
  };
}

function earliestOf(steps: readonly TruthStep[], calls: Float64Array): Float64Array {
  const earliest = new Float64Array(steps.length);
  let before = -Infinity;
  for (const [i, { revisionBefore, revisionAfter }] of steps.entries()) {
    if (revisionAfter > revisionBefore) before = Math.max(before, calls[revisionAfter]!);
    earliest[i] = before;
  }
  return earliest;
}

function latestOf(steps: readonly TruthStep[], returns: Float64Array, metas: MetaDeadlines): Float64Array {
  const latest = new Float64Array(steps.length);
  let following = Infinity;
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i]!;
    const writes = step.revisionAfter > step.revisionBefore;
    following = Math.min(following, returns[step.revisionAfter + (writes ? 0 : 1)]!, metas.of(step));
    latest[i] = following;
  }
  return latest;
}

/** For each entry the position of the next one that asks for the same and has the same revision; -1 for none. */
export function nextOfKind(steps: readonly TruthStep[]): Int32Array {
  const next = new Int32Array(steps.length).fill(-1);
  const last = new Map<string, number>();
  for (let i = steps.length - 1; i >= 0; i--) {
    const key = keyOfStep(steps[i]!);
    if (key === undefined) continue;
    next[i] = last.get(key) ?? -1;
    last.set(key, i);
  }
  return next;
}

/**
 * Deadlines of entries that compact, grant or revoke. Say n operations asked for the same and were told the same
 * revision, and returned at r1 <= r2 <= ... Each owns an entry, so the j-th entry of this kind, or one after it, belongs to one
 * of those that remain when any j - 1 are taken away: it was carried out by rj.
 */
class MetaDeadlines {
  readonly #returns = new Map<string, number[]>();
  readonly #deadlines = new Map<TruthStep, number>();

  constructor(prepared: Prepared, steps: readonly TruthStep[]) {
    for (const operation of prepared.metas) {
      const key = `${requestKey(effectiveRequest(operation))} ${operation.outcome.revision}`;
      const returns = this.#returns.get(key);
      if (returns === undefined) this.#returns.set(key, [operation.returnedAt]);
      else returns.push(operation.returnedAt);
    }
    if (this.#returns.size === 0) return;
    for (const returns of this.#returns.values()) returns.sort((a, b) => b - a);
    for (const step of steps) {
      const key = keyOfStep(step);
      const earliest = key === undefined ? undefined : this.#returns.get(key)?.pop();
      if (earliest !== undefined) this.#deadlines.set(step, earliest);
    }
  }

  of(step: TruthStep): number {
    return this.#deadlines.get(step) ?? Infinity;
  }
}

function keyOfStep({ entry, refusal, revisionAfter }: TruthStep): string | undefined {
  const { request } = entry;
  const isMeta =
    request.kind === 'compact' || request.kind === 'leaseGrant' || request.kind === 'leaseRevoke';
  return isMeta && refusal === undefined ? `${requestKey(request)} ${revisionAfter}` : undefined;
}
