import type { LoggedRequest, Operation, RevisionEvents } from '../../history/types.ts';
import { textOfEvent, textOfOperation } from '../describe.ts';
import { execute, refusalOf, run } from '../model/execute.ts';
import { PreviewModel } from '../model/preview-model.ts';
import { StoreModel } from '../model/store-model.ts';
import { applyEvent, changesEqualEvents, type TruthLog } from '../truth-log.ts';
import { Report } from '../violation.ts';
import { effectiveRequest } from './effect.ts';
import { leasesAttachedBy } from './leases-used.ts';
import { metasByRevision, orderMetas, pointOfMeta } from './metas.ts';
import type { Course, CourseOptions, Point } from './point.ts';
import { isLogged, type OkOperation, type Prepared } from './prepare.ts';

/** How many choices are taken back before the first ones stand. */
const retriesMax = 50;

/**
 * The course of things as a watch of all keys gives it. A revision belongs to the write that was told it, else to an
 * unknown write that would have caused just these events, else to a lease that ended.
 *
 * Two unknown writes can cause the same events in one state and different ones in another. When a revision is left over
 * that only a write explains which was given to an earlier one, that choice is taken back.
 */
export function courseOfEvents(
  prepared: Prepared,
  truth: TruthLog,
  options: CourseOptions,
  report: Report,
): Course {
  const takenBack = new Map<number, Set<Operation>>();
  let first: { readonly course: Course; readonly found: Report } | undefined;
  for (let retry = 0; retry <= retriesMax; retry++) {
    const found = new Report();
    const matcher = new EventMatcher(prepared, { truth, options, takenBack, report: found });
    const course = matcher.match(truth.revisions ?? []);
    first ??= { course, found };
    const { conflict } = matcher;
    if (conflict === undefined) {
      const isBetter = found.violationCount < first.found.violationCount;
      report.addAll(isBetter ? found : first.found);
      return isBetter ? course : first.course;
    }
    const others = takenBack.get(conflict.revision) ?? new Set();
    takenBack.set(conflict.revision, others.add(conflict.operation));
  }
  report.addAll(first!.found);
  return first!.course;
}

/** A revision that was given to an unknown write which a later one needs. */
interface Conflict {
  readonly revision: number;
  readonly operation: Operation;
}

interface MatcherContext {
  readonly truth: TruthLog;
  readonly options: CourseOptions;
  /** Unknown writes that a revision must not be given to. */
  readonly takenBack: ReadonlyMap<number, ReadonlySet<Operation>>;
  readonly report: Report;
}

class EventMatcher {
  readonly #prepared: Prepared;
  readonly #options: CourseOptions;
  readonly #report: Report;
  readonly #model: StoreModel;
  readonly #metas: ReadonlyMap<number, OkOperation[]>;
  readonly #points: Point[] = [];
  readonly #open: Operation[];
  readonly #takenBack: MatcherContext['takenBack'];
  /** Unknown writes that were given a revision. */
  readonly #given: Conflict[] = [];
  #conflict: Conflict | undefined;

  constructor(prepared: Prepared, { truth, options, takenBack, report }: MatcherContext) {
    this.#prepared = prepared;
    this.#options = options;
    this.#report = report;
    this.#takenBack = takenBack;
    this.#model = new StoreModel(truth.initial);
    this.#metas = metasByRevision(prepared.metas);
    this.#open = [...prepared.open];
  }

  /** The first choice that stood in the way of a later revision. */
  get conflict(): Conflict | undefined {
    return this.#conflict;
  }

  match(revisions: readonly RevisionEvents[]): Course {
    this.#takeMetas(this.#model.revision);
    for (const events of revisions) {
      if (events.revision !== this.#model.revision + 1) break; // The truth has reported it.
      this.#points.push(this.#pointOf(events));
      this.#takeMetas(events.revision);
    }
    this.#reportLost();
    return { points: this.#points, complete: false, placed: new Map() };
  }

  #pointOf(events: RevisionEvents): Point {
    const { revision } = events;
    const writer = this.#prepared.writes.get(revision) ?? this.#takeRevoke(events);
    if (writer !== undefined) return this.#acknowledged(events, writer);
    const owner = this.#takeOpen(events);
    if (owner !== undefined) return this.#carryOut(effectiveRequest(owner), events, owner);
    const expired = this.#options.leasesExpire ? this.#expiredLease(events) : undefined;
    if (expired !== undefined) return this.#carryOut({ kind: 'leaseRevoke', id: expired }, events, undefined);
    this.#conflict ??= this.#given.find(({ operation }) => this.#mayBe(operation, events));
    this.#report.add({
      rule: 'write-by-nobody',
      message: `no operation of the history made revision ${revision}: ${textOfEvents(events)}`,
      operations: [],
      revision,
    });
    return this.#takeEvents(events, undefined);
  }

  #acknowledged(events: RevisionEvents, writer: OkOperation): Point {
    const request = effectiveRequest(writer);
    if (this.#fits(request, events)) return this.#carryOut(request, events, writer);
    this.#report.add({
      rule: 'lost-write',
      message: `revision ${events.revision} is ${textOfEvents(events)}, not what was acknowledged: ${textOfOperation(writer)}`,
      operations: [writer.id],
      revision: events.revision,
    });
    return this.#takeEvents(events, undefined);
  }

  #takeRevoke(events: RevisionEvents): OkOperation | undefined {
    const metas = this.#metas.get(events.revision) ?? [];
    const at = metas.findIndex(
      ({ request }) => request.kind === 'leaseRevoke' && this.#fits(request, events),
    );
    return at === -1 ? undefined : metas.splice(at, 1)[0];
  }

  /** Of the unknown writes that would have caused these events the one called first: it leaves most room to others. */
  #takeOpen(events: RevisionEvents): Operation | undefined {
    const takenBack = this.#takenBack.get(events.revision);
    const at = this.#open.findIndex(
      (operation) => takenBack?.has(operation) !== true && this.#mayBe(operation, events),
    );
    if (at === -1) return undefined;
    const operation = this.#open.splice(at, 1)[0]!;
    this.#given.push({ revision: events.revision, operation });
    return operation;
  }

  #mayBe(operation: Operation, events: RevisionEvents): boolean {
    return isLogged(operation) && this.#fits(operation.request, events) && this.#mayHaveLeases(events);
  }

  #carryOut(
    request: LoggedRequest,
    { revision, events }: RevisionEvents,
    owner: Operation | undefined,
  ): Point {
    this.#presumeGrants(request.kind === 'leaseRevoke' ? [request.id] : leasesAttachedBy(events));
    run(this.#model, request);
    return { revision, writes: true, request, owner };
  }

  /** A lease that is used must have been granted: by an unknown grant, if there is one, just before. */
  #presumeGrants(leases: readonly bigint[]): void {
    for (const id of leases) {
      if (this.#model.hasLease(id)) continue;
      const at = this.#open.findIndex((open) => open.request.kind === 'leaseGrant' && open.request.id === id);
      const [grant] = at === -1 ? [] : this.#open.splice(at, 1);
      if (grant?.request.kind !== 'leaseGrant') continue;
      this.#points.push({
        revision: this.#model.revision,
        writes: false,
        request: grant.request,
        owner: grant,
      });
      run(this.#model, grant.request);
    }
  }

  #takeEvents(events: RevisionEvents, owner: Operation | undefined): Point {
    applyEvents(this.#model, events.events);
    return { revision: events.revision, writes: true, request: undefined, events: events.events, owner };
  }

  /** Whether a request, carried out now, would cause these events. */
  #fits(request: LoggedRequest, { events }: RevisionEvents): boolean {
    if (!mayCause(request, events)) return false;
    const preview = new PreviewModel(this.#model);
    const code = refusalOf(preview, request);
    // Whether there was such a lease is judged later, when its grants are known.
    if (code !== undefined && code !== 'leaseNotFound') return false;
    run(preview, request);
    return changesEqualEvents(preview.changes, events);
  }

  /** Whether the leases that an unknown write attached keys to were granted, as far as anybody knows. */
  #mayHaveLeases({ events }: RevisionEvents): boolean {
    return leasesAttachedBy(events).every(
      (id) =>
        this.#model.hasLease(id) ||
        this.#open.some(({ request }) => request.kind === 'leaseGrant' && request.id === id),
    );
  }

  /** The lease whose keys are just the deleted ones. */
  #expiredLease(events: RevisionEvents): bigint | undefined {
    const first = events.events[0];
    const lease = first === undefined ? undefined : this.#model.latest(first.kv.key)?.lease;
    if (lease === undefined || lease === 0n) return undefined;
    return this.#fits({ kind: 'leaseRevoke', id: lease }, events) ? lease : undefined;
  }

  #takeMetas(revision: number): void {
    const metas = this.#metas.get(revision) ?? [];
    for (const meta of orderMetas(metas, (id) => this.#model.hasLease(id))) {
      if (meta.request.kind === 'leaseRevoke') this.#presumeGrants([meta.request.id]);
      this.#points.push(pointOfMeta(meta));
      execute(this.#model, effectiveRequest(meta));
    }
  }

  #reportLost(): void {
    for (const operation of this.#prepared.writes.values()) {
      const { revision } = operation.outcome;
      if (revision <= this.#model.revision) continue;
      this.#report.add({
        rule: 'lost-write',
        message: `acknowledged, but the watch of all keys ends at revision ${this.#model.revision}: ${textOfOperation(operation)}`,
        operations: [operation.id],
        revision,
      });
    }
  }
}

/** Takes events into a model as they are. */
export function applyEvents(model: StoreModel, events: RevisionEvents['events']): void {
  const contradictions = new Report(); // They were reported when the truth was made.
  for (const event of events) applyEvent(model, event, contradictions);
  model.commit();
}

/** A quick look that spares most previews: a put must be among the events. */
function mayCause(request: LoggedRequest, events: RevisionEvents['events']): boolean {
  if (request.kind === 'compact' || request.kind === 'leaseGrant') return false;
  if (request.kind !== 'put') return true;
  const event = events[0];
  return event?.type === 'put' && event.kv.key === request.key && events.length === 1;
}

function textOfEvents({ events }: RevisionEvents): string {
  return events.map(textOfEvent).join(', ');
}
