import { fromLatin1 } from '@quorate/std';
import { authpb, rpcpb } from '@quorate/wire';
import type { Ask, PlainAsk } from './ask.ts';
import type { Answer, Shown } from './call.ts';
import type { Facts, Grant } from './oracle.ts';
import { passwordOf, rootUser, type House } from './people.ts';

/** Asks a server, as somebody who shows this; a refusal is an answer, too. */
export type Send = (ask: Ask, shown?: Shown) => Promise<Answer>;

/** A change of users, roles or permissions, and what it makes of what there was. */
export const change = {
  authEnable: (): PlainAsk => plain('AuthEnable', rpcpb.AuthEnableRequest.encode({}).finish()),
  authDisable: (): PlainAsk => plain('AuthDisable', rpcpb.AuthDisableRequest.encode({}).finish()),
  userAdd: (name: string, password?: string): PlainAsk => {
    const options = password === undefined ? { noPassword: true } : undefined;
    const request = { name, password: password ?? '', hashedPassword: '', options };
    return plain('UserAdd', rpcpb.AuthUserAddRequest.encode(request).finish(), name);
  },
  userDelete: (name: string): PlainAsk =>
    plain('UserDelete', rpcpb.AuthUserDeleteRequest.encode({ name }).finish(), name),
  userChangePassword: (name: string, password: string): PlainAsk => {
    const request = { name, password, hashedPassword: '' };
    return plain('UserChangePassword', rpcpb.AuthUserChangePasswordRequest.encode(request).finish(), name);
  },
  userGrantRole: (user: string, role: string): PlainAsk =>
    plain('UserGrantRole', rpcpb.AuthUserGrantRoleRequest.encode({ user, role }).finish(), `${user} ${role}`),
  userRevokeRole: (name: string, role: string): PlainAsk =>
    plain(
      'UserRevokeRole',
      rpcpb.AuthUserRevokeRoleRequest.encode({ name, role }).finish(),
      `${name} ${role}`,
    ),
  roleAdd: (name: string): PlainAsk =>
    plain('RoleAdd', rpcpb.AuthRoleAddRequest.encode({ name }).finish(), name),
  roleDelete: (role: string): PlainAsk =>
    plain('RoleDelete', rpcpb.AuthRoleDeleteRequest.encode({ role }).finish(), role),
  roleGrantPermission: (name: string, grant: Grant): PlainAsk => {
    const perm = {
      permType: authpb.Permission_Type[grant.mode],
      key: fromLatin1(grant.key),
      rangeEnd: fromLatin1(grant.end),
    };
    const request = rpcpb.AuthRoleGrantPermissionRequest.encode({ name, perm });
    return plain('RoleGrantPermission', request.finish(), name);
  },
  roleRevokePermission: (role: string, { key, end }: Pick<Grant, 'key' | 'end'>): PlainAsk => {
    const request = { role, key: fromLatin1(key), rangeEnd: fromLatin1(end) };
    return plain(
      'RoleRevokePermission',
      rpcpb.AuthRoleRevokePermissionRequest.encode(request).finish(),
      role,
    );
  },
};

function plain(rpc: string, bytes: Uint8Array, what = ''): PlainAsk {
  return { kind: 'plain', path: `/etcdserverpb.Auth/${rpc}`, bytes, what, effect: 'changes' };
}

/** Fills a server that is new, and turns authentication on, if asked for. @throws Error when it refuses anything */
export async function furnish(
  send: Send,
  house: House,
  { isEnabled }: { readonly isEnabled: boolean },
): Promise<void> {
  const done = (ask: Ask): Promise<Answer> => demand(send, ask);
  for (const [role, grants] of Object.entries(house.roles)) {
    await done(change.roleAdd(role));
    for (const grant of grants) await done(change.roleGrantPermission(role, grant));
  }
  for (const [user, roles] of Object.entries(house.users)) {
    await done(change.userAdd(user, house.keyless.includes(user) ? undefined : passwordOf(user)));
    for (const role of roles) await done(change.userGrantRole(user, role));
  }
  for (const id of house.leases) await done({ kind: 'leaseGrant', id });
  for (const [key, { value, lease }] of house.keys) await done({ kind: 'put', key, value, lease });
  await done(compactAsk(2n));
  if (isEnabled) await done(change.authEnable());
}

/** To forget revisions. */
export function compactAsk(revision: bigint, effect: PlainAsk['effect'] = 'changes'): PlainAsk {
  const bytes = rpcpb.CompactionRequest.encode({ revision, physical: false }).finish();
  return { kind: 'plain', path: '/etcdserverpb.KV/Compact', bytes, what: `at ${revision}`, effect };
}

/** Does what must succeed. @throws Error when it is refused */
export async function demand(send: Send, ask: Ask, shown: Shown = {}): Promise<Answer> {
  const answer = await send(ask, shown);
  if (answer.code !== 0) throw new Error(`${ask.kind} of the set-up was refused: ${answer.text}`);
  return answer;
}

/** A token of a user. @throws Error when the login is refused */
export async function logIn(send: Send, name: string, password: string = passwordOf(name)): Promise<string> {
  const { messages } = await demand(send, { kind: 'authenticate', name, password });
  return rpcpb.AuthenticateResponse.decode(messages[0]!).token;
}

/** What a house means for decisions. */
export function factsOf(house: House, { isEnabled }: { readonly isEnabled: boolean }): Facts {
  const leases = new Map<bigint, string[]>(house.leases.map((id) => [id, []]));
  for (const [key, { lease }] of house.keys) leases.get(lease)?.push(key);
  const users = Object.entries(house.users).map(([name, roles]) => {
    const password = house.keyless.includes(name) ? {} : { password: passwordOf(name) };
    return [name, { roles, ...password }] as const;
  });
  return { isEnabled, leases, users: new Map(users), roles: new Map(Object.entries(house.roles)) };
}

/** The same without some users, and with other roles of others. */
export function changedFacts(
  facts: Facts,
  roles: Readonly<Record<string, readonly string[] | undefined>>,
): Facts {
  const users = new Map(facts.users);
  for (const [name, own] of Object.entries(roles)) {
    const known = users.get(name);
    if (own === undefined) users.delete(name);
    else if (known !== undefined) users.set(name, { ...known, roles: own });
  }
  return { ...facts, users };
}

/** The role that may do everything, and whom it belongs to from the start. */
export const admin: Shown = { commonName: rootUser };
