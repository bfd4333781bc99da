import type { Operation, Request } from '../../history/types.ts';
import { effectiveRequest } from './course-of-entries.ts';
import type { Point } from './point.ts';
import type { OkOperation } from './prepare.ts';

/** Whether requests of this kind change leases or the compacted revision. */
export function isMeta(kind: Request['kind']): boolean {
  return kind === 'compact' || kind === 'leaseGrant' || kind === 'leaseRevoke';
}

/**
 * Compactions, grants and revokes by the revision of their answers, each list in an order in which they can have
 * happened: compactions by what they ask for, grants and revokes of one lease in turns, else by their calls.
 */
export function metasByRevision(metas: readonly OkOperation[]): Map<number, OkOperation[]> {
  const byRevision = new Map<number, OkOperation[]>();
  for (const meta of metas) {
    const { revision } = meta.outcome;
    const others = byRevision.get(revision);
    if (others === undefined) byRevision.set(revision, [meta]);
    else others.push(meta);
  }
  for (const list of byRevision.values()) {
    if (list.length > 1) list.sort((a, b) => a.calledAt - b.calledAt);
  }
  return byRevision;
}

/** Puts the metas of one revision in order, given which leases there are before them. */
export function orderMetas(
  metas: readonly OkOperation[],
  hasLease: (id: bigint) => boolean,
): readonly OkOperation[] {
  if (metas.length < 2) return metas;
  const queues = new Map<string, OkOperation[]>();
  for (const meta of metas) {
    const queue = queues.get(objectOf(meta));
    if (queue === undefined) queues.set(objectOf(meta), [meta]);
    else queue.push(meta);
  }
  for (const [object, queue] of queues) {
    if (queue.length > 1) queues.set(object, orderOfObject(queue, hasLease));
  }
  return metas.map((meta) => queues.get(objectOf(meta))!.shift()!);
}

/** What a meta changes: metas of different objects can be carried out in any order. */
export function objectOf(operation: Operation): string {
  const request = effectiveRequest(operation);
  return request.kind === 'leaseGrant' || request.kind === 'leaseRevoke'
    ? `lease ${request.id}`
    : 'compaction';
}

/** The point of a meta that changes no keys. */
export function pointOfMeta(meta: OkOperation): Point {
  return { revision: meta.outcome.revision, writes: false, request: effectiveRequest(meta), owner: meta };
}

function orderOfObject(queue: readonly OkOperation[], hasLease: (id: bigint) => boolean): OkOperation[] {
  const grants: OkOperation[] = [];
  const revokes: OkOperation[] = [];
  const compactions: { readonly meta: OkOperation; readonly level: number }[] = [];
  let present = false;
  for (const meta of queue) {
    const request = effectiveRequest(meta);
    if (request.kind === 'compact') compactions.push({ meta, level: request.revision });
    if (request.kind === 'leaseGrant') grants.push(meta);
    if (request.kind === 'leaseRevoke') revokes.push(meta);
    if (request.kind === 'leaseGrant' || request.kind === 'leaseRevoke') present = hasLease(request.id);
  }
  compactions.sort((a, b) => a.level - b.level);
  // Among grants (and among revokes) of one lease the one that returned first goes first: whatever order works, this does.
  grants.sort((a, b) => a.returnedAt - b.returnedAt);
  revokes.sort((a, b) => a.returnedAt - b.returnedAt);
  const ordered = compactions.map(({ meta }) => meta);
  while (grants.length + revokes.length > 0) {
    const [first, second] = present ? [revokes, grants] : [grants, revokes];
    ordered.push((first.shift() ?? second.shift())!);
    present = !present;
  }
  return ordered;
}
