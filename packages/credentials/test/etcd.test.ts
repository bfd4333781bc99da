import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BcryptPasswords, JwtTokens, parseAuthToken } from '../src/index.ts';
import { EtcdProcess, etcdBin, etcdutl, refusalOfEtcd } from './etcd-process.ts';
import { methods, pairs, privatePem, publicPem, secret, type Pair } from './jwt-fixture.ts';

const needsEtcd = '(set QUORATE_ETCD_BIN to the folder of etcd 3.5)';
const bcryptHash = /\$2a\$\d\d\$[./A-Za-z0-9]{53}/g;

describe.skipIf(etcdBin === undefined)(`a real etcd ${needsEtcd}`, { timeout: 120_000 }, () => {
  let dir: string;
  let data: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'quorate-credentials-'));
    data = join(dir, 'data');
    for (const [name, pair] of Object.entries<Pair>(pairs)) {
      await writeFile(join(dir, `${name}.pem`), privatePem(pair));
      await writeFile(join(dir, `${name}.pub`), publicPem(pair));
    }
    await writeFile(join(dir, 'secret'), secret);
    await using etcd = await EtcdProcess.start(data, ['--bcrypt-cost=4']);
    await etcd.call('auth/user/add', { name: 'root', password: 'root password' });
    await etcd.call('auth/role/add', { name: 'root' });
    await etcd.call('auth/user/grant', { user: 'root', role: 'root' });
    await etcd.call('auth/enable', {});
  });
  afterAll(() => rm(dir, { recursive: true }));

  /** The flag with the files of this pair, or the secret. */
  function flagOf(method: string, pair: Pair | undefined): string {
    const name = Object.entries<Pair>(pairs).find(([, one]) => one === pair)?.[0];
    const files =
      name === undefined
        ? `priv-key=${dir}/secret`
        : `priv-key=${dir}/${name}.pem,pub-key=${dir}/${name}.pub`;
    return `jwt,sign-method=${method},${files},ttl=10m`;
  }

  async function ours(flag: string): Promise<JwtTokens> {
    const parsed = parseAuthToken(flag);
    return parsed.kind === 'jwt' ? JwtTokens.open(parsed.options, readFile) : expect.unreachable();
  }

  /** etcd 3.5 has no EdDSA; later versions do. */
  test.each(methods.filter(([method]) => method !== 'EdDSA'))(
    'and we take each other’s tokens of %s',
    async (method, pair) => {
      const flag = flagOf(method, pair);
      await using etcd = await EtcdProcess.start(data, ['--auth-token', flag]);
      const tokens = await ours(flag);
      const theirs = await etcd.token('root', 'root password');
      const claims = await tokens.verify(theirs);
      expect(claims).toMatchObject({ user: 'root', revision: expect.any(Number) as number });
      const our = await tokens.sign({ user: 'root', revision: claims?.revision ?? 0 });
      expect(await etcd.call('auth/user/list', {}, our)).toMatchObject({ users: ['root'] });
      expect(await etcd.call('auth/user/list', {}, `${our.slice(0, -9)}AAAAAAAAA`)).toMatchObject({
        message: 'etcdserver: invalid auth token',
      });
      // The header and the members of the payload are the same, in the same order.
      const shape = (token: string): unknown =>
        token
          .split('.')
          .slice(0, 2)
          .map((part) =>
            Buffer.from(part, 'base64url')
              .toString()
              .replace(/\d{10}/, 'exp'),
          );
      expect(shape(our)).toEqual(shape(theirs));
    },
  );

  test('and we refuse to start with the same values of --auth-token', async () => {
    const rsa = `priv-key=${dir}/rsa.pem`;
    const values = [
      ...['simple', 'simple,x=1', '', ',x=1', 'simple,x', 'simple,x=1,x=2', 'other', 'JWT'],
      ...['jwt', 'jwt,', 'jwt,sign-method', 'jwt,sign-method=', 'jwt,sign-method=RS256'],
      ...[`jwt,sign-method=RS256,${rsa}`, `jwt,sign-method=RS256,${rsa},`, `jwt,${rsa}`],
      ...[`jwt,sign-method=RS256,sign-method=RS256,${rsa}`, `jwt,sign-method=rs256,${rsa}`],
      ...[`jwt,sign-method=none,${rsa}`, `jwt,sign-method=RS256,${rsa},unknown=1`],
      ...[`jwt,sign-method=RS256,${rsa},ttl=`, `jwt,sign-method=RS256,${rsa},ttl=5`],
      ...[`jwt,sign-method=RS256,${rsa},ttl=1.5h`, `jwt,sign-method=RS256,${rsa},ttl=5 m`],
      ...[`jwt,sign-method=RS256,pub-key=${dir}/rsa.pub`, `jwt,sign-method=RS256,pub-key=${dir}/rsa.pem`],
      ...[`jwt,sign-method=RS256,priv-key=${dir}/rsa.pub`, `jwt,sign-method=RS256,priv-key=${dir}/p256.pem`],
      ...[`jwt,sign-method=RS256,${rsa},pub-key=${dir}/none`, `jwt,sign-method=RS256,priv-key=${dir}/none`],
      ...[
        `jwt,sign-method=HS256`,
        `jwt,sign-method=HS256,pub-key=${dir}/rsa.pub`,
        `jwt,sign-method=ES256,${rsa}`,
      ],
    ];
    const fresh = join(dir, 'fresh');
    for (const value of values) {
      const theirs = await refusalOfEtcd(fresh, ['--auth-token', value]);
      const our = await refusalOfOurs(value);
      expect({ value, refused: our !== undefined }).toEqual({ value, refused: theirs !== undefined });
    }
  });

  test('overlooks keys that do not belong together, and we refuse them, as later versions of it', async () => {
    const value = `jwt,sign-method=RS256,priv-key=${dir}/rsa.pem,pub-key=${dir}/otherRsa.pub`;
    expect(await refusalOfEtcd(join(dir, 'fresh'), ['--auth-token', value])).toBeUndefined();
    expect(await refusalOfOurs(value)).toMatchObject({ code: 'CREDENTIALS_AUTH_TOKEN' });
  });

  async function refusalOfOurs(value: string): Promise<unknown> {
    try {
      const parsed = parseAuthToken(value);
      if (parsed.kind === 'jwt') await JwtTokens.open(parsed.options, readFile);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  test('and we read each other’s hashes of passwords', async () => {
    await using passwords = new BcryptPasswords({ cost: 4 });
    const file = join(dir, 'snapshot.db');
    {
      await using etcd = await EtcdProcess.start(data, ['--bcrypt-cost=4']);
      await etcd.snapshot(file, 'root:root password');
    }
    const bytes = await readFile(file, 'latin1');
    const theirs = new Set(bytes.match(bcryptHash));
    expect(theirs.size).toBeGreaterThan(0);
    for (const hash of theirs) expect(await passwords.matches('root password', hash)).toBe(true);

    const our = await passwords.hash('another password');
    await writeFile(
      file,
      bytes.replaceAll(bcryptHash, () => our),
      'latin1',
    );
    const restored = join(dir, 'restored');
    await etcdutl('snapshot', 'restore', file, '--skip-hash-check', '--data-dir', restored);
    await using etcd = await EtcdProcess.start(restored, []);
    expect(await etcd.token('root', 'another password')).toBeTypeOf('string');
    await expect(etcd.token('root', 'root password')).rejects.toThrow('authentication failed');
  });

  test('and we hash up to 72 bytes, and compare no more than those', async () => {
    await using etcd = await EtcdProcess.start(data, ['--bcrypt-cost=4']);
    await using passwords = new BcryptPasswords({ cost: 4 });
    const token = await etcd.token('root', 'root password');
    const longest = 'x'.repeat(72);
    const tooLong = await etcd.call('auth/user/add', { name: 'long', password: `${longest}x` }, token);
    expect(tooLong['message']).toBe('bcrypt: password length exceeds 72 bytes');
    await expect(passwords.hash(`${longest}x`)).rejects.toMatchObject({ code: 'AUTH_PASSWORD_TOO_LONG' });
    await etcd.call('auth/user/add', { name: 'long', password: longest }, token);
    const hash = await passwords.hash(longest);
    for (const [password, right] of [
      [longest, true],
      [`${longest}more`, true],
      [longest.slice(1), false],
    ] as const) {
      const theirs = await etcd.token('long', password).then(
        () => true,
        () => false,
      );
      expect([theirs, await passwords.matches(password, hash)]).toEqual([right, right]);
    }
  });
});
