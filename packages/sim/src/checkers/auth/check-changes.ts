import type { AuthChange, AuthOperation, AuthRefusal } from '../../history/auth.ts';
import type { Report, Rule } from '../violation.ts';
import type { AuthCourse, AuthStep } from './auth-course.ts';
import type { AuthState } from './auth-model.ts';
import type { Demand } from './needs.ts';
import { isAboutCaller, mayBeRefused, mayPass, type Decided } from './verdicts.ts';

const admin: Demand = { level: 'admin' };

/** Checks logins, and questions about users and changes of them. */
export function checkAuthOperations(
  operations: readonly AuthOperation[],
  course: AuthCourse,
  report: Report,
): void {
  new ChangeCheck(operations, course, report).run();
}

class ChangeCheck {
  readonly #operations: readonly AuthOperation[];
  readonly #course: AuthCourse;
  readonly #report: Report;
  readonly #steps: ReadonlyMap<string, readonly AuthStep[]>;
  readonly #owned = new Set<AuthStep>();

  constructor(operations: readonly AuthOperation[], course: AuthCourse, report: Report) {
    this.#operations = operations.toSorted((a, b) => a.returnedAt - b.returnedAt);
    this.#course = course;
    this.#report = report;
    this.#steps = Map.groupBy(course.steps, ({ entry }) => keyOf(entry.request));
  }

  run(): void {
    for (const operation of this.#operations) this.#check(operation);
    this.#checkAsked();
  }

  #check(operation: AuthOperation): void {
    const { request, outcome } = operation;
    if (outcome.kind === 'unknown') return;
    if (outcome.kind === 'refused') return this.#checkRefused(operation, outcome.code);
    switch (request.kind) {
      case 'login':
        return this.#checkLogin(operation, request);
      case 'authStatus':
      case 'userGet':
        return this.#checkAnswer(operation);
      default:
        return this.#checkChange(operation);
    }
  }

  /** Acknowledged, so it is in the log, and he was allowed to ask for it when it got there. */
  #checkChange(operation: AuthOperation): void {
    const { context } = operation;
    const step = this.#stepsOf(operation).find((candidate) => {
      const before = this.#course.stateAt(candidate.entry.index - 1);
      const isHis = !before.enabled || candidate.entry.from.user === context.user;
      return candidate.refusal === undefined && isHis && !this.#owned.has(candidate);
    });
    if (step === undefined) return this.#add('auth-lost-change', operation, 'is not in the log');
    this.#owned.add(step);
    if (!mayPass(this.#course, decidedOf(operation, admin)))
      this.#add('auth-after-revocation', operation, 'was not for him to ask for');
  }

  /** The password was right when the token begins to hold: that is what ends with the next one. */
  #checkLogin(operation: AuthOperation, login: { readonly user: string; readonly password: string }): void {
    const { outcome } = operation;
    if (outcome.kind !== 'token') return;
    const { proof } = outcome;
    const provenAt = 'index' in proof ? this.#course.stateAt(proof.index).revision : proof.revision;
    const isRight = ({ enabled, users, revision }: AuthState): boolean =>
      enabled && revision === provenAt && users.get(login.user)?.password === login.password;
    if (!this.#hasState(operation, isRight))
      return this.#add('auth-after-revocation', operation, 'was with a password that did not hold any more');
    if (!('index' in proof)) return;
    const isThere = this.#stepsOf(operation).some(({ entry }) => entry.index === proof.index);
    if (!isThere) this.#add('auth-lost-change', operation, `is not in the log at ${proof.index}`);
  }

  #checkAnswer(operation: AuthOperation): void {
    const { request, outcome, context } = operation;
    const demand: Demand = request.kind === 'userGet' ? { level: 'self', user: request.user } : admin;
    const isRight = (state: AuthState): boolean => {
      if (outcome.kind === 'status')
        return outcome.enabled === state.enabled && outcome.revision === state.revision;
      if (outcome.kind !== 'roles' || request.kind !== 'userGet') return false;
      const roles = state.users.get(request.user)?.roles;
      if (roles?.toSorted().join() !== outcome.roles.join()) return false;
      return this.#course.refusalAt(state, context, demand, () => []) === undefined;
    };
    if (!this.#hasState(operation, isRight))
      this.#add('auth-wrong-answer', operation, 'was right at no time');
  }

  #checkRefused(operation: AuthOperation, code: AuthRefusal): void {
    const { request } = operation;
    const isOfCaller = isAboutCaller(code) && request.kind !== 'login' && request.kind !== 'authStatus';
    const demand: Demand = request.kind === 'userGet' ? { level: 'self', user: request.user } : admin;
    const call = decidedOf(operation, demand);
    if (isOfCaller && mayBeRefused(this.#course, call, { code, keysEverOf: () => [] })) return;
    if (this.#isOfState(operation, code)) return;
    this.#add('auth-false-refusal', operation, 'was refused, and no state does so');
  }

  /** Whether what was asked for was refused so by a state that there was. */
  #isOfState(operation: AuthOperation, code: AuthRefusal): boolean {
    const { request } = operation;
    switch (request.kind) {
      case 'login':
        if (code === 'AUTH_NOT_ENABLED') return this.#hasState(operation, ({ enabled }) => !enabled);
        return this.#hasState(
          operation,
          ({ users }) => users.get(request.user)?.password !== request.password,
        );
      case 'authStatus':
        return false;
      case 'userGet':
        return this.#hasState(operation, ({ users }) => !users.has(request.user));
      default:
        return this.#stepsOf(operation).some(({ refusal }) => refusal === code);
    }
  }

  /** Every change was asked for by somebody before. */
  #checkAsked(): void {
    const asked = new Map<string, number>();
    for (const { request, calledAt } of this.#operations) {
      const key = keyOf(request);
      asked.set(key, Math.min(calledAt, asked.get(key) ?? Infinity));
    }
    for (const { entry } of this.#course.steps) {
      if ((asked.get(keyOf(entry.request)) ?? Infinity) <= entry.at) continue;
      this.#report.add({
        rule: 'auth-wrong-answer',
        message: `nobody asked for entry ${entry.index}: ${textOf(entry.request)}`,
        operations: [],
      });
    }
  }

  /** The entries that may be of an operation. */
  #stepsOf({ request, context }: AuthOperation): readonly AuthStep[] {
    return (this.#steps.get(keyOf(request)) ?? []).filter(
      ({ entry }) => entry.index > context.committedBefore && entry.index <= context.committedAfter,
    );
  }

  #hasState({ context }: AuthOperation, test: (state: AuthState) => boolean): boolean {
    for (const state of this.#course.statesIn(context.committedBefore, context.committedAfter)) {
      if (test(state)) return true;
    }
    return false;
  }

  #add(
    rule: Rule,
    { id, client, request, outcome, context, calledAt, returnedAt }: AuthOperation,
    what: string,
  ): void {
    const message = `#${id} ${textOf(request)} by client ${client} as ${context.user} [called ${calledAt}, returned ${returnedAt}] -> ${textOf(outcome)} ${what}`;
    this.#report.add({ rule, message, operations: [id] });
  }
}

function decidedOf({ context, calledAt, returnedAt }: AuthOperation, demand: Demand): Decided {
  return { context, demand, decision: 'now', tookMs: returnedAt - calledAt };
}

/** The same for requests that ask for the same; a login's password is not in the log. */
function keyOf(request: AuthChange | { readonly kind: string }): string {
  if ('permission' in request) {
    const { rangeEnd = '', ...permission } = request.permission;
    return JSON.stringify([
      request.kind,
      request.role,
      permission.key,
      rangeEnd,
      'type' in permission && permission.type,
    ]);
  }
  const { kind, user, role, password } = request as Readonly<Record<string, string | undefined>>; // For all others.
  return JSON.stringify([kind, user, role, kind === 'login' ? undefined : password]);
}

function textOf(value: unknown): string {
  return JSON.stringify(value);
}
