import { expect, test } from 'vitest';
import { AuthCourse } from '../../src/checkers/auth/auth-course.ts';
import { snapshotOf } from '../../src/checkers/auth/auth-model.ts';
import { checkPermissions, type PermissionEvidence } from '../../src/checkers/auth/check.ts';
import type {
  AppliedAuthEntry,
  AuthChange,
  AuthOperation,
  AuthOutcome,
  AuthRequest,
  CallContext,
} from '../../src/history/auth.ts';
import type { AppliedEntry, Operation, Outcome, Request, WatchAttempt } from '../../src/history/types.ts';
import { TruthLog } from '../../src/index.ts';

const everything = { key: 'k', rangeEnd: 'l' } as const;

/** Ann may read and write all of `k`; index i is applied at time i. The last of these has index 8. */
const beginning: readonly AuthChange[] = [
  { kind: 'userAdd', user: 'root', password: 'pw root' },
  { kind: 'userGrantRole', user: 'root', role: 'root' },
  { kind: 'roleAdd', role: 'r' },
  { kind: 'roleGrant', role: 'r', permission: { type: 'readwrite', ...everything } },
  { kind: 'userAdd', user: 'ann', password: 'pw ann' },
  { kind: 'userGrantRole', user: 'ann', role: 'r' },
  { kind: 'authEnable' },
];

/** What happened after the beginning, and who saw it. */
class Scene {
  readonly auth: AppliedAuthEntry[] = [];
  readonly entries: AppliedEntry[] = [];
  readonly operations: Operation[] = [];
  readonly authOperations: AuthOperation[] = [];
  readonly attempts: WatchAttempt[] = [];
  #index = 1;

  constructor() {
    for (const change of beginning) this.change(change);
  }

  get revision(): number {
    return new AuthCourse(this.auth).last.revision;
  }

  /** The administrator changes something; the index of the entry. */
  change(request: AuthChange): number {
    const isEnabled = new AuthCourse(this.auth).last.enabled;
    const from = isEnabled ? { user: 'root', revision: this.revision } : { user: '', revision: 0 };
    const index = ++this.#index;
    this.auth.push({ index, at: index, from, request });
    this.authOperations.push(this.#call(request, { kind: 'ok' }, [index - 1, index], 'root'));
    return index;
  }

  /** A put goes into the log, with that revision in its header; the index of the entry. */
  put(user: string, revision = this.revision): number {
    const index = ++this.#index;
    const request = { kind: 'put', key: 'k1', value: `v${index}` } as const;
    this.entries.push({ index, request, at: index, from: { user, revision } });
    return index;
  }

  /** Ann calls, with a token of the beginning unless it is said otherwise. */
  call(request: Request, outcome: Outcome, context: Partial<CallContext>): this {
    const id = this.operations.length;
    const whole = contextOf({ user: 'ann', proof: { revision: 7 }, ...context });
    this.operations.push({
      ...{ id, client: 1, request, outcome, context: whole },
      ...{ calledAt: whole.committedBefore, returnedAt: whole.committedAfter },
    });
    return this;
  }

  ask(request: AuthRequest, outcome: AuthOutcome, indexes: readonly [number, number], user = 'ann'): this {
    this.authOperations.push(this.#call(request, outcome, indexes, user));
    return this;
  }

  rules(more: Partial<PermissionEvidence> = {}): readonly string[] {
    const course = new AuthCourse(this.auth);
    const truth = TruthLog.ofEntries(this.entries, undefined, course);
    const { operations, authOperations, attempts } = this;
    const watches = [{ id: 0, client: 1, attempts }];
    const evidence = { operations, authOperations, watches, authState: snapshotOf(course.last), ...more };
    return checkPermissions(evidence, { truth, course }).violations.map(({ rule }) => rule);
  }

  #call(
    request: AuthRequest,
    outcome: AuthOutcome,
    [committedBefore, committedAfter]: readonly [number, number],
    user: string,
  ): AuthOperation {
    return {
      ...{ id: this.authOperations.length, client: 2, request, outcome },
      ...{ calledAt: committedBefore, returnedAt: committedAfter },
      context: contextOf({ user, proof: { revision: 1000 }, committedBefore, committedAfter }),
    };
  }
}

function contextOf(context: Partial<CallContext>): CallContext {
  const { committedBefore = 8, committedAfter = committedBefore } = context;
  return {
    ...{ user: '', mayBeForgotten: false, mayLackLeader: false },
    ...{ ...context, committedBefore, committedAfter },
  };
}

const read: Request = { kind: 'range', key: 'k1' };
const staleRead: Request = { ...read, serializable: true };
const answer: Outcome = {
  ...{ kind: 'ok', revision: 1 },
  response: { kind: 'range', kvs: [], count: 0, more: false },
};
const putAnswer: Outcome = { kind: 'ok', revision: 2, response: { kind: 'put' } };
const denied: Outcome = { kind: 'refused', code: 'other', message: 'AUTH_PERMISSION_DENIED' };
const invalid: Outcome = { kind: 'refused', code: 'other', message: 'AUTH_INVALID_TOKEN' };
const revoke: AuthChange = { kind: 'roleRevoke', role: 'r', permission: everything };
const newPassword: AuthChange = { kind: 'userChangePassword', user: 'ann', password: 'pw 2' };

test('who is allowed, and who is refused what he is not allowed, passes', () => {
  const scene = new Scene();
  const index = scene.put('ann');
  scene.call({ kind: 'put', key: 'k1', value: `v${index}` }, putAnswer, { committedAfter: index });
  scene.call(read, answer, {}).call({ ...read, key: 'm' }, denied, {});
  scene.call(read, { ...denied, message: 'AUTH_USER_EMPTY' }, { user: '' });
  expect(scene.rules()).toEqual([]);
});

test('a read that began after the revocation was applied somewhere must not succeed; one before may', () => {
  const scene = new Scene();
  const index = scene.change(revoke);
  scene.call(read, answer, { committedBefore: index - 1, committedAfter: index });
  expect(scene.rules()).toEqual([]);
  scene.call(read, answer, { committedBefore: index });
  expect(scene.rules()).toEqual(['auth-after-revocation']);
});

test('a serializable read may succeed at a member that does not know of the revocation, and at no other', () => {
  const scene = new Scene();
  const index = scene.change(revoke);
  scene.call(staleRead, answer, { committedBefore: index, knownBefore: index - 1 });
  expect(scene.rules()).toEqual([]);
  scene.call(staleRead, answer, { committedBefore: index, knownBefore: index });
  expect(scene.rules()).toEqual(['auth-after-revocation']);
});

test.each([newPassword, { kind: 'userDelete', user: 'ann' }, { kind: 'authDisable' }] as const)(
  'a token is of no use after %o',
  (change) => {
    const scene = new Scene();
    scene.change(change);
    if (change.kind === 'authDisable') scene.change({ kind: 'authEnable' });
    const committedBefore = scene.auth.at(-1)!.index;
    scene.call(read, invalid, { committedBefore });
    expect(scene.rules()).toEqual([]);
    scene.call(read, answer, { committedBefore });
    expect(scene.rules()).toEqual(['auth-after-revocation']);
  },
);

test('a lease is granted to nobody by a member that has not heard that authentication is on, and by no other', () => {
  const grant: Request = { kind: 'leaseGrant', id: 1n, ttlSeconds: 5 };
  const granted: Outcome = {
    ...{ kind: 'ok', revision: 1 },
    response: { kind: 'leaseGrant', id: 1n, ttlSeconds: 5 },
  };
  expect(new Scene().call(grant, granted, { user: '', knownBefore: 7 }).rules()).toEqual([]);
  expect(new Scene().call(grant, granted, { user: '', knownBefore: 8 }).rules()).toEqual([
    'auth-after-revocation',
  ]);
});

test('nobody is refused what he was allowed all the time', () => {
  expect(new Scene().call(read, denied, {}).rules()).toEqual(['auth-false-refusal']);
  expect(new Scene().call(read, invalid, {}).rules()).toEqual(['auth-false-refusal']);
  expect(new Scene().call(staleRead, denied, { knownBefore: 5 }).rules()).toEqual(['auth-false-refusal']);
});

test('a token that its member may have forgotten, and a member without a leader, are excuses', () => {
  expect(new Scene().call(read, invalid, { mayBeForgotten: true }).rules()).toEqual([]);
  const asNobody = (knownBefore: number): readonly string[] =>
    new Scene()
      .call(read, { ...denied, message: 'AUTH_USER_EMPTY' }, { mayBeForgotten: true, knownBefore })
      .rules();
  expect([asNobody(7), asNobody(8)]).toEqual([[], ['auth-false-refusal']]);
  const scene = new Scene();
  scene.change(revoke);
  const index = scene.change({
    kind: 'roleGrant',
    role: 'r',
    permission: { type: 'readwrite', ...everything },
  });
  const context = { committedBefore: index, knownBefore: index - 1, mayLackLeader: true };
  expect(scene.call(staleRead, denied, context).rules()).toEqual([]);
  expect(scene.call(read, denied, context).rules()).toEqual(['auth-false-refusal']);
});

test('a write under the name of somebody else, or with a token that was over, is found', () => {
  const scene = new Scene();
  const index = scene.put('root');
  const request: Request = { kind: 'put', key: 'k1', value: `v${index}` };
  scene.call(request, putAnswer, { committedAfter: index });
  expect(scene.rules()).toEqual(['auth-identity']);
  const late = new Scene();
  late.change(newPassword);
  const lateIndex = late.put('ann');
  late.call({ ...request, value: `v${lateIndex}` }, putAnswer, { committedAfter: lateIndex });
  expect(late.rules()).toEqual(['auth-identity']);
});

test('an entry of older permissions, or without one, changes nothing in the replay', () => {
  const scene = new Scene();
  const old = scene.revision;
  scene.put('ann', old);
  scene.change(newPassword);
  scene.put('ann', old);
  scene.put('ann');
  scene.change(revoke);
  scene.put('ann');
  const truth = TruthLog.ofEntries(scene.entries, undefined, new AuthCourse(scene.auth));
  expect(truth.steps!.map(({ refusal }) => refusal)).toEqual([undefined, 'other', undefined, 'other']);
  expect(truth.revision).toBe(3);
});

test('a change that was acknowledged and is not in the log is found, and one that nobody asked for', () => {
  const scene = new Scene();
  scene.ask(revoke, { kind: 'ok' }, [8, 9], 'root');
  expect(scene.rules()).toEqual(['auth-lost-change']);
  const other = new Scene();
  other.change(revoke);
  other.authOperations.pop();
  expect(other.rules()).toEqual(['auth-wrong-answer']);
});

test('a login is right while its password is', () => {
  const scene = new Scene();
  const index = scene.change(newPassword);
  const login: AuthRequest = { kind: 'login', user: 'ann', password: 'pw ann' };
  scene.ask(login, { kind: 'token', proof: { revision: 7 } }, [index - 1, index]);
  scene.ask(login, { kind: 'refused', code: 'AUTH_FAILED' }, [index, index]);
  expect(scene.rules()).toEqual([]);
  scene.ask(login, { kind: 'token', proof: { revision: 8 } }, [index, index]);
  expect(scene.rules()).toEqual(['auth-after-revocation']);
  // Overtaken by the change, and yet good after it.
  scene.authOperations.pop();
  scene.ask(login, { kind: 'token', proof: { revision: 8 } }, [index - 1, index]);
  expect(scene.rules()).toEqual(['auth-after-revocation']);
  scene.ask(login, { kind: 'refused', code: 'AUTH_FAILED' }, [8, 8]);
  expect(scene.rules().toSorted()).toEqual(['auth-after-revocation', 'auth-false-refusal']);
});

test('answers about users are right at some moment of the call', () => {
  const scene = new Scene();
  scene.ask({ kind: 'authStatus' }, { kind: 'status', enabled: true, revision: 7 }, [8, 8]);
  scene.ask({ kind: 'userGet', user: 'ann' }, { kind: 'roles', roles: ['r'] }, [8, 8], 'root');
  expect(scene.rules()).toEqual([]);
  scene.ask({ kind: 'authStatus' }, { kind: 'status', enabled: true, revision: 8 }, [8, 8]);
  scene.ask({ kind: 'userGet', user: 'ann' }, { kind: 'roles', roles: [] }, [8, 8], 'root');
  expect(scene.rules()).toEqual(['auth-wrong-answer', 'auth-wrong-answer']);
});

test('users that the members came to against the log are found', () => {
  const scene = new Scene();
  const authState = { ...snapshotOf(new AuthCourse(scene.auth).last), revision: 9 };
  expect(scene.rules({ authState })).toEqual(['auth-state']);
});

test('a watcher is told nothing by a member that has looked again, and not cancelled without a reason', () => {
  const scene = new Scene();
  const index = scene.change(revoke);
  const context = contextOf({ user: 'ann', proof: { revision: 7 }, knownBefore: 8, committedAfter: index });
  const kv = { ...{ key: 'k1', value: 'v', version: 1, lease: 0n }, createRevision: 2, modRevision: 2 };
  const told = (known: number): WatchAttempt => ({
    ...{ request: everything, calledAt: 8, context },
    messages: [
      { at: 8, revision: 1, created: true, events: [], context: { known: 0, committed: 8 } },
      { at: 9, revision: 2, events: [{ type: 'put', kv }], context: { known, committed: index } },
    ],
  });
  const cancelled = (committed: number): WatchAttempt => ({
    ...{ request: everything, calledAt: 8, context },
    messages: [
      { at: 8, revision: 1, created: true, events: [], context: { known: 0, committed: 8 } },
      {
        ...{ at: 9, revision: 1, canceled: true, cancelReason: 'AUTH_PERMISSION_DENIED', events: [] },
        context: { known: 0, committed },
      },
    ],
  });
  scene.attempts.push(told(index - 1), cancelled(index));
  expect(scene.rules()).toEqual([]);
  scene.attempts.push(told(index), cancelled(index - 1), { ...told(0), settledRevision: 1 });
  expect(scene.rules()).toEqual(['auth-after-revocation', 'auth-false-refusal', 'auth-after-revocation']);
});
