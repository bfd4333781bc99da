import { AuthError, AuthStore } from '@quorate/auth';
import { leaseKeys, logRequest, type LogRequest } from '@quorate/auth/testing';
import { ChangeList, SeededRandom, type Random } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyAuthEntry, noUsers, snapshotOf, type AuthState } from '../../src/checkers/auth/auth-model.ts';
import { AuthCourse, isProven } from '../../src/checkers/auth/auth-course.ts';
import type { AppliedAuthEntry, AuthChange, LogIdentity, Permission } from '../../src/history/auth.ts';
import type { LoggedRequest } from '../../src/history/types.ts';
import { accessOf } from './access-of.ts';

const users = ['root', 'ann', 'bob'] as const;
const roles = ['root', 'r', 's'] as const;

const types = [
  ['read', 'READ'],
  ['write', 'WRITE'],
  ['readwrite', 'READWRITE'],
] as const;

/** Ranges of each role: no two begin with the same key. */
const ranges = [
  { key: 'a' },
  { key: 'b', end: 'd' },
  { key: 'c', end: 'e' },
  { key: 'd', end: '\0' },
  { key: '\0', end: '\0' },
] as const;

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.below(items.length)]!;
}

/** The same change for the model and for the store. */
function drawChange(random: Random): { readonly change: AuthChange; readonly logged: LogRequest } {
  const user = pick(random, users);
  const role = pick(random, roles);
  const password = `pw ${random.below(3)}`;
  const { key, ...rest } = pick(random, ranges);
  const permission = { key, ...('end' in rest && { rangeEnd: rest.end }) };
  const [type, wireType] = pick(random, types);
  const all: readonly { readonly change: AuthChange; readonly logged: LogRequest }[] = [
    { change: { kind: 'authEnable' }, logged: logRequest.authEnable() },
    { change: { kind: 'authDisable' }, logged: logRequest.authDisable() },
    { change: { kind: 'userAdd', user, password }, logged: logRequest.userAdd(user, password) },
    { change: { kind: 'userDelete', user }, logged: logRequest.userDelete(user) },
    {
      change: { kind: 'userChangePassword', user, password },
      logged: logRequest.userChangePassword(user, password),
    },
    { change: { kind: 'userGrantRole', user, role }, logged: logRequest.userGrantRole(user, role) },
    { change: { kind: 'userRevokeRole', user, role }, logged: logRequest.userRevokeRole(user, role) },
    { change: { kind: 'roleAdd', role }, logged: logRequest.roleAdd(role) },
    { change: { kind: 'roleDelete', role }, logged: logRequest.roleDelete(role) },
    {
      change: { kind: 'roleGrant', role, permission: { type, ...permission } },
      logged: logRequest.roleGrantPermission(role, { type: wireType, key, ...rest }),
    },
    {
      change: { kind: 'roleRevoke', role, permission },
      logged: logRequest.roleRevokePermission(role, { key, ...rest }),
    },
  ];
  return pick(random, all);
}

function drawRequest(random: Random): LoggedRequest {
  const key = pick(random, ['a', 'b', 'c', 'd', 'e']);
  const rangeEnd = pick(random, ['', '', 'd', 'e', '\0']);
  const all: readonly LoggedRequest[] = [
    { kind: 'put', key, value: 'v', prevKv: random.below(2) === 0, lease: BigInt(random.below(3)) },
    { kind: 'deleteRange', key, rangeEnd, prevKv: random.below(2) === 0 },
    { kind: 'leaseRevoke', id: BigInt(random.below(3)) },
    {
      kind: 'txn',
      compare: [{ key, result: 'equal', target: 'version', operand: 0 }],
      success: [{ kind: 'put', key: 'b', value: 'v' }],
      failure: [{ kind: 'range', key, rangeEnd }],
    },
    { kind: 'compact', revision: 1 },
  ];
  return pick(random, all);
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof AuthError) return error.code;
    throw error;
  }
}

function stateOf(store: AuthStore): unknown {
  return {
    ...{ enabled: store.isEnabled, revision: store.revision },
    users: store
      .users()
      .map((name) => ({ name, password: store.passwordOf(name)?.hash, roles: store.userRoles(name) })),
    roles: store.roles(),
  };
}

test('the model of users comes to what the store comes to, and decides as it does', async () => {
  const leases = new Map([
    [1n, ['a', 'c']],
    [2n, []],
  ]);
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new SeededRandom(seed);
      const store = await AuthStore.load(new MemoryBackend());
      const entries: AppliedAuthEntry[] = [];
      let state: AuthState = noUsers;
      for (let index = 1; index <= 80; index++) {
        const { change, logged } = drawChange(random);
        const from: LogIdentity = { user: pick(random, ['', ...users]), revision: random.below(20) };
        const entry: AppliedAuthEntry = { index, at: index, from, request: change };
        const applied = applyAuthEntry(state, entry);
        const refused = codeOf(() => {
          store.check({ name: from.user, revision: from.revision }, { level: 'admin' }, leaseKeys());
          store.apply(...logged, new ChangeList());
        });
        expect(refused).toBe(applied.refusal);
        state = applied.state;
        entries.push(entry);
        const { roles: modelRoles, ...model } = snapshotOf(state);
        expect(stateOf(store)).toEqual({ ...model, roles: modelRoles.map(({ name }) => name) });
        for (const user of users) {
          const provenAt = random.below(store.revision + 1);
          // The store was loaded at revision 1, before which it knows of no proof.
          const proof = { kind: 'user', name: user, provenAt } as const;
          if (provenAt >= 1) expect(store.isProven(proof)).toBe(isProven(state, user, provenAt));
        }
        const request = drawRequest(random);
        const identity = { user: pick(random, users), revision: state.revision - random.below(2) };
        const decided = codeOf(() =>
          store.check(
            { name: identity.user, revision: identity.revision },
            accessOf(request),
            leaseKeys(leases),
          ),
        );
        const byModel = new AuthCourse(entries).refusalOfEntry(
          { index, request, from: identity },
          (lease) => leases.get(lease) ?? [],
        );
        expect(byModel).toBe(decided);
      }
    }),
    { numRuns: 200 },
  );
});

test('a permission holds every key below its end, and not the end', () => {
  const permission: Permission = { type: 'read', key: 'b', rangeEnd: 'd' };
  const user = { password: '', roles: ['r'], since: 1 };
  const state: AuthState = {
    ...noUsers,
    ...{ enabled: true, users: new Map([['ann', user]]), roles: new Map([['r', [permission]]]) },
  };
  const course = new AuthCourse([]);
  const context = {
    ...{ user: 'ann', proof: { revision: 1 }, mayBeForgotten: false, mayLackLeader: false },
    ...{ committedBefore: 0, committedAfter: 0 },
  };
  const refusalOf = (key: string, rangeEnd = ''): string | undefined => {
    const interval = { start: key, endExclusive: rangeEnd === '' ? `${key}\0` : rangeEnd };
    return course.refusalAt(state, context, { level: 'keys', needs: [{ kind: 'read', interval }] }, () => []);
  };
  expect(['a', 'b', 'c', 'c\xff', 'd'].map((key) => refusalOf(key) === undefined)).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
  expect(refusalOf('b', 'd')).toBeUndefined();
  expect(refusalOf('b', 'd\0')).toBe('AUTH_PERMISSION_DENIED');
});
