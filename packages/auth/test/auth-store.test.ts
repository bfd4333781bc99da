import { ChangeList, fromUtf8, InvariantError, toHex, uint64ToBytes, type Bucket } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { authpb, raftRequestField, rpcpb } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import {
  accessOfLeaseRevoke,
  accessOfLeaseTimeToLive,
  accessOfPut,
  accessOfRange,
  accessOfWatch,
  AuthStore,
  isAuthRequest,
} from '../src/index.ts';
import { leaseKeys, logRequest, permission } from '../src/testing/index.ts';
import { codeOf } from './code-of.ts';
import { Member, put, range } from './harness.ts';

const readA = { type: 'READ', key: 'a' } as const;

describe('turning authentication on and off', () => {
  test('an empty backend has it off, at revision 1, without users', async () => {
    const { store } = await Member.start();
    expect([store.isEnabled, store.revision, store.userCount, store.roleCount]).toEqual([false, 1, 0, 0]);
    store.checkInvariants();
  });

  test('it needs the user root with the role root', async () => {
    const member = await Member.start();
    expect(await member.codeOf(logRequest.authEnable())).toBe('AUTH_ROOT_USER_NOT_EXIST');
    await member.apply(logRequest.userAdd('root', 'hash'));
    expect(await member.codeOf(logRequest.authEnable())).toBe('AUTH_ROOT_ROLE_NOT_EXIST');
    expect(member.store.isEnabled).toBe(false);
    await member.apply(logRequest.userGrantRole('root', 'root'));
    expect(await member.apply(logRequest.authEnable())).toEqual({ kind: 'done' });
    expect(member.store.isEnabled).toBe(true);
  });

  test('turning it on keeps the revision, turning it off is a change; both only where they change something', async () => {
    const member = await Member.withUsers({});
    const { revision } = member.store;
    await member.apply(logRequest.authEnable());
    expect(member.store.revision).toBe(revision);
    await member.apply(logRequest.authDisable());
    await member.apply(logRequest.authDisable());
    expect([member.store.isEnabled, member.store.revision]).toEqual([false, revision + 1]);
    await member.apply(logRequest.authEnable());
    expect(member.store.revision).toBe(revision + 1);
  });

  test('while it is off nothing is refused, not even to nobody', async () => {
    const member = await Member.start();
    const { store } = member;
    store.authorize({ kind: 'nobody' }, { level: 'admin' }, leaseKeys());
    store.authorize({ kind: 'user', name: 'gone', provenAt: 0 }, accessOfPut(put('a')), leaseKeys());
    expect(member.logRefusal('', 0, accessOfRange(range('a', '\0')))).toBeUndefined();
  });

  test('while it is on, nobody can take from root what it takes to turn it off', async () => {
    const member = await Member.withUsers({});
    await member.apply(logRequest.roleAdd('root'));
    for (const request of [
      logRequest.userDelete('root'),
      logRequest.userRevokeRole('root', 'root'),
      logRequest.roleDelete('root'),
    ]) {
      expect(await member.codeOf(request)).toBe('AUTH_INVALID_MANAGEMENT');
    }
    await member.apply(logRequest.authDisable());
    await member.apply(logRequest.roleDelete('root'));
    expect(member.store.userRoles('root')).toEqual([]);
    await member.apply(logRequest.userDelete('root'));
    expect(member.store.userCount).toBe(0);
  });
});

describe('users and roles', () => {
  test('a user needs a name that nobody has', async () => {
    const member = await Member.start();
    expect(await member.codeOf(logRequest.userAdd('', 'hash'))).toBe('AUTH_USER_EMPTY');
    await member.apply(logRequest.userAdd('alice', 'hash'));
    expect(await member.codeOf(logRequest.userAdd('alice', 'other'))).toBe('AUTH_USER_EXISTS');
    expect(member.store.passwordOf('alice')).toEqual({ hash: 'hash', noPassword: false });
    expect(member.store.passwordOf('bob')).toBeUndefined();
  });

  test('a role needs a name that no role has', async () => {
    const member = await Member.start();
    expect(await member.codeOf(logRequest.roleAdd(''))).toBe('AUTH_ROLE_EMPTY');
    await member.apply(logRequest.roleAdd('reader'));
    expect(await member.codeOf(logRequest.roleAdd('reader'))).toBe('AUTH_ROLE_EXISTS');
  });

  test.each([
    ['a user to delete', logRequest.userDelete('none'), 'AUTH_USER_NOT_FOUND'],
    ['a user to change', logRequest.userChangePassword('none', 'hash'), 'AUTH_USER_NOT_FOUND'],
    ['a user to grant to', logRequest.userGrantRole('none', 'none'), 'AUTH_USER_NOT_FOUND'],
    ['a role to grant', logRequest.userGrantRole('alice', 'none'), 'AUTH_ROLE_NOT_FOUND'],
    ['a user to revoke from', logRequest.userRevokeRole('none', 'reader'), 'AUTH_USER_NOT_FOUND'],
    ['a role that was granted', logRequest.userRevokeRole('alice', 'reader'), 'AUTH_ROLE_NOT_GRANTED'],
    ['a role to delete', logRequest.roleDelete('none'), 'AUTH_ROLE_NOT_FOUND'],
    ['a permission', logRequest.roleGrantPermission('reader', undefined), 'AUTH_PERMISSION_NOT_GIVEN'],
    ['a role to permit', logRequest.roleGrantPermission('none', readA), 'AUTH_ROLE_NOT_FOUND'],
    ['a role to restrict', logRequest.roleRevokePermission('none', readA), 'AUTH_ROLE_NOT_FOUND'],
    ['what was permitted', logRequest.roleRevokePermission('reader', readA), 'AUTH_PERMISSION_NOT_GRANTED'],
    [
      'the range as it was permitted',
      logRequest.roleRevokePermission('writer', { key: 'a' }),
      'AUTH_PERMISSION_NOT_GRANTED',
    ],
  ])('a change needs %s', async (_what, request, code) => {
    const member = await Member.start();
    await member.apply(logRequest.userAdd('alice', 'hash'));
    await member.apply(logRequest.roleAdd('reader'));
    await member.apply(logRequest.roleAdd('writer'));
    await member.apply(logRequest.roleGrantPermission('writer', { type: 'WRITE', key: 'a', end: 'a\0' }));
    const { revision } = member.store;
    expect(await member.codeOf(request)).toBe(code);
    expect(member.store.revision).toBe(revision);
    member.store.checkInvariants();
  });

  test('the roles of a user are in byte order, and granting one again changes nothing', async () => {
    const member = await Member.start();
    await member.apply(logRequest.userAdd('alice', 'hash'));
    // In UTF-16, unlike in bytes, the last of these sorts before the one in front of it.
    const roles = ['B', 'a', 'b', '\uff5e', '\u{1f600}'];
    for (const role of roles.toReversed()) {
      await member.apply(logRequest.roleAdd(role));
      await member.apply(logRequest.userGrantRole('alice', role));
    }
    const { revision } = member.store;
    await member.apply(logRequest.userGrantRole('alice', 'b'));
    expect(member.store.revision).toBe(revision);
    expect(member.store.userRoles('alice')).toEqual(roles);
    expect(member.store.roles()).toEqual(roles);
  });

  test('deleting a role takes it from all users in one change', async () => {
    const member = await Member.start();
    await member.apply(logRequest.roleAdd('reader'));
    for (const name of ['alice', 'bob']) {
      await member.apply(logRequest.userAdd(name, 'hash'));
      await member.apply(logRequest.userGrantRole(name, 'reader'));
    }
    const { revision } = member.store;
    await member.apply(logRequest.roleDelete('reader'));
    expect(member.store.revision).toBe(revision + 1);
    expect(['alice', 'bob'].flatMap((name) => member.store.userRoles(name))).toEqual([]);
  });

  test('permissions are in the order of their keys, and granting one again is a change', async () => {
    const member = await Member.start();
    await member.apply(logRequest.roleAdd('role'));
    await member.apply(logRequest.roleGrantPermission('role', { type: 'READ', key: 'b', end: 'c' }));
    await member.apply(logRequest.roleGrantPermission('role', { type: 'READ', key: 'a' }));
    await member.apply(logRequest.roleGrantPermission('role', { type: 'WRITE', key: 'b', end: 'c' }));
    expect(member.store.rolePermissions('role')).toEqual([
      permission({ type: 'READ', key: 'a' }),
      permission({ type: 'WRITE', key: 'b', end: 'c' }),
    ]);
    const { revision } = member.store;
    await member.apply(logRequest.roleGrantPermission('role', { type: 'READ', key: 'a' }));
    expect(member.store.revision).toBe(revision + 1);
    await member.apply(logRequest.roleRevokePermission('role', { key: 'b', end: 'c' }));
    expect(member.store.rolePermissions('role')).toEqual([permission({ type: 'READ', key: 'a' })]);
  });

  test('as in etcd, a range that is not the first of its key can have two permissions; revoking takes both', async () => {
    const member = await Member.start();
    await member.apply(logRequest.roleAdd('role'));
    await member.apply(logRequest.roleGrantPermission('role', { type: 'READ', key: 'a' }));
    await member.apply(logRequest.roleGrantPermission('role', { type: 'READWRITE', key: 'a', end: 'b' }));
    await member.apply(logRequest.roleGrantPermission('role', { type: 'READ', key: 'a', end: 'b' }));
    expect(member.store.rolePermissions('role')).toEqual([
      permission({ type: 'READ', key: 'a' }),
      permission({ type: 'READWRITE', key: 'a', end: 'b' }),
      permission({ type: 'READ', key: 'a', end: 'b' }),
    ]);
    await member.apply(logRequest.roleRevokePermission('role', { key: 'a', end: 'b' }));
    expect(member.store.rolePermissions('role')).toHaveLength(1);
  });

  test('the role root shows every key, and without a row there is no such role', async () => {
    const member = await Member.withUsers({});
    expect(codeOf(() => member.store.rolePermissions('root'))).toBe('AUTH_ROLE_NOT_FOUND');
    await member.apply(logRequest.roleAdd('root'));
    expect(member.store.rolePermissions('root')).toEqual([
      permission({ type: 'READWRITE', key: '', end: '\0' }),
    ]);
    expect(codeOf(() => member.store.userRoles('none'))).toBe('AUTH_USER_NOT_FOUND');
  });

  test('a name behind a byte-order mark is another name, also after a restart', async () => {
    const member = await Member.withUsers({ '\ufeffroot': [] });
    await member.restart();
    expect(member.store.users()).toEqual(['root', '\ufeffroot']);
    expect(member.refusal('\ufeffroot', { level: 'admin' })).toBe('AUTH_PERMISSION_DENIED');
    expect(member.refusal('root', { level: 'admin' })).toBeUndefined();
  });

  test('names that are no UTF-8, which etcd lets in, are kept apart and kept as they are', async () => {
    const nameOf = (byte: number) => Uint8Array.of(0x0a, 1, byte, 0x22, 0);
    const member = await Member.start();
    for (const byte of [0xff, 0xfe]) await member.apply([raftRequestField.authUserAdd, nameOf(byte)]);
    await member.restart();
    expect(member.store.users()).toEqual(['\udcfe', '\udcff']);
    expect(toHex(member.backend.get('authUsers', Uint8Array.of(0xff))!)).toBe('0a01ff2200');
    await member.apply([raftRequestField.authUserDelete, nameOf(0xfe).subarray(0, 3)]);
    expect(member.store.users()).toEqual(['\udcff']);
  });

  test.each(['__proto__', 'constructor', 'a\0b', '\0', 'müller', '\u{1f600}', ' ', 'x'.repeat(10_000)])(
    'a user and a role can be called %j',
    async (name) => {
      const member = await Member.withUsers({ [name]: [{ type: 'READ', key: 'a' }] });
      await member.restart();
      expect(member.store.users()).toContain(name);
      expect(member.store.userRoles(name)).toEqual([`${name}'s`]);
      expect(member.refusal(name, accessOfRange(range('a')))).toBeUndefined();
      expect(member.refusal(name, accessOfRange(range('b')))).toBe('AUTH_PERMISSION_DENIED');
      expect(member.refusal(name, { level: 'admin' })).toBe('AUTH_PERMISSION_DENIED');
    },
  );
});

describe('passwords', () => {
  test('a user without a password gets none by a change either', async () => {
    const member = await Member.start();
    await member.apply(logRequest.userAdd('alice'));
    await member.apply(logRequest.userChangePassword('alice', 'hash'));
    expect(member.store.passwordOf('alice')).toEqual({ hash: undefined, noPassword: true });
  });

  test('one whose hash is empty has no password that could match', async () => {
    const member = await Member.start();
    await member.apply(logRequest.userAdd('alice', ''));
    expect(member.store.passwordOf('alice')).toEqual({ hash: undefined, noPassword: false });
  });

  test.each(['***', 'YQ', 'YQ=', 'YQ==YQ==', 'YQ=\u00e9'])('%j is no hash', async (hashedPassword) => {
    const member = await Member.start();
    const request = rpcpb.AuthUserAddRequest.encode({
      name: 'alice',
      password: '',
      hashedPassword,
      options: undefined,
    }).finish();
    expect(await member.codeOf([raftRequestField.authUserAdd, request])).toBe('AUTH_NO_PASSWORD_USER');
    expect(member.store.userCount).toBe(0);
  });

  test('a login in the log is answered with what a token is made of, and changes nothing', async () => {
    const member = await Member.withUsers({ alice: [] });
    const { revision } = member.store;
    const { changes } = changesOf(member.store, logRequest.authenticate('alice', 'prefix'));
    expect(await member.apply(logRequest.authenticate('alice', 'prefix'))).toEqual({
      kind: 'authenticated',
      user: 'alice',
      revision,
      tokenPrefix: 'prefix',
    });
    expect(changes).toEqual([]);
  });

  test('a login fails for who does not exist or has no password, and while authentication is off', async () => {
    const member = await Member.withUsers({ alice: [] });
    await member.apply(logRequest.userAdd('carol'));
    for (const name of ['bob', '', 'carol']) {
      expect(await member.codeOf(logRequest.authenticate(name))).toBe('AUTH_FAILED');
    }
    await member.apply(logRequest.authDisable());
    expect(await member.codeOf(logRequest.authenticate('alice'))).toBe('AUTH_NOT_ENABLED');
  });
});

describe('how long a proof holds', () => {
  const proofOf = (member: Member, name: string) => {
    const user = { kind: 'user', name, provenAt: member.store.revision } as const;
    return () => member.store.isProven(user);
  };

  test('it outlives changes that are not about the credentials of the user', async () => {
    const member = await Member.withUsers({ alice: [readA], bob: [] });
    const holds = proofOf(member, 'alice');
    await member.apply(logRequest.userChangePassword('bob', 'new'));
    await member.apply(logRequest.userDelete('bob'));
    await member.apply(logRequest.roleGrantPermission("alice's", { type: 'READ', key: 'b' }));
    await member.apply(logRequest.userRevokeRole('alice', "alice's"));
    await member.apply(logRequest.userGrantRole('alice', 'root'));
    await member.apply(logRequest.authEnable());
    expect(holds()).toBe(true);
  });

  test.each([
    ['a change of his password', [logRequest.userChangePassword('alice', 'new')]],
    ['his end', [logRequest.userDelete('alice')]],
    [
      'his end, though there is somebody of that name again',
      [logRequest.userDelete('alice'), logRequest.userAdd('alice', 'hash of alice')],
    ],
    ['authentication being off, though it is on again', [logRequest.authDisable(), logRequest.authEnable()]],
  ])('it ends with %s', async (_what, requests) => {
    const member = await Member.withUsers({ alice: [readA] });
    const holds = proofOf(member, 'alice');
    for (const request of requests) await member.apply(request);
    expect(holds()).toBe(false);
    const access = accessOfRange(range('a'));
    const refused = codeOf(() =>
      member.store.authorize({ kind: 'user', name: 'alice', provenAt: 1 }, access, leaseKeys()),
    );
    expect(refused).toBe('AUTH_INVALID_TOKEN');
  });

  test('after a restart only proofs as of the loaded revision hold', async () => {
    const member = await Member.withUsers({ alice: [] });
    const { revision } = member.store;
    await member.restart();
    expect(member.store.credentialsSince('alice')).toBe(revision);
    expect(member.store.isProven({ kind: 'user', name: 'alice', provenAt: revision })).toBe(true);
    expect(member.store.isProven({ kind: 'user', name: 'alice', provenAt: revision - 1 })).toBe(false);
  });

  test('no proof holds for who does not exist', async () => {
    const { store } = await Member.withUsers({});
    expect(store.credentialsSince('bob')).toBe(Infinity);
    expect(store.isProven({ kind: 'user', name: 'bob', provenAt: Number.MAX_SAFE_INTEGER })).toBe(false);
    expect(store.credentialsSince('__proto__')).toBe(Infinity);
  });

  test('who has a proof that does not hold can still ask for what is open', async () => {
    const { store } = await Member.withUsers({});
    store.authorize({ kind: 'user', name: 'bob', provenAt: 1 }, { level: 'open' }, leaseKeys());
  });
});

describe('decisions', () => {
  test('what is refused to whom, by the level of what he asks for', async () => {
    const member = await Member.withUsers({ alice: [readA] });
    const { revision } = member.store;
    const keys = accessOfRange(range('a'));
    const refusals = (name: string, asOf: number) =>
      [
        { level: 'open' } as const,
        { level: 'login' } as const,
        { level: 'admin' } as const,
        { level: 'self', user: 'alice' } as const,
        { level: 'role', role: "alice's" } as const,
        keys,
      ].map((access) => member.logRefusal(name, asOf, access)?.replace('AUTH_', ''));

    expect(refusals('root', revision)).toEqual(times(6, undefined));
    expect(refusals('alice', revision)).toEqual([
      undefined,
      undefined,
      'PERMISSION_DENIED',
      undefined,
      undefined,
      undefined,
    ]);
    expect(refusals('alice', revision - 1)[5]).toBe('OLD_REVISION');
    expect(refusals('root', revision - 1)).toEqual([...times(5, undefined), 'OLD_REVISION']);
    expect(refusals('bob', revision)).toEqual([
      undefined,
      'USER_NOT_FOUND',
      'USER_NOT_FOUND',
      'USER_NOT_FOUND',
      'USER_NOT_FOUND',
      'PERMISSION_DENIED',
    ]);
    expect(refusals('', 0)).toEqual([undefined, ...times(5, 'USER_EMPTY')]);
  });

  test('for leases an administrator is one whatever he knew of when he asked, and others are not', async () => {
    const member = await Member.withUsers({ alice: [{ type: 'WRITE', key: 'a' }] });
    member.leases.set(7n, ['a']);
    const { revision } = member.store;
    const refusals = (name: string, asOf: number) =>
      [
        accessOfLeaseRevoke(7n),
        accessOfLeaseTimeToLive({ id: 7n, keys: true }),
        accessOfPut(put('a', { lease: 7n })),
      ].map((access) => member.logRefusal(name, asOf, access));
    expect(refusals('root', revision - 1)).toEqual([undefined, undefined, 'AUTH_OLD_REVISION']);
    expect(refusals('alice', revision - 1)).toEqual(times(3, 'AUTH_OLD_REVISION'));
    expect(refusals('alice', revision)).toEqual([undefined, 'AUTH_PERMISSION_DENIED', undefined]);
    expect(refusals('', 0)).toEqual(times(3, 'AUTH_USER_EMPTY'));
  });

  test('nobody is not somebody without a name', async () => {
    const member = await Member.withUsers({});
    expect(member.logRefusal('', 0, { level: 'self', user: '' })).toBe('AUTH_USER_EMPTY');
    expect(member.logRefusal('', 0, { level: 'role', role: '' })).toBe('AUTH_USER_EMPTY');
  });

  test('the member itself may do everything', async () => {
    const { store } = await Member.withUsers({});
    store.authorize({ kind: 'member' }, { level: 'admin' }, leaseKeys());
    store.authorize({ kind: 'member' }, accessOfPut(put('a')), leaseKeys());
  });

  test('a live call needs a user even where its content needs nothing', async () => {
    const member = await Member.withUsers({ alice: [] });
    const nothing = { level: 'keys', needs: [] } as const;
    const refused = codeOf(() => member.store.authorize({ kind: 'nobody' }, nothing, leaseKeys()));
    expect(refused).toBe('AUTH_USER_EMPTY');
    expect(member.refusal('alice', nothing)).toBeUndefined();
    // The log is decided as etcd decides it, to whom an empty transaction is anybody's.
    expect(member.logRefusal('', 0, nothing)).toBeUndefined();
  });

  test('permissions that touch are as good as one, those of several roles too, and a gap of one key is a gap', async () => {
    const member = await Member.withUsers({
      alice: [
        { type: 'READ', key: 'a', end: 'b' },
        { type: 'READ', key: 'b', end: 'c' },
        { type: 'READ', key: 'c' },
      ],
      bob: [{ type: 'READWRITE', key: 'c\0', end: 'd' }],
    });
    const reads = (end: string) => member.refusal('alice', accessOfRange(range('a', end)));
    expect([reads('b'), reads('bb'), reads('c'), reads('c\0')]).toEqual(times(4, undefined));
    expect([reads('c\0\0'), reads('d')]).toEqual(times(2, 'AUTH_PERMISSION_DENIED'));
    await member.apply(logRequest.userGrantRole('alice', "bob's"));
    expect([reads('c\0\0'), reads('d')]).toEqual(times(2, undefined));
    expect(reads('d\0')).toBe('AUTH_PERMISSION_DENIED');
    await member.apply(logRequest.roleRevokePermission("alice's", { key: 'c' }));
    expect(reads('d')).toBe('AUTH_PERMISSION_DENIED');
  });

  test('a range without a key is decided as by the search of etcd, and never permitted where its start is not', async () => {
    const member = await Member.withUsers({
      alice: [
        { type: 'READ', key: 'b', end: 'c' },
        { type: 'READ', key: 'c', end: 'd' },
      ],
    });
    const reads = (key: string, end: string) => member.refusal('alice', accessOfRange(range(key, end)));
    // All of these as etcd 3.5.30 answers.
    expect([reads('c', 'bb'), reads('b', 'a'), reads('c', 'c')]).toEqual(times(3, undefined));
    expect([reads('c', 'a'), reads('a', 'a'), reads('d', 'b')]).toEqual(times(3, 'AUTH_PERMISSION_DENIED'));
  });

  test('a permission that was taken away is gone with the next decision', async () => {
    const member = await Member.withUsers({ alice: [{ type: 'READ', key: 'a', end: 'c' }] });
    const access = accessOfWatch({ start: 'b', endExclusive: 'c' });
    expect(member.refusal('alice', access)).toBeUndefined();
    await member.apply(logRequest.roleRevokePermission("alice's", { key: 'a', end: 'c' }));
    expect(member.refusal('alice', access)).toBe('AUTH_PERMISSION_DENIED');
    await member.apply(logRequest.roleGrantPermission("alice's", { type: 'READ', key: 'b', end: '\0' }));
    expect(member.refusal('alice', access)).toBeUndefined();
    await member.apply(logRequest.userRevokeRole('alice', "alice's"));
    expect(member.refusal('alice', access)).toBe('AUTH_PERMISSION_DENIED');
    await member.apply(logRequest.userGrantRole('alice', 'root'));
    expect(member.refusal('alice', access)).toBeUndefined();
    await member.apply(logRequest.userRevokeRole('alice', 'root'));
    expect(member.refusal('alice', access)).toBe('AUTH_PERMISSION_DENIED');
  });
});

describe('rows', () => {
  test('they are those of etcd, byte for byte', async () => {
    const member = await Member.start();
    await member.apply(logRequest.userAdd('al', 'h'));
    await member.apply(logRequest.userAdd('no'));
    await member.apply(logRequest.roleAdd('r'));
    await member.apply(logRequest.roleGrantPermission('r', { type: 'READWRITE', key: 'k', end: '\0' }));
    await member.apply(logRequest.userGrantRole('al', 'r'));
    await member.apply(logRequest.userAdd('root', 'h'));
    await member.apply(logRequest.userGrantRole('root', 'root'));
    await member.apply(logRequest.authEnable());
    const row = (bucket: Bucket, key: string) => toHex(member.backend.get(bucket, fromUtf8(key))!);
    expect(row('auth', 'authEnabled')).toBe('01');
    expect(row('auth', 'authRevision')).toBe('0000000000000008');
    expect(row('authUsers', 'al')).toBe('0a02616c' + '120168' + '1a0172' + '2200');
    expect(row('authUsers', 'no')).toBe('0a026e6f' + '22020801');
    expect(row('authRoles', 'r')).toBe('0a0172' + '1208' + '0802' + '12016b' + '1a0100');
    await member.apply(logRequest.authDisable());
    expect(row('auth', 'authEnabled')).toBe('00');
    await member.apply(logRequest.userDelete('al'));
    expect(member.backend.get('authUsers', fromUtf8('al'))).toBeUndefined();
    await member.apply(logRequest.roleDelete('r'));
    expect(member.backend.get('authRoles', fromUtf8('r'))).toBeUndefined();
  });

  test('the revision of a store that was never changed is stored once, for members of etcd', async () => {
    const member = await Member.start();
    for (const expected of [1, 0]) {
      const changes = new ChangeList();
      member.store.writeMissingRevision(changes);
      expect(changes.changes).toHaveLength(expected);
      await member.backend.write(changes.changes);
      expect(toHex(member.backend.get('auth', fromUtf8('authRevision'))!)).toBe('0000000000000001');
      await member.restart();
    }
  });

  test.each([
    ['auth', 'authEnabled', Uint8Array.of(2)],
    ['auth', 'authEnabled', new Uint8Array(0)],
    ['auth', 'authRevision', Uint8Array.of(1)],
    ['auth', 'authRevision', uint64ToBytes(1n << 60n)],
    ['authUsers', 'alice', Uint8Array.of(0xff)],
    ['authUsers', 'alice', authpb.User.encode(authpb.User.create({ name: fromUtf8('bob') })).finish()],
    ['authRoles', 'reader', Uint8Array.of(0x0a, 0x7f)],
    ['authRoles', 'reader', authpb.Role.encode(authpb.Role.create()).finish()],
  ] as const)('a damaged row of %s, %s, is told', async (bucket, key, value) => {
    const backend = new MemoryBackend();
    await backend.write([{ bucket, key: fromUtf8(key), value }]);
    await expect(AuthStore.load(backend)).rejects.toMatchObject({ code: 'AUTH_DAMAGED_ROW' });
  });

  test('a row of a permission on no key, as old versions let in, permits nothing', async () => {
    const member = await Member.withUsers({ alice: [] });
    const name = fromUtf8("alice's");
    const everything = permission({ type: 'READWRITE', key: '', end: '\0' });
    const backwards = permission({ type: 'READWRITE', key: 'b', end: 'a' });
    const role = authpb.Role.encode({ name, keyPermission: [everything, backwards] }).finish();
    await member.backend.write([{ bucket: 'authRoles', key: name, value: role }]);
    await member.restart();
    for (const asked of [range('a'), range('b'), range('\0', '\0'), range('b', 'a'), range('', '\0')]) {
      expect(member.refusal('alice', accessOfRange(asked))).toBe('AUTH_PERMISSION_DENIED');
    }
  });
});

test('reads that members of etcd write into the log change nothing', async () => {
  const { store } = await Member.withUsers({});
  for (const name of ['authStatus', 'authUserGet', 'authUserList', 'authRoleGet', 'authRoleList'] as const) {
    const changes = new ChangeList();
    const field = raftRequestField[name];
    expect(store.apply(field, new Uint8Array(0), changes)).toEqual({ kind: 'done' });
    expect(changes.changes).toEqual([]);
  }
});

test('requests of other kinds are not for this store', async () => {
  const { store } = await Member.start();
  for (const [name, field] of Object.entries(raftRequestField)) {
    expect(isAuthRequest(field), name).toBe(name.startsWith('auth'));
  }
  expect(isAuthRequest(0)).toBe(false);
  expect(() => store.apply(raftRequestField.put, new Uint8Array(0), new ChangeList())).toThrow(
    InvariantError,
  );
});

function changesOf(store: AuthStore, [field, request]: readonly [number, Uint8Array]): ChangeList {
  const changes = new ChangeList();
  store.apply(field, request, changes);
  return changes;
}

function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}
