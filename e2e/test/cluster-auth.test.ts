import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runAuthLoad } from '../src/cluster/auth-load.ts';
import type { ClusterMember } from '../src/cluster/cluster-member.ts';
import { ClusterUsers, get, put } from '../src/cluster/cluster-users.ts';
import { withCluster } from '../src/cluster/process-cluster.ts';
import { until } from '../src/cluster/until.ts';
import { authOp } from '../src/differential/auth-operations.ts';
import { etcdBin, type MemberKind } from '../src/member-process.ts';

/** Clusters of real etcds and of Quorate, with authentication on. */
const mixed = test.skipIf(etcdBin === undefined);
const hint = '(set QUORATE_ETCD_BIN to run)';
const flags = ['--bcrypt-cost=4'];
/** `QUORATE_SEED` replays a load, `QUORATE_AUTH_LOAD` makes it longer. */
const seed = Number(process.env['QUORATE_SEED'] ?? 20261122);
const operations = Number(process.env['QUORATE_AUTH_LOAD'] ?? 300);

mixed.each([{ kinds: ['etcd', 'etcd', 'quorate'] }, { kinds: ['quorate', 'quorate', 'etcd'] }] as const)(
  `users, tokens and permissions are the same at all members of $kinds ${hint}`,
  { timeout: 180_000 },
  async ({ kinds }) => {
    await withCluster({ kinds, flags }, async (cluster) => {
      const { members } = cluster;
      const etcd = memberOf(members, 'etcd');
      const quorate = memberOf(members, 'quorate');
      await cluster.moveLeader(etcd);
      using users = await ClusterUsers.enable(cluster, quorate);
      await liveWithUsers(users, { made: quorate, used: etcd, name: 'alice' });
      await liveWithUsers(users, { made: etcd, used: quorate, name: 'bob' });
      await cluster.moveLeader(quorate);
      await liveWithUsers(users, { made: quorate, used: etcd, name: 'carol' });
      await liveWithUsers(users, { made: etcd, used: quorate, name: 'dora' });
      const { answers } = await runAuthLoad({ members, users, seed, operations });
      await users.untilEqual();
      expect(answers.get('0 ')).toBeGreaterThan(operations / 10);
      expect(answers.get('7 etcdserver: permission denied')).toBeGreaterThan(5);
      await restartOf(etcd, users);
      await restartOf(quorate, users);
      await users.untilEqual();
      await users.must(etcd, authOp.disable());
      await users.must(quorate, put('anybody'), '');
    });
  },
);

mixed(
  `a signed token of either kind of member is good at the other, and ends with its user's password ${hint}`,
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-jwt-'));
    try {
      const key = join(folder, 'key');
      await writeFile(key, 'a secret that all members know, of more than 32 bytes');
      const jwt = `--auth-token=jwt,sign-method=HS256,priv-key=${key},ttl=10m`;
      await withCluster(
        { kinds: ['etcd', 'quorate', 'quorate'], flags: [...flags, jwt] },
        async (cluster) => {
          const etcd = memberOf(cluster.members, 'etcd');
          const quorate = memberOf(cluster.members, 'quorate');
          using users = await ClusterUsers.enable(cluster, etcd);
          await makeUser(users, etcd, 'alice');
          for (const [here, there] of [
            [etcd, quorate],
            [quorate, etcd],
          ] as const) {
            const token = await users.logIn(here, 'alice');
            expect(token.split('.')).toHaveLength(3);
            await users.must(there, put('alice/1'), token);
            expect((await users.call(there, put('bob/1'), token)).code).toBe(7);
            await users.must(here, authOp.userChangePassword('alice', 'other'));
            await until('the token to end at Quorate', async () => {
              const { code } = await users.call(quorate, get('alice/1'), token);
              return code === 16 || undefined;
            });
            // etcd only says that something has changed.
            expect((await users.call(etcd, get('alice/1'), token)).code).toBe(3);
            await users.must(there, authOp.userChangePassword('alice', 'pass'));
            await users.logInRoot(there);
          }
          await users.untilEqual();
        },
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

function memberOf(members: readonly ClusterMember[], kind: MemberKind): ClusterMember {
  const found = members.find((member) => member.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found;
}

/** A user with a role that may read and write what begins with his name. */
async function makeUser(users: ClusterUsers, member: ClusterMember, name: string): Promise<void> {
  const role = `role of ${name}`;
  const perm = { permType: 2, key: Buffer.from(`${name}/`), rangeEnd: Buffer.from(`${name}0`) } as const;
  await users.must(member, authOp.userAdd({ name, password: 'pass' }));
  await users.must(member, authOp.roleAdd(role));
  await users.must(member, authOp.roleGrantPermission({ name: role, perm }));
  await users.must(member, authOp.userGrantRole(name, role));
}

interface Life {
  /** Where the user is made, and changed. */
  readonly made: ClusterMember;
  /** Where he is at work. */
  readonly used: ClusterMember;
  readonly name: string;
}

/** Makes a user at one member, who works at another, until his permission, his password, and he himself go. */
async function liveWithUsers(users: ClusterUsers, { made, used, name }: Life): Promise<void> {
  const key = `${name}/key`;
  const refusal = async (at: ClusterMember, token: string): Promise<number> =>
    (await users.decided(at, put(key), token)).code;
  const untilRefused = (at: ClusterMember, token: string): Promise<unknown> =>
    until(
      `the token of ${name} to end at ${at.name}`,
      async () => (await refusal(at, token)) === 16 || undefined,
    );

  const logIn = (at: ClusterMember, other: ClusterMember): Promise<string> =>
    logInForBoth(users, name, { at, other });

  await makeUser(users, made, name);
  const token = await logIn(made, used);
  await users.must(used, put(key), token);
  await users.must(made, get(key), token);
  const other = await logIn(used, made);
  await users.must(made, put(key), other);
  expect((await users.decided(used, put('elsewhere'), token)).code).toBe(7);
  expect((await users.decided(made, get('elsewhere'), other)).code).toBe(7);

  const range = { key: Buffer.from(`${name}/`), rangeEnd: Buffer.from(`${name}0`) };
  await users.must(made, authOp.roleRevokePermission({ role: `role of ${name}`, ...range }));
  expect(await refusal(used, token)).toBe(7);
  await users.must(
    used,
    authOp.roleGrantPermission({ name: `role of ${name}`, perm: { permType: 1, ...range } }),
  );
  expect(await refusal(made, token)).toBe(0);
  expect((await users.decided(made, get(key), token)).code).toBe(7);

  await users.must(made, authOp.userChangePassword(name, 'pass'));
  await untilRefused(used, token);
  const last = await logIn(used, made);
  expect(await refusal(made, last)).toBe(0);
  await users.must(used, authOp.userDelete(name));
  await untilRefused(made, last);
  await users.must(used, authOp.roleDelete(`role of ${name}`));
}

/**
 * A token of one member that another one takes. Quorate takes it at once: it waits for the entry of the log that made
 * it. etcd waits for the entry before that one.
 */
async function logInForBoth(
  users: ClusterUsers,
  name: string,
  { at, other }: { readonly at: ClusterMember; readonly other: ClusterMember },
): Promise<string> {
  const token = await users.logIn(at, name);
  if (other.kind === 'quorate') return token;
  return until(`the token of ${name} to be known at ${other.name}`, async () => {
    const { code } = await users.decided(other, authOp.userGet(name), token);
    return code === 0 ? token : undefined;
  });
}

/** Users outlive a restart, simple tokens do not. */
async function restartOf(member: ClusterMember, users: ClusterUsers): Promise<void> {
  await member.stop();
  await member.start();
  expect((await users.decided(member, get('any'))).code).toBe(16);
  await until('root to log in again', async () => {
    await users.logInRoot(member);
    return true;
  });
}
