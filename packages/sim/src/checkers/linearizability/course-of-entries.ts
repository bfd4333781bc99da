import type { LoggedRequest, Operation } from '../../history/types.ts';
import { textOfOperation, textOfRequest } from '../describe.ts';
import type { TruthStep } from '../truth-log.ts';
import type { Report } from '../violation.ts';
import type { Course, Point } from './point.ts';
import { isLogged, isOk, isRefused, type Prepared } from './prepare.ts';
import { equalRequests, requestKey } from './request-key.ts';

/**
 * The course of things by the log: finds for every entry the operation that asked for it, and reports writes that
 * were lost, carried out twice, carried out though refused, or asked for by nobody.
 */
export function courseOfEntries(prepared: Prepared, steps: readonly TruthStep[], report: Report): Course {
  return new EntryMatcher(prepared, report).match(steps);
}

class EntryMatcher {
  readonly #prepared: Prepared;
  readonly #report: Report;
  /** Entry index by operation that was matched to it. */
  readonly #owned = new Map<number, number>();
  readonly #points: Point[] = [];
  readonly #placed = new Map<number, number>();
  readonly #openByRequest = new Map<string, Operation[]>();
  readonly #metasByRequest = new Map<string, Operation[]>();

  constructor(prepared: Prepared, report: Report) {
    this.#prepared = prepared;
    this.#report = report;
    for (const operation of prepared.open)
      enqueue(this.#openByRequest, requestKey(operation.request), operation);
    for (const operation of prepared.metas) {
      enqueue(this.#metasByRequest, requestKey(effectiveRequest(operation)), operation);
    }
  }

  match(steps: readonly TruthStep[]): Course {
    for (const step of steps) {
      if (hasEffect(step)) this.#matchEffect(step);
      else if (step.entry.operation !== undefined)
        this.#placed.set(step.entry.operation, this.#points.length);
    }
    this.#reportLost();
    return { points: this.#points, complete: true, placed: this.#placed };
  }

  #matchEffect(step: TruthStep): void {
    const { entry, revisionBefore, revisionAfter } = step;
    const writes = revisionAfter > revisionBefore;
    const owner =
      entry.operation === undefined
        ? this.#ownerByContent(step, writes)
        : this.#ownerById(step, entry.operation);
    if (owner !== undefined) this.#owned.set(owner.id, entry.index);
    else if (
      entry.operation === undefined &&
      entry.request.kind !== 'leaseRevoke' &&
      entry.origin !== 'server'
    ) {
      this.#reportNobody(step);
    }
    this.#points.push({ revision: revisionAfter, writes, request: entry.request, owner });
  }

  #ownerById({ entry, revisionAfter }: TruthStep, id: number): Operation | undefined {
    const operation = this.#prepared.byId.get(id);
    if (operation === undefined) return undefined;
    const earlier = this.#owned.get(id);
    if (earlier !== undefined) {
      this.#report.add({
        rule: 'double-write',
        message: `entries ${earlier} and ${entry.index} both carry out ${textOfOperation(operation)}`,
        operations: [id],
        revision: revisionAfter,
      });
      return undefined;
    }
    if (isRefused(operation)) {
      this.#report.add({
        rule: 'refused-but-executed',
        message: `entry ${entry.index} carries out ${textOfOperation(operation)}`,
        operations: [id],
        revision: revisionAfter,
      });
    }
    return operation;
  }

  #ownerByContent(step: TruthStep, writes: boolean): Operation | undefined {
    const { request } = step.entry;
    if (writes) {
      const operation = this.#prepared.writes.get(step.revisionAfter);
      if (operation !== undefined && equalRequests(request, operation.request)) return operation;
    }
    if (request.kind === 'compact' || request.kind === 'leaseGrant' || request.kind === 'leaseRevoke') {
      const operation = this.#takeMeta(step);
      if (operation !== undefined) return operation;
    }
    return takeUnowned(this.#openByRequest.get(requestKey(request)), this.#owned) ?? this.#openGrant(request);
  }

  /** The operation whose answer names the revision of the entry, else the first that asks for the same. */
  #takeMeta(step: TruthStep): Operation | undefined {
    const candidates = this.#metasByRequest.get(requestKey(step.entry.request));
    if (candidates === undefined) return undefined;
    const at = candidates.findIndex(
      (operation) =>
        isOk(operation) &&
        operation.outcome.revision === step.revisionAfter &&
        !this.#owned.has(operation.id),
    );
    return at === -1 ? undefined : candidates.splice(at, 1)[0];
  }

  /** A grant that left the id to the server, and never learned it. */
  #openGrant(request: LoggedRequest): Operation | undefined {
    if (request.kind !== 'leaseGrant') return undefined;
    return takeUnowned(this.#openByRequest.get(requestKey({ ...request, id: 0n })), this.#owned);
  }

  #reportNobody({ entry, revisionAfter }: TruthStep): void {
    // An entry that a refused operation explains is that operation's fault.
    for (const operation of this.#prepared.byId.values()) {
      if (!isRefused(operation) || !isLogged(operation)) continue;
      if (!equalRequests(entry.request, operation.request) || this.#owned.has(operation.id)) continue;
      this.#owned.set(operation.id, entry.index);
      this.#report.add({
        rule: 'refused-but-executed',
        message: `entry ${entry.index} (revision ${revisionAfter}) carries out ${textOfOperation(operation)}`,
        operations: [operation.id],
        revision: revisionAfter,
      });
      return;
    }
    this.#report.add({
      rule: 'write-by-nobody',
      message: `entry ${entry.index} (revision ${revisionAfter}) is ${textOfRequest(entry.request)}, which no operation of the history asked for, or one more time than it was asked for`,
      operations: [],
      revision: revisionAfter,
    });
  }

  #reportLost(): void {
    for (const operations of [this.#prepared.writes.values(), this.#prepared.metas]) {
      for (const operation of operations) {
        if (this.#owned.has(operation.id)) continue;
        this.#report.add({
          rule: 'lost-write',
          message: `acknowledged, but not in the log: ${textOfOperation(operation)}`,
          operations: [operation.id],
          revision: operation.outcome.revision,
        });
      }
    }
  }
}

/** Whether a step changed keys, leases or the compacted revision. */
export function hasEffect({ entry, refusal, revisionBefore, revisionAfter }: TruthStep): boolean {
  if (revisionAfter > revisionBefore) return true;
  const { kind } = entry.request;
  return refusal === undefined && (kind === 'compact' || kind === 'leaseGrant' || kind === 'leaseRevoke');
}

/** A grant's request with the id that the server chose. */
export function effectiveRequest(operation: Operation): LoggedRequest {
  const { request, outcome } = operation;
  if (request.kind === 'leaseGrant' && outcome.kind === 'ok' && outcome.response.kind === 'leaseGrant') {
    return { kind: 'leaseGrant', id: outcome.response.id, ttlSeconds: outcome.response.ttlSeconds };
  }
  // Only called for operations that go through the log.
  return request as LoggedRequest;
}

function enqueue(queues: Map<string, Operation[]>, key: string, operation: Operation): void {
  const queue = queues.get(key);
  if (queue === undefined) queues.set(key, [operation]);
  else queue.push(operation);
}

/** The first of the queue that has no entry yet: of equals, the one called first leaves most room to the others. */
function takeUnowned(
  queue: Operation[] | undefined,
  owned: ReadonlyMap<number, number>,
): Operation | undefined {
  for (;;) {
    const first = queue?.shift();
    if (first === undefined || !owned.has(first.id)) return first;
  }
}
