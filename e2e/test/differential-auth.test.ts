import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { intendedDifferences } from '../src/differential/auth-differences.ts';
import { AuthProfile, type AuthProfileResult } from '../src/differential/auth-profile.ts';
import { etcdBin } from '../src/member-process.ts';

/** `QUORATE_SEED` replays one script, `QUORATE_AUTH_SCRIPTS` runs so many of each kind of token. */
const givenSeed = process.env['QUORATE_SEED'];
const scriptCount = Number(process.env['QUORATE_AUTH_SCRIPTS'] ?? 1);
const seedBase = 20261122;
const seeds =
  givenSeed === undefined ? Array.from({ length: scriptCount }, (_, i) => seedBase + i) : [Number(givenSeed)];

const flags = ['--unsafe-no-fsync', '--bcrypt-cost=4', '--snapshot-count=1000000'];
const kinds = [
  { tokens: 'simple', operations: 1_600, restarts: 1 },
  { tokens: 'jwt', operations: 800, restarts: 1 },
] as const;

async function runInFolder(kind: (typeof kinds)[number], seed: number): Promise<AuthProfileResult> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-auth-'));
  try {
    const key = join(folder, 'key');
    await writeFile(key, 'a secret that both servers know, of more than 32 bytes');
    const authToken = kind.tokens === 'jwt' ? `jwt,sign-method=HS256,priv-key=${key},ttl=10m` : 'simple';
    return await AuthProfile.run({ ...kind, seed, folder, flags: [...flags, `--auth-token=${authToken}`] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Every method that scripts call, and every error that they are to provoke at least once. */
const methods = [
  ...['AuthEnable', 'AuthDisable', 'AuthStatus', 'Authenticate', 'UserAdd', 'UserGet', 'UserList'].map(
    ofAuth,
  ),
  ...['UserDelete', 'UserChangePassword', 'UserGrantRole', 'UserRevokeRole', 'RoleAdd', 'RoleGet'].map(
    ofAuth,
  ),
  ...['RoleList', 'RoleDelete', 'RoleGrantPermission', 'RoleRevokePermission'].map(ofAuth),
  ...['KV/Range', 'KV/Put', 'KV/DeleteRange', 'KV/Txn', 'KV/Compact', 'Watch/Watch'],
  ...['Lease/LeaseGrant', 'Lease/LeaseRevoke', 'Lease/LeaseKeepAlive', 'Lease/LeaseTimeToLive'],
  ...['Lease/LeaseLeases', 'Cluster/MemberList', 'Cluster/MemberAdd', 'Cluster/MemberRemove'],
  ...['Cluster/MemberUpdate', 'Cluster/MemberPromote', 'Maintenance/Alarm', 'Maintenance/Status'],
  ...['Maintenance/Defragment', 'Maintenance/Hash', 'Maintenance/HashKV', 'Maintenance/Snapshot'],
  ...['Maintenance/MoveLeader', 'Maintenance/Downgrade'],
];
const errors = [
  '2 bcrypt: password length exceeds 72 bytes',
  '3 etcdserver: authentication failed, invalid user ID or password',
  '3 etcdserver: invalid auth management',
  '3 etcdserver: permission not given',
  '3 etcdserver: role name is empty',
  '3 etcdserver: user name is empty',
  '7 etcdserver: permission denied',
  '9 etcdserver: authentication is not enabled',
  '9 etcdserver: permission is not granted to the role',
  '9 etcdserver: role is not granted to the user',
  '9 etcdserver: role name already exists',
  '9 etcdserver: role name not found',
  '9 etcdserver: root user does not exist',
  '9 etcdserver: root user does not have root role',
  '9 etcdserver: user name already exists',
  '9 etcdserver: user name not found',
  '16 etcdserver: invalid auth token',
];

function ofAuth(name: string): string {
  return `Auth/${name}`;
}

test.skipIf(etcdBin === undefined)(
  'users, roles, tokens and calls in their name are answered as by etcd 3.5.30 (set QUORATE_ETCD_BIN to run)',
  { timeout: 120_000 * scriptCount },
  async () => {
    const results: AuthProfileResult[] = [];
    for (const seed of seeds) {
      // At once: while one pair of servers waits for its log, the other works.
      const outcomes = await Promise.allSettled(kinds.map((kind) => runInFolder(kind, seed)));
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') throw outcome.reason;
        results.push(outcome.value);
      }
    }
    const operations = results.reduce((sum, result) => sum + result.operations, 0);
    const stores = results.reduce((sum, result) => sum + result.storesCompared, 0);
    const met = new Map<string, number>();
    for (const [name, count] of results.flatMap((result) => [...result.differences])) {
      met.set(name, (met.get(name) ?? 0) + count);
    }
    console.log(`${operations} operations and ${stores} stores compared; intended differences:`);
    for (const [name, count] of met) console.log(`${String(count).padStart(5)} ${name}`);
    if (givenSeed !== undefined) return;
    const called = new Set(results.flatMap((result) => [...result.byMethod.keys()]));
    expect(methods.filter((method) => !called.has(method))).toEqual([]);
    const said = new Set(results.flatMap((result) => [...result.errors.keys()]));
    expect(errors.filter((error) => !said.has(error))).toEqual([]);
    expect(intendedDifferences.filter((name) => !met.has(name))).toEqual([]);
  },
);
