import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  leaseKeys,
  logRequest,
  permission,
  type LogRequest,
  type PermissionWords,
} from '../src/testing/index.ts';
import { accessOfDeleteRange, accessOfRange } from '../src/index.ts';
import { codeOf } from './code-of.ts';
import { deleteRange, Member, range } from './harness.ts';

const user = fc.constantFrom('', 'root', 'alice', 'bob', '__proto__');
const role = fc.constantFrom('', 'root', 'reader', 'constructor', 'a\0');
const hash = fc.constantFrom(undefined, '', 'one', 'two');
const key = fc.constantFrom('', 'a', 'b', 'c');
const end = fc.constantFrom('', '\0', 'b', 'c', 'a\0');
const words = fc.record({
  type: fc.constantFrom('READ' as const, 'WRITE' as const, 'READWRITE' as const),
  key,
  end,
});

/** A request, and what it does to the model: which says a code, or nothing when it was done. */
interface Step {
  readonly name: string;
  readonly request: LogRequest;
  readonly apply: (model: Model) => string | undefined;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.constant(enable()), weight: 3 },
  { arbitrary: fc.constant(disable()), weight: 1 },
  { arbitrary: fc.tuple(user, hash).map(([name, hash]) => userAdd(name, hash)), weight: 4 },
  { arbitrary: user.map(userDelete), weight: 1 },
  {
    arbitrary: fc
      .tuple(user, fc.constantFrom('one', 'three'))
      .map(([name, hash]) => changePassword(name, hash)),
    weight: 2,
  },
  { arbitrary: fc.tuple(user, role).map(([name, role]) => grantRole(name, role)), weight: 6 },
  { arbitrary: fc.tuple(user, role).map(([name, role]) => revokeRole(name, role)), weight: 2 },
  { arbitrary: role.map(roleAdd), weight: 4 },
  { arbitrary: role.map(roleDelete), weight: 1 },
  { arbitrary: fc.tuple(role, words).map(([role, words]) => grantPermission(role, words)), weight: 6 },
  {
    arbitrary: fc.tuple(role, key, end).map(([role, key, end]) => revokePermission(role, key, end)),
    weight: 3,
  },
);

test('any requests in a row come to what the rules say, refusals and restarts included', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof({ arbitrary: step, weight: 12 }, { arbitrary: fc.constant('restart' as const), weight: 1 }),
        {
          maxLength: 60,
        },
      ),
      async (steps) => {
        const member = await Member.start();
        const model = new Model();
        for (const step of steps) {
          if (step === 'restart') {
            await member.restart();
            model.restart();
          } else {
            expect(await member.codeOf(step.request), step.name).toBe(step.apply(model));
          }
          member.store.checkInvariants();
          expect(stateOf(member)).toEqual(model.state());
          expectSameDecisions(member, model);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('what is stored after any requests is what is there after a restart', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const member = await Member.start();
      for (const { request } of steps) await member.codeOf(request);
      const { users, ...before } = stateOf(member);
      await member.restart();
      const { users: usersAfter, ...after } = stateOf(member);
      expect(after).toEqual(before);
      const stored = (list: typeof users) => list.map(({ name, hash, roles }) => ({ name, hash, roles }));
      expect(stored(usersAfter)).toEqual(stored(users));
    }),
    { numRuns: 100 },
  );
});

interface ModelUser {
  hash: string | undefined;
  roles: string[];
  since: number;
}

/** The rules, kept as lists. */
class Model {
  enabled = false;
  revision = 1;
  disabledAt = 0;
  users = new Map<string, ModelUser>();
  roles = new Map<string, Required<PermissionWords>[]>();

  restart(): void {
    this.disabledAt = 0;
    for (const user of this.users.values()) user.since = this.revision;
  }

  state(): ReturnType<typeof stateOf> {
    return {
      isEnabled: this.enabled,
      revision: this.revision,
      users: [...this.users.keys()].sort().map((name) => {
        const { hash, roles, since } = this.users.get(name)!;
        return {
          name,
          hash: hash === '' ? undefined : hash,
          roles: [...roles].sort(),
          since: Math.max(since, this.disabledAt),
        };
      }),
      roles: [...this.roles.keys()].sort().map((name) => ({
        name,
        permissions: name === 'root' ? [permission(everything)] : this.roles.get(name)!.map(permission),
      })),
    };
  }

  may(name: string, type: 'READ' | 'WRITE', key: string): boolean {
    const roles = this.users.get(name)?.roles ?? [];
    if (roles.includes('root')) return true;
    return roles
      .flatMap((role) => this.roles.get(role) ?? [])
      .some((words) => (words.type === type || words.type === 'READWRITE') && holds(words, key));
  }
}

const everything = { type: 'READWRITE', key: '', end: '\0' } as const;

function holds({ key: start, end }: Required<PermissionWords>, key: string): boolean {
  if (end === '') return key === start;
  return start <= key && (end === '\0' || key < end);
}

function stateOf({ store }: Member) {
  return {
    isEnabled: store.isEnabled,
    revision: store.revision,
    users: store.users().map((name) => ({
      name,
      hash: store.passwordOf(name)!.hash,
      roles: [...store.userRoles(name)],
      since: store.credentialsSince(name),
    })),
    roles: store.roles().map((name) => ({ name, permissions: [...store.rolePermissions(name)] })),
  };
}

function expectSameDecisions(member: Member, model: Model): void {
  const identity = (name: string) => ({ name, revision: model.revision });
  for (const name of ['root', 'alice', 'bob', '__proto__']) {
    for (const key of ['a', 'b', 'c', 'd']) {
      const read = codeOf(() => member.store.check(identity(name), accessOfRange(range(key)), leaseKeys()));
      const write = codeOf(() =>
        member.store.check(identity(name), accessOfDeleteRange(deleteRange(key)), leaseKeys()),
      );
      expect(read === undefined).toBe(!model.enabled || model.may(name, 'READ', key));
      expect(write === undefined).toBe(!model.enabled || model.may(name, 'WRITE', key));
    }
    const admin = codeOf(() => member.store.check(identity(name), { level: 'admin' }, leaseKeys()));
    const isAdmin = model.users.get(name)?.roles.includes('root') ?? false;
    expect(admin === undefined).toBe(!model.enabled || isAdmin);
  }
}

function enable(): Step {
  return {
    name: 'enable',
    request: logRequest.authEnable(),
    apply(model) {
      if (model.enabled) return undefined;
      const root = model.users.get('root');
      if (root === undefined) return 'AUTH_ROOT_USER_NOT_EXIST';
      if (!root.roles.includes('root')) return 'AUTH_ROOT_ROLE_NOT_EXIST';
      model.enabled = true;
      return undefined;
    },
  };
}

function disable(): Step {
  return {
    name: 'disable',
    request: logRequest.authDisable(),
    apply(model) {
      if (model.enabled) model.disabledAt = ++model.revision;
      model.enabled = false;
      return undefined;
    },
  };
}

function userAdd(name: string, hash: string | undefined): Step {
  return {
    name: `add user ${name}`,
    request: logRequest.userAdd(name, hash),
    apply(model) {
      if (name === '') return 'AUTH_USER_EMPTY';
      if (model.users.has(name)) return 'AUTH_USER_EXISTS';
      model.users.set(name, { hash, roles: [], since: ++model.revision });
      return undefined;
    },
  };
}

function userDelete(name: string): Step {
  return {
    name: `delete user ${name}`,
    request: logRequest.userDelete(name),
    apply(model) {
      if (model.enabled && name === 'root') return 'AUTH_INVALID_MANAGEMENT';
      if (!model.users.delete(name)) return 'AUTH_USER_NOT_FOUND';
      model.revision++;
      return undefined;
    },
  };
}

function changePassword(name: string, hash: string): Step {
  return {
    name: `change password of ${name}`,
    request: logRequest.userChangePassword(name, hash),
    apply(model) {
      const user = model.users.get(name);
      if (user === undefined) return 'AUTH_USER_NOT_FOUND';
      if (user.hash !== undefined) user.hash = hash;
      user.since = ++model.revision;
      return undefined;
    },
  };
}

function grantRole(name: string, role: string): Step {
  return {
    name: `grant ${role} to ${name}`,
    request: logRequest.userGrantRole(name, role),
    apply(model) {
      const user = model.users.get(name);
      if (user === undefined) return 'AUTH_USER_NOT_FOUND';
      if (role !== 'root' && !model.roles.has(role)) return 'AUTH_ROLE_NOT_FOUND';
      if (user.roles.includes(role)) return undefined;
      user.roles.push(role);
      model.revision++;
      return undefined;
    },
  };
}

function revokeRole(name: string, role: string): Step {
  return {
    name: `revoke ${role} from ${name}`,
    request: logRequest.userRevokeRole(name, role),
    apply(model) {
      if (model.enabled && name === 'root' && role === 'root') return 'AUTH_INVALID_MANAGEMENT';
      const user = model.users.get(name);
      if (user === undefined) return 'AUTH_USER_NOT_FOUND';
      if (!user.roles.includes(role)) return 'AUTH_ROLE_NOT_GRANTED';
      user.roles = user.roles.filter((other) => other !== role);
      model.revision++;
      return undefined;
    },
  };
}

function roleAdd(name: string): Step {
  return {
    name: `add role ${name}`,
    request: logRequest.roleAdd(name),
    apply(model) {
      if (name === '') return 'AUTH_ROLE_EMPTY';
      if (model.roles.has(name)) return 'AUTH_ROLE_EXISTS';
      model.roles.set(name, []);
      model.revision++;
      return undefined;
    },
  };
}

function roleDelete(name: string): Step {
  return {
    name: `delete role ${name}`,
    request: logRequest.roleDelete(name),
    apply(model) {
      if (model.enabled && name === 'root') return 'AUTH_INVALID_MANAGEMENT';
      if (!model.roles.delete(name)) return 'AUTH_ROLE_NOT_FOUND';
      for (const user of model.users.values()) user.roles = user.roles.filter((role) => role !== name);
      model.revision++;
      return undefined;
    },
  };
}

function grantPermission(role: string, words: Required<PermissionWords>): Step {
  return {
    name: `permit ${JSON.stringify(words)} to ${role}`,
    request: logRequest.roleGrantPermission(role, words),
    apply(model) {
      const { key, end } = words;
      if (key === '' || (end !== '' && end !== '\0' && end <= key)) return 'AUTH_INVALID_MANAGEMENT';
      const permissions = model.roles.get(role);
      if (permissions === undefined) return 'AUTH_ROLE_NOT_FOUND';
      // etcd looks at the first of those with this key only, and adds to the others what may be there already.
      const at = permissions.findIndex((old) => old.key >= key);
      if (permissions[at]?.key === key && permissions[at].end === end) permissions[at] = words;
      else permissions.splice(permissions.filter((old) => old.key <= key).length, 0, words);
      // In a longer list the order of those with the same key is that of Go's sort: a matter of its own.
      fc.pre(permissions.length <= 12);
      model.revision++;
      return undefined;
    },
  };
}

function revokePermission(role: string, key: string, end: string): Step {
  return {
    name: `take ${key} ${end} from ${role}`,
    request: logRequest.roleRevokePermission(role, { key, end }),
    apply(model) {
      const permissions = model.roles.get(role);
      if (permissions === undefined) return 'AUTH_ROLE_NOT_FOUND';
      const left = permissions.filter((old) => old.key !== key || old.end !== end);
      if (left.length === permissions.length) return 'AUTH_PERMISSION_NOT_GRANTED';
      model.roles.set(role, left);
      model.revision++;
      return undefined;
    },
  };
}
