import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GrpcCaller, type Reply } from '../src/differential/grpc-caller.ts';
import { op } from '../src/differential/operation.ts';
import { unaryOverHttp2 } from '../src/hostile/http2-call.ts';
import { startQuorate, type MemberProcess } from '../src/member-process.ts';

/** A member with users `root` and `alice`, who may do everything as well, and logins switched on. */
class Guarded implements AsyncDisposable {
  readonly folder: string;
  readonly member: MemberProcess;
  readonly #caller: GrpcCaller;

  private constructor(folder: string, member: MemberProcess) {
    this.folder = folder;
    this.member = member;
    this.#caller = new GrpcCaller(member.endpoint);
  }

  static async start(folder: string, flags: readonly string[] = []): Promise<Guarded> {
    const dataDir = join(folder, 'data');
    const member = await startQuorate({ dataDir, flags: ['--unsafe-no-fsync', '--bcrypt-cost=4', ...flags] });
    const guarded = new Guarded(folder, member);
    await guarded.auth('RoleAdd', rpcpb.AuthRoleAddRequest.encode({ name: 'root' }).finish());
    for (const name of ['root', 'alice']) await guarded.addUser(name);
    await guarded.auth('AuthEnable', new Uint8Array(0));
    return guarded;
  }

  async addUser(name: string, token?: string): Promise<void> {
    const user = { ...rpcpb.AuthUserAddRequest.create(), name, password: name };
    await this.auth('UserAdd', rpcpb.AuthUserAddRequest.encode(user).finish(), token);
    const granted = rpcpb.AuthUserGrantRoleRequest.encode({ user: name, role: 'root' }).finish();
    await this.auth('UserGrantRole', granted, token);
  }

  /** A change of users or roles, or a login. @throws Error when it is refused */
  async auth(method: string, bytes: Uint8Array, token?: string): Promise<Uint8Array> {
    const credentials = token === undefined ? {} : { token };
    const reply = await this.#caller.unary(`/etcdserverpb.Auth/${method}`, bytes, credentials);
    if (reply.code !== 0) throw new Error(`${method} was answered with ${reply.code}, "${reply.message}"`);
    return reply.bytes;
  }

  async login(name: string, password = name): Promise<string> {
    const request = rpcpb.AuthenticateRequest.encode({ name, password }).finish();
    return rpcpb.AuthenticateResponse.decode(await this.auth('Authenticate', request)).token;
  }

  async read(credentials: { token?: string; authorization?: string }): Promise<Reply> {
    const { path, bytes } = op.range({ key: fromUtf8('k') });
    return this.#caller.unary(path, bytes, credentials);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#caller[Symbol.dispose]();
    await this.member[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const refused = { code: status.UNAUTHENTICATED, message: 'etcdserver: invalid auth token' };

describe('simple tokens', () => {
  let guarded: Guarded;
  beforeAll(async () => {
    guarded = await Guarded.start(await mkdtemp(join(tmpdir(), 'quorate-tokens-')));
  });
  afterAll(() => guarded[Symbol.asyncDispose]());

  test('one that was given out holds, in either place', async () => {
    const token = await guarded.login('alice');
    expect(await guarded.read({ token })).toMatchObject({ code: status.OK });
    expect(await guarded.read({ authorization: token })).toMatchObject({ code: status.OK });
  });

  test.each([
    ['random letters', 'abcdefghijklmnop.7'],
    ['one of an entry that is far away', 'abcdefghijklmnop.9000000000000000'],
    ['one of an entry beyond 64 bits', `abcdefghijklmnop.${'9'.repeat(40)}`],
    ['one of a negative entry', 'abcdefghijklmnop.-1'],
    ['a name of Object.prototype', '__proto__'],
    ['the name of a user', 'root'],
    ['an unsigned JWT', 'eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6InJvb3QifQ.'],
    ['thirty thousand letters', 'a'.repeat(30_000)],
  ])('%s: refused', async (_name, token) => {
    expect(await guarded.read({ token })).toMatchObject(refused);
  });

  test('a token of a megabyte does not even come in', async () => {
    const { path } = op.range({ key: fromUtf8('k') });
    const token = 'a'.repeat(1 << 20);
    const reply = await unaryOverHttp2(guarded.member.endpoint, path, Buffer.alloc(5), { token });
    expect(reply.code).not.toBe(status.OK);
    expect(await guarded.read({ token: await guarded.login('alice') })).toMatchObject({ code: status.OK });
  });

  test('a good token in one place does not help a bad one in the other, which comes first', async () => {
    const good = await guarded.login('alice');
    expect(await guarded.read({ token: 'bad', authorization: good })).toMatchObject(refused);
    expect(await guarded.read({ token: good, authorization: 'bad' })).toMatchObject({ code: status.OK });
  });

  test('`Bearer` may stand before a token, once, and where HTTP has it', async () => {
    const token = await guarded.login('alice');
    expect(await guarded.read({ authorization: `Bearer ${token}` })).toMatchObject({ code: status.OK });
    expect(await guarded.read({ authorization: `Bearer Bearer ${token}` })).toMatchObject(refused);
    expect(await guarded.read({ token: `Bearer ${token}` })).toMatchObject(refused);
  });

  test('one of a user who was deleted, and came again under his name, does not hold', async () => {
    const root = await guarded.login('root');
    await guarded.addUser('bob', root);
    const token = await guarded.login('bob');
    expect(await guarded.read({ token })).toMatchObject({ code: status.OK });
    await guarded.auth('UserDelete', rpcpb.AuthUserDeleteRequest.encode({ name: 'bob' }).finish(), root);
    expect(await guarded.read({ token })).toMatchObject(refused);
    await guarded.addUser('bob', root);
    expect(await guarded.read({ token })).toMatchObject(refused);
  });

  test('one from before the password was changed does not hold', async () => {
    const root = await guarded.login('root');
    const token = await guarded.login('alice');
    const change = { ...rpcpb.AuthUserChangePasswordRequest.create(), name: 'alice', password: 'alice' };
    const encoded = rpcpb.AuthUserChangePasswordRequest.encode(change).finish();
    await guarded.auth('UserChangePassword', encoded, root);
    expect(await guarded.read({ token })).toMatchObject(refused);
  });

  test('one from before logins were switched off and on again does not hold', async () => {
    const root = await guarded.login('root');
    const token = await guarded.login('alice');
    await guarded.auth('AuthDisable', new Uint8Array(0), root);
    expect(await guarded.read({ token: 'whatever' })).toMatchObject({ code: status.OK });
    await guarded.auth('AuthEnable', new Uint8Array(0));
    expect(await guarded.read({ token })).toMatchObject(refused);
    expect(await guarded.read({ token: await guarded.login('alice') })).toMatchObject({ code: status.OK });
  });
});

describe('signed tokens', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' });
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const inAnHour = Math.floor(Date.now() / 1000) + 3600;
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = { username: 'root', revision: 1, exp: inAnHour };
  /** A token with this header and these claims, signed by `signature`. */
  const forged = (header: object, body: object, signature: (input: Buffer) => Buffer): string => {
    const input = `${encode(header)}.${encode(body)}`;
    return `${input}.${signature(Buffer.from(input)).toString('base64url')}`;
  };
  const byKey = (input: Buffer): Buffer => sign('sha256', input, privateKey);
  let guarded: Guarded;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-tokens-'));
    const keys = { private: join(folder, 'private.pem'), public: join(folder, 'public.pem') };
    await writeFile(keys.private, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await writeFile(keys.public, publicPem);
    const flag = `--auth-token=jwt,sign-method=RS256,pub-key=${keys.public},priv-key=${keys.private},ttl=10m`;
    guarded = await Guarded.start(folder, [flag]);
  });
  afterAll(() => guarded[Symbol.asyncDispose]());

  test('one that was given out holds, and so does one of the same key', async () => {
    expect(await guarded.read({ token: await guarded.login('alice') })).toMatchObject({ code: status.OK });
    const [, body = ''] = (await guarded.login('root')).split('.');
    const { revision } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { revision: number };
    const token = forged({ alg: 'RS256' }, { ...claims, revision }, byKey);
    expect(await guarded.read({ token })).toMatchObject({ code: status.OK });
  });

  test.each<[string, () => string]>([
    ['no algorithm', () => forged({ alg: 'none' }, claims, () => Buffer.alloc(0))],
    [
      'the public key as a secret',
      () =>
        forged({ alg: 'HS256' }, claims, (input) => createHmac('sha256', publicPem).update(input).digest()),
    ],
    ['another key', () => forged({ alg: 'RS256' }, claims, (input) => sign('sha256', input, stranger))],
    [
      'another method of the same key',
      () => forged({ alg: 'RS512' }, claims, (input) => sign('sha512', input, privateKey)),
    ],
    ['no user', () => forged({ alg: 'RS256' }, { revision: 1, exp: inAnHour }, byKey)],
    ['no revision', () => forged({ alg: 'RS256' }, { username: 'root', exp: inAnHour }, byKey)],
    ['no end', () => forged({ alg: 'RS256' }, { username: 'root', revision: 1 }, byKey)],
    ['an end in the past', () => forged({ alg: 'RS256' }, { ...claims, exp: 1 }, byKey)],
    ['a revision that is yet to come', () => forged({ alg: 'RS256' }, { ...claims, revision: 1e9 }, byKey)],
    ['an audience that is not us', () => forged({ alg: 'RS256' }, { ...claims, aud: 'others' }, byKey)],
    ['a user who does not exist', () => forged({ alg: 'RS256' }, { ...claims, username: 'nobody' }, byKey)],
  ])('%s: refused', async (_name, make) => {
    const reply = await guarded.read({ token: make() });
    expect([status.UNAUTHENTICATED, status.PERMISSION_DENIED]).toContain(reply.code);
  });
});
