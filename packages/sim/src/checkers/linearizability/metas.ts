import type { Operation, Request } from '../../history/types.ts';
import { effectiveRequest } from './effect.ts';
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

/** Compactions by what they ask for; grants and revokes of a lease in turns. */
function orderOfObject(queue: readonly OkOperation[], hasLease: (id: bigint) => boolean): OkOperation[] {
  const first = effectiveRequest(queue[0]!);
  if (first.kind !== 'leaseGrant' && first.kind !== 'leaseRevoke') {
    return queue.toSorted((a, b) => levelOf(a) - levelOf(b));
  }
  const left = new Set(queue);
  const ordered: OkOperation[] = [];
  for (let present = hasLease(first.id); left.size > 0;) {
    const next = nextTurn(left, present ? 'leaseRevoke' : 'leaseGrant');
    left.delete(next);
    ordered.push(next);
    present = next.request.kind === 'leaseGrant';
  }
  return ordered;
}

/**
 * Of those whose turn it is the one that returned first, among those called before anything that is left returned: if
 * any order works, the one that has it next does. When nobody's turn is in time, something unknown came between.
 */
function nextTurn(left: ReadonlySet<OkOperation>, kind: 'leaseGrant' | 'leaseRevoke'): OkOperation {
  const byReturn = [...left].sort((a, b) => a.returnedAt - b.returnedAt);
  const deadline = byReturn[0]!.returnedAt;
  const inTime = byReturn.filter(({ calledAt }) => calledAt <= deadline);
  return inTime.find(({ request }) => request.kind === kind) ?? inTime[0]!;
}

function levelOf({ request }: OkOperation): number {
  return request.kind === 'compact' ? request.revision : 0;
}
