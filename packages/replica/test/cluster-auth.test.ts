import { nobody } from '@quorate/auth';
import { PlainPasswords } from '@quorate/credentials/testing';
import { fromUtf8, uint64ToBytes } from '@quorate/std';
import { MemoryDisk } from '@quorate/wal/testing';
import { authpb, rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { putRequest, rangeRequest } from '../src/testing/index.ts';
import {
  addUser,
  callerOf,
  enable,
  grantPrefix,
  logIn,
  putAs,
  readAs,
  revokePrefix,
  startWithPasswords,
} from './auth-clusters.ts';
import { codeOf, statesOf, Watching } from './clusters.ts';

const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

test('authentication is not turned on without a user root that has the role root', async () => {
  const cluster = await startWithPasswords();
  const { auth } = cluster.member('a');
  expect(await codeOf(cluster.during(auth.enable()))).toBe('AUTH_ROOT_USER_NOT_EXIST');
  await cluster.during(auth.userAdd({ name: 'root', password: 'x', hashedPassword: '', options: undefined }));
  expect(await codeOf(cluster.during(auth.enable()))).toBe('AUTH_ROOT_ROLE_NOT_EXIST');
  await cluster.during(auth.userGrantRole({ user: 'root', role: 'root' }));
  await cluster.during(auth.enable());
  for (const name of cluster.names) {
    const status = await cluster.during(cluster.member(name).auth.status());
    expect(status).toMatchObject({ enabled: true });
  }
  expect((await statesOf(cluster)).size).toBe(1);
});

test('with authentication on, nobody may do anything, and is told so without an entry in the log', async () => {
  const cluster = await startWithPasswords();
  await enable(cluster);
  await statesOf(cluster);
  const before = cluster.member('a').raftStatus.commit;
  for (const name of cluster.names) {
    const { kv, leases, maintenance } = cluster.member(name);
    const refused: Promise<unknown>[] = [
      kv.put(putRequest('k', 'v')),
      kv.range(rangeRequest('k')),
      kv.range(rangeRequest('k', { serializable: true })),
      leases.grant({ ID: 0n, TTL: 60n }),
      leases.leases(),
      maintenance.alarm({ action: 1, memberID: 0n, alarm: rpcpb.AlarmType.NOSPACE }),
    ];
    const codes = await Promise.all(refused.map((work) => codeOf(cluster.during(work))));
    expect(new Set(codes)).toEqual(new Set(['AUTH_USER_EMPTY']));
  }
  expect(cluster.member('a').raftStatus.commit).toBe(before);
});

test('a token of one member is good at every other one at once, also at one that lags', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  const [lagging, other] = cluster.followers as [string, string];
  cluster.pause(lagging);
  const token = await logIn(cluster, other, 'ann');
  const asking = Promise.resolve().then(() =>
    cluster.member(lagging).auth.identify({ token, commonName: undefined }),
  );
  cluster.resume(lagging);
  expect(await cluster.during(asking)).toMatchObject({ kind: 'user', name: 'ann' });
  for (const name of cluster.names) {
    const ann = await callerOf(cluster, name, token);
    await putAs(cluster, name, ann, `ann/${name}`);
    expect(await readAs(cluster, name, ann, `ann/${name}`)).toBe('v');
    expect(await codeOf(putAs(cluster, name, ann, 'bob/x'))).toBe('AUTH_PERMISSION_DENIED');
    expect(await codeOf(readAs(cluster, name, ann, 'anm'))).toBe('AUTH_PERMISSION_DENIED');
  }
});

test('a made-up token is refused at once, however large its index', async () => {
  const cluster = await startWithPasswords();
  await enable(cluster);
  for (const token of [
    '',
    'x',
    'abcdefghijklmnop.1',
    'abcdefghijklmnop.999999999',
    '💥.1',
    'a'.repeat(1e6),
  ]) {
    expect(await codeOf(callerOf(cluster, 'a', token))).toBe('AUTH_INVALID_TOKEN');
  }
});

test.each(['deleted', 'given another password', 'of a time before authentication was turned off'])(
  'the token of a user who was %s is refused on every member',
  async (what) => {
    const cluster = await startWithPasswords();
    const root = await enable(cluster);
    await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
    const token = await logIn(cluster, 'a', 'ann');
    const known = await callerOf(cluster, 'b', token);
    const { auth } = cluster.member(cluster.leader);
    if (what === 'deleted') {
      await cluster.during(auth.userDelete({ name: 'ann' }, root));
    } else if (what === 'given another password') {
      const change = { name: 'ann', password: 'other', hashedPassword: '' };
      await cluster.during(auth.userChangePassword(change, root));
    } else {
      await cluster.during(auth.disable(root));
      await cluster.during(auth.enable());
    }
    await statesOf(cluster);
    for (const name of cluster.names) {
      expect(await codeOf(callerOf(cluster, name, token))).toBe('AUTH_INVALID_TOKEN');
    }
    // Neither is somebody who was let in before.
    expect(await codeOf(putAs(cluster, 'b', known, 'ann/x'))).toBe('AUTH_INVALID_TOKEN');
    expect(await codeOf(readAs(cluster, 'b', known, 'ann/x'))).toBe('AUTH_INVALID_TOKEN');
  },
);

test('whoever was granted something may do it at a member that has not heard of it yet', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { caller: root });
  const token = await logIn(cluster, 'a', 'ann');
  const lagging = cluster.followers[0]!;
  const ann = await callerOf(cluster, lagging, token);
  await statesOf(cluster);
  cluster.pause(lagging);
  await grantPrefix(cluster, 'ann', 'ann/', { caller: root });
  const { kv } = cluster.member(lagging);
  const putting = kv.put(putRequest('ann/1', 'v'), ann);
  const reading = kv.range(rangeRequest('ann/1', { serializable: true }), ann);
  cluster.resume(lagging);
  await cluster.during(putting);
  await cluster.during(reading);
});

/** A user who was granted something just now, at a member that has not heard of it. */
async function grantUnheard() {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { caller: root });
  const token = await logIn(cluster, 'a', 'ann');
  const [lagging, other] = cluster.followers as [string, string];
  const ann = await callerOf(cluster, lagging, token);
  await statesOf(cluster);
  const [leaderId, laggingId] = [cluster.leader, lagging].map((name) => cluster.member(name).id) as [
    bigint,
    bigint,
  ];
  cluster.network.cut(leaderId, laggingId).cut(laggingId, leaderId);
  await grantPrefix(cluster, 'ann', 'ann/', { caller: root });
  return { cluster, lagging, other, ann };
}

test('whoever was granted something may do it although the leader changes while his member asks', async () => {
  const { cluster, lagging, other, ann } = await grantUnheard();
  const { kv } = cluster.member(lagging);
  const putting = kv.put(putRequest('ann/1', 'v'), ann);
  const reading = kv.range(rangeRequest('ann/1', { serializable: true }), ann);
  const both = Promise.all([putting, reading]);
  const { maintenance } = cluster.member(cluster.leader);
  // The next leader is heard.
  const { signal } = new AbortController();
  await cluster.during(maintenance.moveLeader({ targetID: cluster.member(other).id }, { signal }));
  await cluster.during(both);
});

test('a member that stops says so to whom it could not ask for, and refuses nobody by what it had not heard', async () => {
  const { cluster, lagging, ann } = await grantUnheard();
  const { kv } = cluster.member(lagging);
  const putting = codeOf(kv.put(putRequest('ann/1', 'v'), ann));
  const reading = codeOf(kv.range(rangeRequest('ann/1', { serializable: true }), ann));
  await cluster.stop(lagging);
  expect(await Promise.all([putting, reading])).toEqual(['REPLICA_STOPPED', 'REPLICA_STOPPED']);
});

test('what was revoked may not be done any more at any member, as soon as the revocation is acknowledged', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  const token = await logIn(cluster, 'a', 'ann');
  const lagging = cluster.followers[0]!;
  const ann = await callerOf(cluster, lagging, token);
  await putAs(cluster, lagging, ann, 'ann/1');
  await statesOf(cluster);
  cluster.pause(lagging);
  await revokePrefix(cluster, 'ann', 'ann/', root);
  // It still believes that ann may, and must not act on it.
  const { kv } = cluster.member(lagging);
  const putting = codeOf(kv.put(putRequest('ann/2', 'v'), ann));
  const reading = codeOf(kv.range(rangeRequest('ann/1'), ann));
  cluster.resume(lagging);
  expect(await cluster.during(putting)).toBe('AUTH_PERMISSION_DENIED');
  expect(await cluster.during(reading)).toBe('AUTH_PERMISSION_DENIED');
  expect((await statesOf(cluster)).size).toBe(1);
});

test('watchers of what was revoked are cancelled on every member, and others go on', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', type: authpb.Permission_Type.READ, caller: root });
  await grantPrefix(cluster, 'ann', 'both/', { caller: root });
  const token = await logIn(cluster, 'a', 'ann');
  const prefixOf = (text: string) => ({
    key: fromUtf8(text),
    rangeEnd: fromUtf8(`${text.slice(0, -1)}0`),
  });
  const watching = await Promise.all(
    cluster.names.map(async (name) => {
      const ann = await callerOf(cluster, name, token);
      return [prefixOf('ann/'), prefixOf('both/')].map(
        (range) => new Watching(cluster.member(name), range, ann),
      );
    }),
  );
  await cluster.advance(50);
  await putAs(cluster, 'a', root, 'ann/1');
  await revokePrefix(cluster, 'ann', 'ann/', root);
  await putAs(cluster, 'a', root, 'ann/2');
  await putAs(cluster, 'a', root, 'both/1');
  await cluster.advance(200);
  for (const [revoked, kept] of watching) {
    expect(revoked!.takeAll().events.map(({ key }) => key)).not.toContain('ann/2');
    expect(revoked!.responses.at(-1)).toMatchObject({ canceled: true });
    expect(revoked!.responses.at(-1)!.cancelReason).toContain('no permission');
    expect(kept!.takeAll().events.map(({ key }) => key)).toEqual(['both/1']);
  }
});

test('nobody may watch from a key on who may only read that key', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { caller: root });
  const { auth } = cluster.member(cluster.leader);
  const perm = { permType: authpb.Permission_Type.READ, key: fromUtf8('a'), rangeEnd: new Uint8Array(0) };
  await cluster.during(auth.roleGrantPermission({ name: 'ann', perm }, root));
  const ann = await callerOf(cluster, 'a', await logIn(cluster, 'a', 'ann'));
  const one = new Watching(cluster.member('a'), { key: fromUtf8('a') }, ann);
  const fromIt = new Watching(cluster.member('a'), { key: fromUtf8('a'), rangeEnd: Uint8Array.of(0) }, ann);
  const all = new Watching(cluster.member('a'), everything, ann);
  const unknown = new Watching(cluster.member('a'), { key: fromUtf8('a') }, nobody);
  await cluster.advance(100);
  expect(one.takeAll().responses).toMatchObject([{ created: true, canceled: false }]);
  for (const refused of [fromIt, all, unknown]) {
    expect(refused.takeAll().responses).toMatchObject([{ created: true, canceled: true, watchId: -1n }]);
  }
});

test('writes of one user go on while the rights of others are changed all the time', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  await addUser(cluster, 'bob', { caller: root });
  const token = await logIn(cluster, 'a', 'ann');
  const writes: Promise<unknown>[] = [];
  for (let round = 0; round < 20; round++) {
    for (const name of cluster.names) {
      const ann = await callerOf(cluster, name, token);
      writes.push(cluster.member(name).kv.put(putRequest(`ann/${round}`, name), ann));
    }
    if (round % 2 === 0) await grantPrefix(cluster, 'bob', 'bob/', { caller: root });
    else await revokePrefix(cluster, 'bob', 'bob/', root);
  }
  const codes = await cluster.during(Promise.all(writes.map((write) => codeOf(write))));
  expect(new Set(codes)).toEqual(new Set(['none']));
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a wrong password, an unknown user and an empty password are refused alike', async () => {
  const cluster = await startWithPasswords();
  await enable(cluster);
  const { auth } = cluster.member('b');
  for (const credentials of [
    { name: 'root', password: 'wrong' },
    { name: 'root', password: '' },
    { name: 'nobody', password: 'x' },
    { name: '', password: '' },
    { name: '__proto__', password: 'x' },
  ]) {
    expect(await codeOf(cluster.during(auth.authenticate(credentials)))).toBe('AUTH_FAILED');
  }
});

test('a user without a password is known by the certificate alone', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  const { auth } = cluster.member(cluster.leader);
  const add = { name: 'cert', password: '', hashedPassword: '', options: { noPassword: true } };
  await cluster.during(auth.userAdd(add, root));
  await cluster.during(auth.roleAdd({ name: 'r' }, root));
  await cluster.during(auth.userGrantRole({ user: 'cert', role: 'r' }, root));
  await grantPrefix(cluster, 'r', 'k', { caller: root });
  await statesOf(cluster);
  const login = auth.authenticate({ name: 'cert', password: '' });
  expect(await codeOf(cluster.during(login))).toBe('AUTH_NO_PASSWORD_USER');
  for (const name of cluster.names) {
    const cert = await cluster.member(name).auth.identify({ token: undefined, commonName: 'cert' });
    await putAs(cluster, name, cert, 'k1');
    expect(await codeOf(putAs(cluster, name, cert, 'l'))).toBe('AUTH_PERMISSION_DENIED');
    const stranger = await cluster.member(name).auth.identify({ token: undefined, commonName: 'who' });
    expect(await codeOf(putAs(cluster, name, stranger, 'k1'))).toBe('AUTH_PERMISSION_DENIED');
  }
});

test('a token counts before a certificate', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  const token = await logIn(cluster, 'a', 'ann');
  const { auth } = cluster.member('a');
  expect(await auth.identify({ token, commonName: 'root' })).toMatchObject({ name: 'ann' });
  expect(await codeOf(Promise.resolve().then(() => auth.identify({ token: 'x', commonName: 'root' })))).toBe(
    'AUTH_INVALID_TOKEN',
  );
});

test('a simple token ends when it was not used for its time, and lives on while it is', async () => {
  const cluster = await startWithPasswords({ simpleTokenTtlMs: 2_000 });
  await enable(cluster);
  const token = await logIn(cluster, 'a', 'root');
  for (let second = 0; second < 4; second++) {
    await cluster.advance(1_000);
    expect(await callerOf(cluster, 'a', token)).toMatchObject({ name: 'root' });
  }
  expect(await codeOf(callerOf(cluster, 'b', token))).toBe('AUTH_INVALID_TOKEN');
  await cluster.advance(2_100);
  expect(await codeOf(callerOf(cluster, 'a', token))).toBe('AUTH_INVALID_TOKEN');
});

test('users, roles and permissions are there after a restart of all members', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  const [before] = await statesOf(cluster);
  const names = cluster.names;
  for (const name of names) await cluster.stop(name);
  await cluster.during(Promise.all(names.map((name) => cluster.open(name))));
  await cluster.during(Promise.all(names.map((name) => cluster.member(name).ready)));
  const after = await statesOf(cluster);
  expect(after.size).toBe(1);
  expect(JSON.parse([...after][0]!)).toMatchObject({ auth: (JSON.parse(before!) as { auth: unknown }).auth });
  const ann = await callerOf(cluster, 'a', await logIn(cluster, 'a', 'ann'));
  await putAs(cluster, 'a', ann, 'ann/1');
});

test('a member that gets a snapshot has the users too, and knows whose tokens are no more', async () => {
  const options = { snapshotCount: 20, snapshotCatchUpEntries: 5 };
  const cluster = await startWithPasswords(options);
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  const token = await logIn(cluster, 'a', 'ann');
  const lagging = cluster.followers[0]!;
  const ann = await callerOf(cluster, lagging, token);
  const watching = new Watching(cluster.member(lagging), { key: fromUtf8('ann/x') }, ann);
  await statesOf(cluster);
  cluster.network.isolate(cluster.member(lagging).id);
  await cluster.during(cluster.member(cluster.leader).auth.userDelete({ name: 'ann' }, root));
  for (let i = 0; i < 60; i++) await putAs(cluster, cluster.leader, root, `k${i}`);
  cluster.network.heal();
  expect((await statesOf(cluster)).size).toBe(1);
  expect(await codeOf(callerOf(cluster, lagging, token))).toBe('AUTH_INVALID_TOKEN');
  expect(watching.takeAll().responses.at(-1)).toMatchObject({ canceled: true });
});

test('no clear password reaches the log or the store', async () => {
  const canary = 'canary-password-7f3a';
  const cluster = await startWithPasswords({ passwords: new HidingPasswords() });
  const root = await enable(cluster);
  const { auth } = cluster.member(cluster.leader);
  await cluster.during(
    auth.userAdd({ name: 'ann', password: canary, hashedPassword: canary, options: undefined }, root),
  );
  await cluster.during(
    auth.userChangePassword({ name: 'ann', password: `${canary}2`, hashedPassword: canary }, root),
  );
  await logIn(cluster, 'a', 'ann', `${canary}2`);
  await statesOf(cluster);
  for (const name of cluster.names) {
    const { disk, backend } = cluster.ground(name);
    await cluster.stop(name);
    if (!(disk instanceof MemoryDisk)) throw new TypeError('a test member stands on memory');
    for (const path of await disk.list('/member/wal')) {
      const bytes = disk.bytesOf(`/member/wal/${path}`);
      expect(Buffer.from(bytes).includes(canary)).toBe(false);
    }
    for await (const rows of backend.scan('authUsers')) {
      for (const [, value] of rows) expect(Buffer.from(value).includes(canary)).toBe(false);
    }
  }
});

/** Hashes that do not contain the password. */
class HidingPasswords extends PlainPasswords {
  override async hash(password: string): Promise<string> {
    return Buffer.from(await super.hash(password)).toString('hex');
  }

  override async matches(password: string, hash: string | undefined): Promise<boolean> {
    return hash !== undefined && (await this.hash(password)) === hash;
  }
}

test('whoever has a token is known by it at a member that does not know yet that authentication is on', async () => {
  const cluster = await startWithPasswords();
  await addUser(cluster, 'root');
  await addUser(cluster, 'ann', { prefix: 'ann/' });
  const [lagging, other] = cluster.followers as [string, string];
  await statesOf(cluster);
  cluster.pause(lagging);
  await cluster.during(cluster.member(other).auth.enable());
  const token = await logIn(cluster, other, 'ann');
  const { auth, kv } = cluster.member(lagging);
  const putting = Promise.resolve(auth.identify({ token, commonName: undefined })).then((ann) =>
    kv.put(putRequest('ann/1', 'v'), ann),
  );
  cluster.resume(lagging);
  await cluster.during(putting);
});

test('a user whose request is on its way while authentication is turned on is that user when it is applied', async () => {
  const cluster = await startWithPasswords();
  await addUser(cluster, 'root');
  await addUser(cluster, 'ann', { prefix: 'ann/' });
  const lagging = cluster.followers[0]!;
  await statesOf(cluster);
  cluster.pause(lagging);
  await cluster.during(cluster.member(cluster.leader).auth.enable());
  const { auth, kv } = cluster.member(lagging);
  const ann = await auth.identify({ token: undefined, commonName: 'ann' });
  const putting = kv.put(putRequest('ann/1', 'v'), ann);
  const others = codeOf(kv.put(putRequest('bob/1', 'v'), ann));
  cluster.resume(lagging);
  await cluster.during(putting);
  expect(await cluster.during(others)).toBe('AUTH_PERMISSION_DENIED');
});

test('while authentication is off, a token of any kind is no hindrance', async () => {
  const cluster = await startWithPasswords();
  for (const token of ['', 'x', 'abcdefghijklmnop.1', 'abcdefghijklmnop.999999999']) {
    expect(await callerOf(cluster, 'a', token)).toBe(nobody);
  }
});

test('a user whose password was taken away is refused as one with a wrong password', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { caller: root });
  const { auth } = cluster.member(cluster.leader);
  await cluster.during(auth.userChangePassword({ name: 'ann', password: '', hashedPassword: '' }, root));
  for (const password of ['', 'ann pw']) {
    expect(await codeOf(cluster.during(auth.authenticate({ name: 'ann', password })))).toBe('AUTH_FAILED');
  }
});

test('nobody logs in with an empty password, also where a user was made with it', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  const { auth } = cluster.member(cluster.leader);
  await cluster.during(
    auth.userAdd({ name: 'ann', password: '', hashedPassword: '', options: undefined }, root),
  );
  expect(await codeOf(cluster.during(auth.authenticate({ name: 'ann', password: '' })))).toBe('AUTH_FAILED');
});

test('a member that does not know yet that authentication is on lets nobody do the work of administrators', async () => {
  const cluster = await startWithPasswords();
  await addUser(cluster, 'root');
  const lagging = cluster.followers[0]!;
  await statesOf(cluster);
  cluster.pause(lagging);
  await cluster.during(cluster.member(cluster.leader).auth.enable());
  const { auth } = cluster.member(lagging);
  const admin = { level: 'admin' } as const;
  const asking = codeOf(Promise.resolve(auth.permit(nobody, admin, { asOf: 'now' })));
  // What is there for a member without a leader is not waited for.
  expect(auth.permit(nobody, admin, { asOf: 'local' })).toBe(undefined);
  cluster.resume(lagging);
  expect(await cluster.during(asking)).toBe('AUTH_USER_EMPTY');
});

test('without a leader nobody does the work of administrators, since authentication may be on by now', async () => {
  const cluster = await startWithPasswords();
  const [first, second] = cluster.followers as [string, string];
  await cluster.stop(cluster.leader);
  await cluster.stop(second);
  await cluster.until(() => !cluster.member(first).hasLeader);
  const { auth } = cluster.member(first);
  const asking = codeOf(Promise.resolve(auth.permit(nobody, { level: 'admin' }, { asOf: 'now' })));
  await cluster.advance(8_000);
  expect(await asking).toBe('REPLICA_TIMEOUT');
  expect(auth.permit(nobody, { level: 'admin' }, { asOf: 'local' })).toBe(undefined);
});

test('who may not read the keys of a lease any more is not told of them by a member that lags', async () => {
  const cluster = await startWithPasswords();
  const root = await enable(cluster);
  await addUser(cluster, 'ann', { prefix: 'ann/', caller: root });
  const lagging = cluster.followers[0]!;
  const ann = await callerOf(cluster, lagging, await logIn(cluster, lagging, 'ann'));
  const leader = cluster.member(cluster.leader);
  await cluster.during(leader.leases.grant({ ID: 7n, TTL: 600n }, root));
  await cluster.during(leader.kv.put(putRequest('ann/1', 'v', { lease: 7n }), root));
  await statesOf(cluster);
  cluster.pause(lagging);
  await revokePrefix(cluster, 'ann', 'ann/', root);
  const { leases } = cluster.member(lagging);
  const asking = [leases.timeToLive({ ID: 7n, keys: true }, ann), leases.leases(ann)].map((work) =>
    codeOf(work),
  );
  cluster.resume(lagging);
  expect(await cluster.during(Promise.all(asking))).toEqual(Array(2).fill('AUTH_PERMISSION_DENIED'));
});

test('whoever has a token is himself, also when authentication is turned on while the token is looked at', async () => {
  const verified = Promise.withResolvers<{ user: string; revision: number; expiresAtMs: number }>();
  const cluster = await startWithPasswords({
    tokens: { sign: async () => 'signed', peek: () => undefined, verify: () => verified.promise },
  });
  const { auth, state } = cluster.member(cluster.leader);
  await addUser(cluster, 'root');
  const revision = state.auth.revision;
  const asking = Promise.resolve(auth.identify({ token: 'signed', commonName: undefined }));
  await cluster.during(auth.enable());
  await addUser(cluster, 'ann', { caller: { kind: 'user', name: 'root', provenAt: Infinity } });
  verified.resolve({ user: 'root', revision, expiresAtMs: Infinity });
  expect(state.auth.revision).toBeGreaterThan(revision);
  expect(await cluster.during(asking)).toMatchObject({ kind: 'user', name: 'root' });
});

test('tokens that are made up are not asked about without bound', async () => {
  const cluster = await startWithPasswords();
  await enable(cluster);
  const { auth, raftStatus } = cluster.member('a');
  const absurd = `abcdefghijklmnop.${raftStatus.applied + 200_000}`;
  const near = `abcdefghijklmnop.${raftStatus.applied + 50}`;
  const codes: string[] = [];
  const ask = (token: string): Promise<unknown> =>
    codeOf(Promise.resolve().then(() => auth.identify({ token, commonName: undefined }))).then((code) =>
      codes.push(code),
    );
  const asking = [ask(absurd), ...Array.from({ length: 70 }, () => ask(near))];
  // Without time passing no round ends: what is answered by now was not asked about.
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(codes).toHaveLength(7);
  await cluster.during(Promise.all(asking));
  expect(new Set(codes)).toEqual(new Set(['AUTH_INVALID_TOKEN']));
});

test('a new member stores the auth revision, which a member of etcd that gets its snapshot looks for', async () => {
  const cluster = await startWithPasswords();
  await cluster.advance(500);
  for (const name of cluster.names) {
    const { backend } = cluster.ground(name);
    expect(backend.get('auth', fromUtf8('authRevision'))).toEqual(uint64ToBytes(1n));
  }
});
