import type { KeyValue, Operation } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import type { TruthLog } from '../truth-log.ts';
import type { Report } from '../violation.ts';

/** An answer that names the keys of a lease. */
interface KeysAnswer {
  readonly operation: Operation;
  readonly keys: string;
  isExplained: boolean;
}

/**
 * Reports answers that name keys which their lease had at no revision made by the time of the answer. The answering
 * leader may be a little behind, so the newest set is not insisted on.
 */
export function checkAttachedKeys(operations: readonly Operation[], truth: TruthLog, report: Report): void {
  const asked = answersByLease(operations);
  if (asked.size === 0) return;
  const attached = new Map<bigint, Set<string>>();
  const explain = (lease: bigint, revision: number) => {
    const text = textOfKeys(attached.get(lease) ?? []);
    for (const answer of asked.get(lease) ?? []) {
      const isInTime = (truth.timeOf(revision) ?? -Infinity) <= answer.operation.returnedAt;
      if (isInTime && answer.keys === text) answer.isExplained = true;
    }
  };
  for (const kv of truth.initial.kvs) attach(attached, kv);
  for (const lease of asked.keys()) explain(lease, truth.initial.revision);
  for (let revision = truth.initial.revision + 1; revision <= truth.revision; revision++) {
    const touched = new Set<bigint>();
    for (const { kv, previous } of truth.changesOf(revision)) {
      if (previous !== undefined) {
        attached.get(previous.lease)?.delete(kv.key);
        touched.add(previous.lease);
      }
      attach(attached, kv);
      touched.add(kv.lease);
    }
    for (const lease of touched) if (asked.has(lease)) explain(lease, revision);
  }
  for (const answer of [...asked.values()].flat()) if (!answer.isExplained) reportKeys(answer, report);
}

function answersByLease(operations: readonly Operation[]): ReadonlyMap<bigint, KeysAnswer[]> {
  const byLease = new Map<bigint, KeysAnswer[]>();
  for (const operation of operations) {
    const { request, outcome } = operation;
    if (request.kind !== 'leaseTimeToLive' || request.keys !== true || outcome.kind !== 'ok') continue;
    const { response } = outcome;
    if (response.kind !== 'leaseTimeToLive' || response.grantedTtlSeconds === 0) continue;
    const answer = { operation, keys: textOfKeys(response.keys ?? []), isExplained: false };
    const others = byLease.get(request.id);
    if (others === undefined) byLease.set(request.id, [answer]);
    else others.push(answer);
  }
  return byLease;
}

function attach(attached: Map<bigint, Set<string>>, { key, lease, version }: KeyValue): void {
  if (lease === 0n || version === 0) return;
  const keys = attached.get(lease);
  if (keys === undefined) attached.set(lease, new Set([key]));
  else keys.add(key);
}

function textOfKeys(keys: Iterable<string>): string {
  return JSON.stringify([...keys].sort());
}

function reportKeys({ operation, keys }: KeysAnswer, report: Report): void {
  report.add({
    rule: 'lease-keys',
    message: `it never had the keys ${keys}: ${textOfOperation(operation)}`,
    operations: [operation.id],
  });
}
