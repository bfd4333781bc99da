import type { TruthStep } from '../truth-log.ts';
import { effectiveRequest } from './effect.ts';
import type { Prepared } from './prepare.ts';
import { requestKey } from './request-key.ts';

/**
 * By when each entry must have been carried out at the latest, as far as that is known before the owners of all entries
 * are: before anything returned that surely came after it. Of several operations that ask for the same, one that was
 * called later cannot own the entry.
 */
export function deadlinesOf(prepared: Prepared, steps: readonly TruthStep[]): Float64Array {
  const lastRevision = Math.max(prepared.revisionSeen, steps.at(-1)?.revisionAfter ?? 0);
  const byRevision = new Float64Array(lastRevision + 2).fill(Infinity);
  for (const operations of [prepared.writes.values(), prepared.reads, prepared.stale]) {
    for (const { outcome, returnedAt } of operations) {
      if (returnedAt < byRevision[outcome.revision]!) byRevision[outcome.revision] = returnedAt;
    }
  }
  for (let r = lastRevision; r >= 0; r--) byRevision[r] = Math.min(byRevision[r]!, byRevision[r + 1]!);
  const metas = new MetaDeadlines(prepared, steps);
  const deadlines = new Float64Array(steps.length);
  let following = Infinity;
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i]!;
    const writes = step.revisionAfter > step.revisionBefore;
    const bound = byRevision[step.revisionAfter + (writes ? 0 : 1)]!;
    following = Math.min(following, bound, metas.of(step));
    deadlines[i] = following;
  }
  return deadlines;
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
