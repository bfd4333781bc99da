import { CertificateFolder } from '@quorate/tls/testing';
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { rpcpb } from '@quorate/wire';
import type { GrpcCaller } from '../differential/grpc-caller.ts';
import type { BadTokens } from './attack.ts';

const password = randomBytes(12).toString('hex');

/**
 * Makes root, and a user `bystander` who may do everything, and enables logins. Resolves to the token of the latter, and to
 * tokens that were good once.
 */
export async function enableLogins(
  caller: GrpcCaller,
): Promise<{ readonly token: string; readonly badTokens: BadTokens }> {
  const auth = (method: string, bytes: Uint8Array, token?: string): Promise<Uint8Array> =>
    succeed(caller, `/etcdserverpb.Auth/${method}`, bytes, token);
  const login = async (name: string): Promise<string> => {
    const request = rpcpb.AuthenticateRequest.encode({ name, password }).finish();
    return rpcpb.AuthenticateResponse.decode(await auth('Authenticate', request)).token;
  };
  await auth('RoleAdd', rpcpb.AuthRoleAddRequest.encode({ name: 'root' }).finish());
  for (const name of ['root', 'bystander', 'deleted', 'changed']) {
    const user = { ...rpcpb.AuthUserAddRequest.create(), name, password };
    await auth('UserAdd', rpcpb.AuthUserAddRequest.encode(user).finish());
    await auth('UserGrantRole', rpcpb.AuthUserGrantRoleRequest.encode({ user: name, role: 'root' }).finish());
  }
  await auth('AuthEnable', new Uint8Array(0));
  const ofEarlierLogins = await login('bystander');
  await auth('AuthDisable', new Uint8Array(0), await login('root'));
  await auth('AuthEnable', new Uint8Array(0));
  const root = await login('root');
  const ofDeletedUser = await login('deleted');
  await auth('UserDelete', rpcpb.AuthUserDeleteRequest.encode({ name: 'deleted' }).finish(), root);
  const ofChangedPassword = await login('changed');
  const change = { ...rpcpb.AuthUserChangePasswordRequest.create(), name: 'changed', password: 'another' };
  await auth('UserChangePassword', rpcpb.AuthUserChangePasswordRequest.encode(change).finish(), root);
  return {
    token: await login('bystander'),
    badTokens: { ofEarlierLogins, ofDeletedUser, ofChangedPassword },
  };
}

/** Keys for signed tokens, the flags that name them, and tokens for root that were never given out. */
export function signingKeys(): {
  readonly flags: readonly string[];
  readonly badTokens: BadTokens;
  readonly folder: string;
} {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const folder = new CertificateFolder();
  const privateFile = folder.write(
    'private.pem',
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const publicFile = folder.write('public.pem', publicPem);
  const forged = (alg: string, signature: (input: string) => Buffer): string => {
    const claims = { username: 'root', revision: 1, exp: Math.floor(Date.now() / 1000) + 3600 };
    const input = [{ alg }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${input}.${signature(input).toString('base64url')}`;
  };
  return {
    flags: [
      `--auth-token=jwt,sign-method=RS256,pub-key=${publicFile.path},priv-key=${privateFile.path},ttl=1h`,
    ],
    badTokens: {
      unsigned: forged('none', () => Buffer.alloc(0)),
      publicKeyAsSecret: forged('HS256', (input) => createHmac('sha256', publicPem).update(input).digest()),
      ofAnotherKey: forged('RS256', (input) => sign('sha256', Buffer.from(input), stranger)),
    },
    folder: folder.path,
  };
}

/** Makes a call. @throws Error when it is answered with anything but OK */
export async function succeed(
  caller: GrpcCaller,
  path: string,
  bytes: Uint8Array,
  token?: string,
): Promise<Uint8Array> {
  const reply = await caller.unary(path, bytes, token === undefined ? {} : { token });
  if (reply.code !== 0) throw new Error(`${path} was answered with ${reply.code}, "${reply.message}"`);
  return reply.bytes;
}
