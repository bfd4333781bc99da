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
export function boundsOf(
  prepared: Prepared,
  steps: readonly TruthStep[],
  isByServer: (step: TruthStep) => boolean,
): EntryBounds {
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
  const metas = new MetaBounds(prepared, steps, isByServer);
  return { earliest: earliestOf(steps, calls, metas), latest: latestOf(steps, returns, metas) };
}

function earliestOf(steps: readonly TruthStep[], calls: Float64Array, metas: MetaBounds): Float64Array {
  const earliest = new Float64Array(steps.length);
  let before = -Infinity;
  for (const [i, step] of steps.entries()) {
    const { revisionBefore, revisionAfter } = step;
    if (revisionAfter > revisionBefore) before = Math.max(before, calls[revisionAfter]!);
    before = Math.max(before, metas.earliest(step));
    earliest[i] = before;
  }
  return earliest;
}

function latestOf(steps: readonly TruthStep[], returns: Float64Array, metas: MetaBounds): Float64Array {
  const latest = new Float64Array(steps.length);
  let following = Infinity;
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i]!;
    const writes = step.revisionAfter > step.revisionBefore;
    following = Math.min(following, returns[step.revisionAfter + (writes ? 0 : 1)]!, metas.latest(step));
    latest[i] = following;
  }
  return latest;
}

/** The entries that ask for the same as an entry and have the same revision, from it on. */
export interface SameKind {
  /** Position of the next one; -1 for none. */
  readonly next: Int32Array;
  /** How many there are, itself counted; 0 for what is no compaction, grant or revoke. */
  readonly count: Int32Array;
}

/** Looks ahead from each entry of a log. */
export function sameKindOf(steps: readonly TruthStep[]): SameKind {
  const next = new Int32Array(steps.length).fill(-1);
  const count = new Int32Array(steps.length);
  const last = new Map<string, number>();
  for (let i = steps.length - 1; i >= 0; i--) {
    const key = keyOfStep(steps[i]!);
    if (key === undefined) continue;
    next[i] = last.get(key) ?? -1;
    count[i] = 1 + (next[i] === -1 ? 0 : count[next[i]!]!);
    last.set(key, i);
  }
  return { next, count };
}

/**
 * Bounds of entries that compact, grant or revoke. Say n operations asked for the same and were told the same revision.
 * Each owns one of the e entries of this kind. With returns r1 <= r2 <= ..., the j-th entry or one after it belongs to one
 * of those that remain when any j - 1 are taken away: it was carried out by rj. With calls c1 <= c2 <= ..., at least
 * j - (e - n) of the first j entries belong to them: the j-th was carried out after the call of that number. And if
 * nobody but these and the unknown ones can own the entries, the j-th was after the j-th call of all.
 */
class MetaBounds {
  readonly #earliest = new Map<TruthStep, number>();
  readonly #latest = new Map<TruthStep, number>();

  constructor(prepared: Prepared, steps: readonly TruthStep[], isByServer: (step: TruthStep) => boolean) {
    const unknown = groupBy(prepared.open, ({ request }) => requestKey(request));
    const operations = groupBy(prepared.metas, (operation) => {
      return `${requestKey(effectiveRequest(operation))} ${operation.outcome.revision}`;
    });
    const metas = steps.filter((step) => keyOfStep(step) !== undefined);
    for (const [key, entries] of groupBy(metas, keyOfStep)) {
      const owners = operations.get(key ?? '') ?? [];
      const returns = owners.map(({ returnedAt }) => returnedAt).sort((a, b) => a - b);
      const calls = owners.map(({ calledAt }) => calledAt).sort((a, b) => a - b);
      const others = entries.length - owners.length;
      const open = unknown.get(requestKey(entries[0]!.entry.request)) ?? [];
      const allCalls = [...owners, ...open].map(({ calledAt }) => calledAt).sort((a, b) => a - b);
      const isOurs = !entries.some(isByServer) && !isGrantOfAnyId(entries[0]!, unknown);
      for (const [j, step] of entries.entries()) {
        this.#latest.set(step, returns[j] ?? Infinity);
        const some = isOurs ? (allCalls[j] ?? -Infinity) : -Infinity;
        this.#earliest.set(step, Math.max(some, calls[j - others] ?? -Infinity));
      }
    }
  }

  earliest(step: TruthStep): number {
    return this.#earliest.get(step) ?? -Infinity;
  }

  latest(step: TruthStep): number {
    return this.#latest.get(step) ?? Infinity;
  }
}

/** Whether a grant that left its id to the server may own the entry. */
function isGrantOfAnyId({ entry }: TruthStep, unknown: ReadonlyMap<string, unknown>): boolean {
  const { request } = entry;
  return request.kind === 'leaseGrant' && unknown.has(requestKey({ ...request, id: 0n }));
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function keyOfStep({ entry, refusal, revisionAfter }: TruthStep): string | undefined {
  const { request } = entry;
  const isMeta =
    request.kind === 'compact' || request.kind === 'leaseGrant' || request.kind === 'leaseRevoke';
  return isMeta && refusal === undefined ? `${requestKey(request)} ${revisionAfter}` : undefined;
}
