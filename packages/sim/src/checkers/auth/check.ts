import type { AuthOperation, AuthSnapshot } from '../../history/auth.ts';
import type { Operation, Outcome, WatchHistory } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import { requestKey } from '../linearizability/request-key.ts';
import { keyInterval } from '../model/key-interval.ts';
import type { TruthLog, TruthStep } from '../truth-log.ts';
import { Report, type ReportOptions, type Verdict } from '../violation.ts';
import { isProven, type AuthCourse, type KeysOfLease } from './auth-course.ts';
import { inOrder, snapshotOf } from './auth-model.ts';
import { checkAuthOperations } from './check-changes.ts';
import { checkWatchers } from './check-watchers.ts';
import { decisionOf, demandOf, type Demand } from './needs.ts';
import { isAboutCaller, mayBeRefused, mayPass, type Decided } from './verdicts.ts';

/** What happened in a cluster with users. */
export interface PermissionEvidence {
  readonly operations: readonly Operation[];
  readonly authOperations: readonly AuthOperation[];
  readonly watches: readonly WatchHistory[];
  /** Users and roles that the members came to in the end. */
  readonly authState?: AuthSnapshot;
}

/**
 * Checks who was let in, and who was not. Nobody does, after a revocation was acknowledged, what was revoked: at once
 * where an operation is linearizable, and else at no member that has applied the revocation, or must have. Nobody is
 * refused what he was allowed from before his call until after its return. Entries of the log are from who asked for
 * them; changes that were acknowledged are in the log, answers about users are right, and the members come to what the
 * log says.
 */
export function checkPermissions(
  evidence: PermissionEvidence,
  { truth, course }: { readonly truth: TruthLog; readonly course: AuthCourse },
  options: ReportOptions = {},
): Verdict {
  const report = new Report(options);
  const { operations, authOperations, watches, authState } = evidence;
  new OperationCheck(truth, course, report).run(operations);
  checkAuthOperations(authOperations, course, report);
  checkWatchers(watches, course, report);
  if (authState !== undefined) checkState(authState, course, report);
  report.checkedCount = operations.length + authOperations.length + watches.length;
  return report.verdict();
}

class OperationCheck {
  readonly #course: AuthCourse;
  readonly #report: Report;
  readonly #steps: ReadonlyMap<string, readonly TruthStep[]>;
  readonly #keysEverOf: KeysOfLease;

  constructor(truth: TruthLog, course: AuthCourse, report: Report) {
    this.#course = course;
    this.#report = report;
    this.#steps = Map.groupBy(truth.steps ?? [], ({ entry }) => requestKey(entry.request));
    this.#keysEverOf = keysEverOf(truth);
  }

  run(operations: readonly Operation[]): void {
    for (const operation of operations) {
      const { context, outcome, request, calledAt, returnedAt } = operation;
      if (context === undefined || outcome.kind === 'unknown') continue;
      const call: Decided = {
        context,
        demand: outcome.kind === 'ok' ? demandOfAnswer(operation, outcome) : demandOf(request),
        decision: decisionOf(request),
        tookMs: returnedAt - calledAt,
      };
      if (outcome.kind === 'ok') this.#checkPassed(operation, call);
      else if (isAboutCaller(outcome.message)) this.#checkRefused(operation, call, outcome.message);
    }
  }

  #checkPassed(operation: Operation, call: Decided): void {
    if (call.decision === 'log') {
      this.#checkLogged(operation, call);
      return;
    }
    if (mayPass(this.#course, call)) return;
    this.#report.add({
      rule: 'auth-after-revocation',
      message: `nothing that was in force during the call allows ${textOfCaller(call)} this: ${textOfOperation(operation)}`,
      operations: [operation.id],
    });
  }

  /** Whether it was allowed is decided for every entry; here is asked whether it was he who was allowed. */
  #checkLogged({ id, request, ...operation }: Operation, { context, ...call }: Decided): void {
    const { committedBefore, committedAfter, user } = context;
    const entries = (this.#steps.get(requestKey(request)) ?? []).filter(
      ({ entry, refusal }) =>
        refusal !== 'other' && entry.index > committedBefore && entry.index <= committedAfter,
    );
    // That there is none is for others to say; and whose lease has no keys may be ended by anybody.
    if (entries.length === 0 || request.kind === 'leaseRevoke') return;
    const isHis = ({ entry }: TruthStep): boolean => {
      const state = this.#course.stateAt(entry.index);
      if (!state.enabled) return true;
      return entry.from?.user === user && isProven(state, user, this.#course.provenAt(context));
    };
    if (entries.some(isHis)) return;
    this.#report.add({
      rule: 'auth-identity',
      message: `entry ${entries[0]!.entry.index} is of ${entries[0]!.entry.from?.user}, and not of ${textOfCaller({ ...call, context })}, or his token was no good any more: ${textOfOperation({ id, request, ...operation })}`,
      operations: [id],
    });
  }

  #checkRefused(operation: Operation, call: Decided, code: string): void {
    if (mayBeRefused(this.#course, call, { code, keysEverOf: this.#keysEverOf })) return;
    this.#report.add({
      rule: 'auth-false-refusal',
      message: `${textOfCaller(call)} was allowed this all the time: ${textOfOperation(operation)}`,
      operations: [operation.id],
    });
  }
}

function checkState(found: AuthSnapshot, course: AuthCourse, report: Report): void {
  const roles = found.roles.map(({ name, permissions }) => ({ name, permissions: inOrder(permissions) }));
  const [has, should] = [{ ...found, roles }, snapshotOf(course.last)].map((state) => JSON.stringify(state));
  if (has === should) return;
  report.add({
    rule: 'auth-state',
    message: `the members came to ${has}, by the log it is ${should}`,
    operations: [],
  });
}

/** Somebody, as reports name him. */
export function textOfCaller({ context }: Pick<Decided, 'context'>): string {
  const { user, proof } = context;
  return user === '' ? 'nobody' : `${user} (token of ${JSON.stringify(proof)})`;
}

/** What an answer shows that has to be allowed. */
function demandOfAnswer({ request }: Operation, { response }: Extract<Outcome, { kind: 'ok' }>): Demand {
  if (response.kind !== 'leaseTimeToLive' || response.keys === undefined) return demandOf(request);
  return {
    level: 'keys',
    needs: response.keys.map((key) => ({ kind: 'read', interval: keyInterval(key, '') })),
  };
}

/** All keys that ever hung on a lease. */
function keysEverOf(truth: TruthLog): KeysOfLease {
  const keys = new Map<bigint, Set<string>>();
  for (let revision = truth.initial.revision + 1; revision <= truth.revision; revision++) {
    for (const { kv } of truth.changesOf(revision)) {
      if (kv.lease === 0n) continue;
      const known = keys.get(kv.lease);
      if (known === undefined) keys.set(kv.lease, new Set([kv.key]));
      else known.add(kv.key);
    }
  }
  return (lease) => [...(keys.get(lease) ?? [])];
}
