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
  const metas = returnsOfSingleMetas(prepared, steps);
  const deadlines = new Float64Array(steps.length);
  let following = Infinity;
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i]!;
    const writes = step.revisionAfter > step.revisionBefore;
    const bound = byRevision[step.revisionAfter + (writes ? 0 : 1)]!;
    following = Math.min(following, bound, metas.get(keyOfStep(step)) ?? Infinity);
    deadlines[i] = following;
  }
  return deadlines;
}

/** Compactions, grants and revokes that can have but one owner, with the time when that returned. */
function returnsOfSingleMetas(
  prepared: Prepared,
  steps: readonly TruthStep[],
): ReadonlyMap<string | undefined, number> {
  const returns = new Map<string | undefined, number>();
  if (prepared.metas.length === 0) return returns;
  const asked = new Set<string>();
  for (const operation of prepared.metas) {
    const key = `${requestKey(effectiveRequest(operation))} ${operation.outcome.revision}`;
    if (asked.has(key)) returns.delete(key);
    else returns.set(key, operation.returnedAt);
    asked.add(key);
  }
  const open = new Set(prepared.open.map(({ request }) => requestKey(request)));
  const seen = new Set<string>();
  for (const step of steps) {
    const key = keyOfStep(step);
    if (key === undefined) continue;
    if (seen.has(key) || open.has(requestKey(step.entry.request))) returns.delete(key);
    seen.add(key);
  }
  return returns;
}

function keyOfStep({ entry, refusal, revisionAfter }: TruthStep): string | undefined {
  const { request } = entry;
  const isMeta =
    request.kind === 'compact' || request.kind === 'leaseGrant' || request.kind === 'leaseRevoke';
  return isMeta && refusal === undefined ? `${requestKey(request)} ${revisionAfter}` : undefined;
}
