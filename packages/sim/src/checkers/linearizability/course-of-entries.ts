import type { LoggedRequest, Operation } from '../../history/types.ts';
import { textOfOperation, textOfRequest } from '../describe.ts';
import type { TruthStep } from '../truth-log.ts';
import type { Report } from '../violation.ts';

import { effectiveRequest, hasEffect } from './effect.ts';
import { boundsOf, sameKindOf } from './entry-bounds.ts';
import type { Course, CourseOptions, Point } from './point.ts';
import { isLogged, isOk, isRefused, type OkOperation, type Prepared } from './prepare.ts';
import { equalRequests, requestKey } from './request-key.ts';

/**
 * The course of things by the log: finds for every entry the operation that asked for it, and reports writes that
 * were lost, carried out twice, carried out though refused, or asked for by nobody.
 */
export function courseOfEntries(
  prepared: Prepared,
  steps: readonly TruthStep[],
  options: CourseOptions,
  report: Report,
): Course {
  return new EntryMatcher(prepared, options, report).match(steps);
}

class EntryMatcher {
  readonly #prepared: Prepared;
  readonly #options: CourseOptions;
  readonly #report: Report;
  /** Entry index by operation that was matched to it. */
  readonly #owned = new Map<number, number>();
  #byId: ReadonlyMap<number, Operation> | undefined;
  readonly #points: Point[] = [];
  readonly #placed = new Map<number, number>();
  readonly #openByRequest = new Map<string, Operation[]>();
  readonly #metasByRequest = new Map<string, OkOperation[]>();

  constructor(prepared: Prepared, options: CourseOptions, report: Report) {
    this.#prepared = prepared;
    this.#options = options;
    this.#report = report;
    for (const operation of prepared.open)
      enqueue(this.#openByRequest, requestKey(operation.request), operation);
    for (const operation of prepared.metas) {
      enqueue(this.#metasByRequest, requestKey(effectiveRequest(operation)), operation);
    }
  }

  match(steps: readonly TruthStep[]): Course {
    const { earliest, latest } = boundsOf(this.#prepared, steps, (step) => this.#isByServer(step));
    const { next, count } = sameKindOf(steps);
    for (const [i, step] of steps.entries()) {
      if (hasEffect(step)) {
        const retryAt = next[i]! === -1 ? Infinity : earliest[next[i]!]!;
        this.#matchEffect(step, { latest: latest[i]!, retryAt, entriesLeft: count[i]! });
      } else if (step.entry.operation !== undefined)
        this.#placed.set(step.entry.operation, this.#points.length);
    }
    this.#reportLost();
    return { points: this.#points, complete: true, placed: this.#placed };
  }

  #matchEffect(step: TruthStep, room: Room): void {
    const { entry, revisionBefore, revisionAfter } = step;
    const writes = revisionAfter > revisionBefore;
    const owner =
      entry.operation === undefined
        ? this.#ownerByContent(step, room)
        : this.#ownerById(step, entry.operation);
    if (owner !== undefined) this.#owned.set(owner.id, entry.index);
    else if (entry.operation === undefined && !this.#isByServer(step)) this.#reportNobody(step);
    // What only shapes the answer (`prevKv`) is compared by what its own client asked for.
    const request = owner !== undefined && isOk(owner) ? effectiveRequest(owner) : entry.request;
    this.#points.push({ revision: revisionAfter, writes, request, owner });
  }

  #isByServer({ entry }: TruthStep): boolean {
    if (entry.origin !== undefined) return entry.origin === 'server';
    return entry.request.kind === 'leaseRevoke' && this.#options.leasesExpire;
  }

  /** Looked up only where the log names operations. */
  #operationOf(id: number): Operation | undefined {
    this.#byId ??= new Map(this.#prepared.all.map((operation) => [operation.id, operation]));
    return this.#byId.get(id);
  }

  #ownerById({ entry, revisionAfter }: TruthStep, id: number): Operation | undefined {
    const operation = this.#operationOf(id);
    if (operation === undefined) return undefined;
    if (!equalRequests(entry.request, effectiveRequest(operation))) {
      this.#report.add({
        rule: 'truth-disagrees',
        message: `entry ${entry.index} is ${textOfRequest(entry.request)}, but is said to be of ${textOfOperation(operation)}`,
        operations: [id],
      });
      return undefined;
    }
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

  #ownerByContent(step: TruthStep, room: Room): Operation | undefined {
    const { request } = step.entry;
    const writer = this.#prepared.writes.get(step.revisionAfter);
    if (step.revisionAfter > step.revisionBefore && writer !== undefined) {
      if (equalRequests(request, writer.request)) return writer;
    }
    const meta = this.#metaFor(step, room);
    // What the server may have done by itself binds nobody; an unknown operation would bind it to its call.
    if (meta !== undefined || this.#isByServer(step)) return meta;
    return this.#takeOpen(requestKey(request)) ?? this.#openGrant(request);
  }

  /**
   * Of the compactions, grants or revokes that ask for the entry, were told its revision and were called in time: one
   * that cannot wait for the next such entry, or else the one called first, unless an unknown operation called before
   * it can do: the earlier the call, the more room is left to others.
   */
  #metaFor(step: TruthStep, { latest, retryAt, entriesLeft }: Room): Operation | undefined {
    const { request } = step.entry;
    if (request.kind !== 'compact' && request.kind !== 'leaseGrant' && request.kind !== 'leaseRevoke')
      return undefined;
    const key = requestKey(request);
    const candidates = (this.#metasByRequest.get(key) ?? []).filter(
      ({ id, outcome }) => outcome.revision === step.revisionAfter && !this.#owned.has(id),
    );
    const inTime = candidates.filter(({ calledAt }) => calledAt <= latest);
    const urgent = least(inTime, ({ returnedAt }) => returnedAt);
    if (urgent !== undefined && (urgent.returnedAt < retryAt || this.#isByServer(step))) return urgent;
    const first = least(inTime, ({ calledAt }) => calledAt);
    const open = this.#openByRequest.get(key)?.find(({ id }) => !this.#owned.has(id));
    if (candidates.length >= entriesLeft) return first ?? candidates[0]; // All that are left are needed for them.
    // When all are too late the order is wrong, unless the entry is somebody else's.
    if (open === undefined) return first ?? (this.#isByServer(step) ? undefined : candidates[0]);
    return first !== undefined && first.calledAt <= open.calledAt ? first : undefined;
  }

  /** A grant that left the id to the server, and never learned it. */
  #openGrant(request: LoggedRequest): Operation | undefined {
    if (request.kind !== 'leaseGrant') return undefined;
    return this.#takeOpen(requestKey({ ...request, id: 0n }));
  }

  /** The first of the queue that has no entry yet: of equals, the one called first leaves most room to the others. */
  #takeOpen(key: string): Operation | undefined {
    const queue = this.#openByRequest.get(key);
    for (;;) {
      const operation = queue?.shift();
      if (queue?.length === 0) this.#openByRequest.delete(key);
      if (operation === undefined || !this.#owned.has(operation.id)) return operation;
    }
  }

  #reportNobody({ entry, revisionAfter }: TruthStep): void {
    // An entry that a refused operation explains is that operation's fault.
    for (const operation of this.#prepared.all) {
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

function enqueue<T>(queues: Map<string, T[]>, key: string, item: T): void {
  const queue = queues.get(key);
  if (queue === undefined) queues.set(key, [item]);
  else queue.push(item);
}

function least<T>(items: readonly T[], measure: (item: T) => number): T | undefined {
  let [best] = items;
  for (const item of items) if (measure(item) < measure(best!)) best = item;
  return best;
}

/** How an entry is bound in time. */
interface Room {
  /** It was carried out by then. */
  readonly latest: number;
  /** The next entry that asks for the same was carried out after that; Infinity when there is none. */
  readonly retryAt: number;
  /** How many entries ask for the same and have the same revision, from this one on. */
  readonly entriesLeft: number;
}
