import type { LeaseTimeline, Operation } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import { leasesNamedBy } from '../linearizability/leases-used.ts';
import type { TruthLog } from '../truth-log.ts';
import { Report, type ReportOptions, type Rule, type Verdict } from '../violation.ts';
import { checkAttachedKeys } from './attached-keys.ts';
import { callsByLease, livesOf, renewalsOf, type LeaseCalls, type LeaseLife } from './lives.ts';

/** What is left is told in whole seconds. */
const roundingMs = 1000;

/** By how much leases may be off. */
export interface LeaseBounds {
  /** How much faster or slower than the clients' clock a member's may run: 0.1 is a tenth. Default 0. */
  readonly clockRate?: number;
  /** How long after its time a lease may still be there under a leader that can work. Default 1500. */
  readonly lateMs?: number;
  /** What a new leader adds to the time of all leases. Default 1000. */
  readonly electionTimeoutMs?: number;
  /**
   * How long after its call an operation of unknown outcome may still take effect. Default Infinity: a lease with such a
   * keep-alive is never called forgotten.
   */
  readonly unknownMs?: number;
}

/** How `checkLeases` judges. */
export interface LeaseOptions extends LeaseBounds, ReportOptions {
  /**
   * Whether a leader that was replaced may answer for leases a little longer, as etcd's do: keep-alives and
   * time-to-live calls then prove nothing against the log. Default false.
   */
  readonly staleAnswers?: boolean;
}

/**
 * Checks the times of leases: none ends before the time to live that the server had acknowledged was over since that
 * call was sent; none outlives it under a leader that can work; what has ended is not found, not renewed, and takes no
 * keys; what lives is found; what is said to be left of it is no more, and no less, than can be; and the keys that a
 * lease is said to have are those that it had.
 *
 * That all keys go with their lease in one revision is a matter of the replay: see `TruthLog` and `checkLinearizable`.
 */
export function checkLeases(timeline: LeaseTimeline, truth: TruthLog, options: LeaseOptions = {}): Verdict {
  const report = new Report(options);
  const calls = callsByLease(timeline);
  const lives = livesOf(truth, calls);
  for (const id of new Set([...calls.keys(), ...lives.keys()])) {
    report.checkedCount++;
    const none = { id, grants: [], revokes: [], keepAlives: [], lookups: [] };
    new LeaseCheck(calls.get(id) ?? none, truth.steps && (lives.get(id) ?? []), {
      timeline,
      options,
      report,
    }).run();
  }
  checkDeadAttach(timeline.operations, calls, report);
  checkAttachedKeys(timeline.operations, truth, report);
  return report.verdict();
}

class LeaseCheck {
  readonly #calls: LeaseCalls;
  /** Undefined when the truth does not know of leases. */
  readonly #lives: readonly LeaseLife[] | undefined;
  readonly #timeline: LeaseTimeline;
  readonly #report: Report;
  readonly #bounds: Required<LeaseBounds>;
  readonly #staleAnswers: boolean;

  constructor(
    calls: LeaseCalls,
    lives: readonly LeaseLife[] | undefined,
    context: {
      readonly timeline: LeaseTimeline;
      readonly options: LeaseOptions;
      readonly report: Report;
    },
  ) {
    const { clockRate = 0, lateMs = 1500, electionTimeoutMs = 1000, unknownMs = Infinity } = context.options;
    this.#calls = calls;
    this.#lives = lives;
    this.#timeline = context.timeline;
    this.#report = context.report;
    this.#staleAnswers = context.options.staleAnswers ?? false;
    this.#bounds = { clockRate, lateMs, electionTimeoutMs, unknownMs };
  }

  run(): void {
    for (const life of this.#lives ?? []) {
      if (life.isExpiry) this.#checkNotEarly(life);
      this.#checkNotForgotten(life);
    }
    if (this.#staleAnswers) return;
    this.#checkRunsDown();
    for (const operation of [...this.#calls.keepAlives, ...this.#calls.lookups]) {
      const found = isFound(operation);
      if (found === false) this.#checkNotFound(operation);
      if (found === true) {
        this.#checkFound(operation);
        this.#checkRemaining(operation);
      }
    }
  }

  /** No expiry before the last acknowledged renewal and its time to live are over. */
  #checkNotEarly({ id, endedAt, grantedAt = -Infinity }: LeaseLife): void {
    if (endedAt === undefined) return;
    for (const { operation, ttlMs } of renewalsOf(this.#calls)) {
      // A renewal of another life, or one that came when it was over (which is another fault).
      if (operation.calledAt > endedAt || operation.returnedAt < grantedAt) continue;
      const earliest = operation.calledAt + this.#shortest(ttlMs);
      if (endedAt >= earliest) continue;
      this.#add(
        'lease-early',
        [operation],
        `lease ${id} ended at ${endedAt}, ${earliest - endedAt} ms too early after ${textOfOperation(operation)}`,
      );
      return;
    }
  }

  /** Gone in time, whenever a leader was long enough in office to end it. */
  #checkNotForgotten(life: LeaseLife): void {
    const { leaders } = this.#timeline;
    const { id, ttlMs, endedAt } = life;
    if (leaders === undefined || endedAt === undefined) return;
    const lastRenewal = this.#lastPossibleRenewal(life);
    const longestMs = Math.max(ttlMs, ...renewalsOf(this.#calls).map((renewal) => renewal.ttlMs));
    for (const { term, from, until } of leaders) {
      const promoted = from + this.#longest(longestMs + this.#bounds.electionTimeoutMs);
      const deadline = Math.max(promoted, lastRenewal + this.#longest(longestMs)) + this.#bounds.lateMs;
      if (deadline > Math.min(until, this.#timeline.endedAt) || endedAt <= deadline) continue;
      const end = endedAt === Infinity ? 'it never did' : `it did at ${endedAt}`;
      this.#add(
        'lease-forgotten',
        [],
        `lease ${id} should have ended by ${deadline} under the leader of term ${term}; ${end}`,
      );
      return;
    }
  }

  /** The latest moment at which something can have renewed the lease in this life. */
  #lastPossibleRenewal({ grantedAt = -Infinity, endedAt = Infinity }: LeaseLife): number {
    let last = grantedAt;
    for (const operation of [...this.#calls.grants, ...this.#calls.keepAlives]) {
      const { calledAt, returnedAt, outcome } = operation;
      if (calledAt > endedAt || returnedAt < grantedAt || outcome.kind === 'refused') continue;
      if (isFound(operation) === false) continue;
      last = Math.max(last, Math.min(returnedAt, calledAt + this.#bounds.unknownMs));
    }
    return last;
  }

  /** "Not found" must not be said of a lease that surely lives. */
  #checkNotFound(operation: Operation): void {
    const { calledAt, returnedAt } = operation;
    const alive = this.#lives?.find(
      ({ endedAt }, i) => endedAt !== undefined && endedAt > returnedAt && this.#isGrantedBefore(calledAt, i),
    );
    if (alive !== undefined) {
      this.#add(
        'lease-false-not-found',
        [operation],
        `lease ${alive.id} was there all the time: ${textOfOperation(operation)}`,
      );
      return;
    }
    // By the clients alone: it was renewed, nobody revoked it, and its time is not over.
    const { revokes } = this.#calls;
    if (revokes.some((revoke) => revoke.outcome.kind !== 'refused' && revoke.calledAt <= returnedAt)) return;
    const renewal = renewalsOf(this.#calls).find(
      (other) =>
        other.operation.returnedAt < calledAt &&
        returnedAt < other.operation.calledAt + this.#shortest(other.ttlMs),
    );
    if (renewal === undefined) return;
    this.#add(
      'lease-early',
      [operation, renewal.operation],
      `not found (${textOfOperation(operation)}), but its time was not over since ${textOfOperation(renewal.operation)}`,
    );
  }

  /** Whether the grant of a life was surely applied before a time. */
  #isGrantedBefore(time: number, life: number): boolean {
    const { grantedAt } = this.#lives![life]!;
    return grantedAt !== undefined && grantedAt < time;
  }

  /** What has ended is not found any more, unless it is granted again. */
  #checkFound(operation: Operation): void {
    const { calledAt, returnedAt } = operation;
    const lives = this.#lives;
    if (
      lives !== undefined &&
      lives.every(({ grantedAt, endedAt }) => grantedAt !== undefined && endedAt !== undefined)
    ) {
      const alive = lives.some(({ grantedAt, endedAt }) => grantedAt! <= returnedAt && endedAt! >= calledAt);
      if (!alive) this.#addFound(operation, 'by the log it was over, or not granted yet');
      return;
    }
    const revoke = surelyRevokedBefore(this.#calls, operation);
    if (revoke !== undefined) this.#addFound(operation, `it was over by ${textOfOperation(revoke)}`);
  }

  #addFound(operation: Operation, why: string): void {
    this.#add('lease-after-revoke', [operation], `${why}: ${textOfOperation(operation)}`);
  }

  /** What is left is no less than what is left of an acknowledged renewal, and no more than a new leader gives. */
  #checkRemaining(operation: Operation): void {
    const lookup = lookupOf(operation);
    if (lookup === undefined) return;
    const { leftMs, grantedMs } = lookup;
    const { calledAt, returnedAt } = operation;
    const renewals = renewalsOf(this.#calls).filter((other) => other.operation.returnedAt < calledAt);
    const leastMs = Math.max(
      ...renewals.map((other) => other.operation.calledAt + this.#shortest(other.ttlMs) - returnedAt),
    );
    if (leftMs < leastMs - roundingMs) {
      this.#add('lease-ttl', [operation], `at least ${leastMs} ms were left: ${textOfOperation(operation)}`);
    }
    const mostMs = grantedMs + this.#bounds.electionTimeoutMs;
    if (leftMs > mostMs) {
      this.#add(
        'lease-ttl',
        [operation],
        `at most ${mostMs} ms can have been left: ${textOfOperation(operation)}`,
      );
    }
  }

  /** Under one leader, with no renewal that can have come between, the time that is left only runs down. */
  #checkRunsDown(): void {
    const { lookups } = this.#calls;
    for (const [i, later] of lookups.entries()) {
      const earlier = lookups.findLast((other, j) => j < i && other.returnedAt < later.calledAt);
      const before = earlier && lookupOf(earlier);
      const now = lookupOf(later);
      if (earlier === undefined || before === undefined || now === undefined) continue;
      if (!this.#isUnderOneLeader(earlier, later) || this.#mayRenewBetween(earlier, later)) continue;
      const elapsedMs = this.#shortest(later.calledAt - earlier.returnedAt);
      if (now.leftMs <= before.leftMs - elapsedMs + roundingMs) continue;
      this.#add(
        'lease-ttl',
        [later, earlier],
        `more is left (${textOfOperation(later)}) than ${textOfOperation(earlier)} and nobody's renewal allow`,
      );
    }
  }

  #isUnderOneLeader(earlier: Operation, later: Operation): boolean {
    return (this.#timeline.leaders ?? []).some(
      ({ from, until }) => from <= earlier.calledAt && until >= later.returnedAt,
    );
  }

  #mayRenewBetween(earlier: Operation, later: Operation): boolean {
    return [...this.#calls.grants, ...this.#calls.keepAlives].some(
      ({ calledAt, returnedAt }) =>
        calledAt <= later.returnedAt &&
        Math.min(returnedAt, calledAt + this.#bounds.unknownMs) >= earlier.calledAt,
    );
  }

  /** What a member's fast clock makes of a time. */
  #shortest(ms: number): number {
    return ms / (1 + this.#bounds.clockRate);
  }

  /** What a member's slow clock makes of a time. */
  #longest(ms: number): number {
    return ms / (1 - this.#bounds.clockRate);
  }

  #add(rule: Rule, operations: readonly Operation[], message: string): void {
    this.#report.add({ rule, message, operations: operations.map(({ id }) => id), lease: this.#calls.id });
  }
}

/** Reports puts that went through with a lease that was over by a client's own revoke (I35). */
function checkDeadAttach(
  operations: readonly Operation[],
  calls: ReadonlyMap<bigint, LeaseCalls>,
  report: Report,
): void {
  for (const operation of operations) {
    const { request, outcome } = operation;
    if (request.kind !== 'put' || outcome.kind !== 'ok') continue;
    for (const lease of leasesNamedBy(request)) {
      const ofLease = calls.get(lease);
      const revoke = ofLease === undefined ? undefined : surelyRevokedBefore(ofLease, operation);
      if (revoke === undefined) continue;
      report.add({
        rule: 'lease-dead-attach',
        message: `${textOfOperation(operation)}, after ${textOfOperation(revoke)}`,
        operations: [operation.id, revoke.id],
        lease,
      });
    }
  }
}

/** A revoke that was over before a call, with no grant that could have come between. */
function surelyRevokedBefore({ grants, revokes }: LeaseCalls, operation: Operation): Operation | undefined {
  return revokes.findLast(
    (revoke) =>
      revoke.outcome.kind === 'ok' &&
      revoke.returnedAt < operation.calledAt &&
      !grants.some(
        (grant) =>
          grant.outcome.kind !== 'refused' &&
          grant.returnedAt > revoke.calledAt &&
          grant.calledAt < operation.returnedAt,
      ),
  );
}

/** What an answer says is left of a lease that is there. */
function lookupOf({
  outcome,
}: Operation): { readonly leftMs: number; readonly grantedMs: number } | undefined {
  const response = outcome.kind === 'ok' ? outcome.response : undefined;
  if (response?.kind !== 'leaseTimeToLive' || response.grantedTtlSeconds === 0) return undefined;
  return { leftMs: response.ttlSeconds * 1000, grantedMs: response.grantedTtlSeconds * 1000 };
}

/** Whether an answer says that the lease is there; undefined for what gives no answer about it. */
function isFound({ outcome }: Operation): boolean | undefined {
  if (outcome.kind === 'unknown') return undefined;
  if (outcome.kind === 'refused') return outcome.code === 'leaseNotFound' ? false : undefined;
  const { response } = outcome;
  if (response.kind === 'leaseKeepAlive') return response.ttlSeconds > 0;
  if (response.kind === 'leaseTimeToLive') return response.ttlSeconds >= 0 || response.grantedTtlSeconds > 0;
  return undefined;
}
