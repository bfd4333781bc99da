import type { InitialState } from '../../history/types.ts';
import { execute, run } from '../model/execute.ts';
import { StoreModel } from '../model/store-model.ts';
import { effectiveRequest } from './effect.ts';
import { isMeta, metasByRevision, orderMetas, pointOfMeta } from './metas.ts';
import type { Course, Point } from './point.ts';
import type { OkOperation, Prepared } from './prepare.ts';

/**
 * The course of things as the writes' own revisions give it. Undefined when they do not: when a revision that
 * somebody saw has no write (an unknown one, or an expired lease, made it), when an answer has no revision, or when
 * the outcome of a compaction, grant or revoke, which shows in no revision, is unknown. Only a search can tell then.
 */
export function courseOfHistory(prepared: Prepared, initial: InitialState): Course | undefined {
  if (prepared.unplaced.length > 0) return undefined;
  if (prepared.open.some(({ request }) => isMeta(request.kind))) return undefined;
  const metas = metasByRevision(prepared.metas);
  // Which of several revokes took keys with it, and in which order grants and revokes go, needs the state.
  const needsState = prepared.metas.some(({ request }) => request.kind === 'leaseRevoke');
  const model = needsState ? new StoreModel(initial) : undefined;
  const points: Point[] = [];
  for (let revision = initial.revision; revision <= prepared.revisionSeen; revision++) {
    const here = metas.get(revision) ?? [];
    if (revision > initial.revision) {
      // With unknown writes about, a revoke that was told this revision may have come just after the one that made it.
      const mayRevoke = prepared.open.length === 0;
      const writer = prepared.writes.get(revision) ?? (mayRevoke ? takeRevoke(here, model) : undefined);
      if (writer === undefined) return undefined;
      const request = effectiveRequest(writer);
      points.push({ revision, writes: true, request, owner: writer });
      if (model !== undefined) run(model, request);
      // A write that would have changed nothing: the replay reports it, but revisions do not line up any more.
      if (model !== undefined && model.revision !== revision)
        return { points, complete: false, placed: new Map() };
    }
    for (const meta of orderMetas(here, (id) => model?.hasLease(id) ?? false)) {
      points.push(pointOfMeta(meta));
      if (model !== undefined) execute(model, effectiveRequest(meta));
    }
  }
  return { points, complete: false, placed: new Map() };
}

/** Takes the revoke that made a revision out of the metas that were told it. */
function takeRevoke(metas: OkOperation[], model: StoreModel | undefined): OkOperation | undefined {
  const at = metas.findIndex(
    ({ request }) => request.kind === 'leaseRevoke' && (model?.keysOfLease(request.id).length ?? 0) > 0,
  );
  return at === -1 ? undefined : metas.splice(at, 1)[0];
}
