import type { Caller } from '@quorate/auth';
import { PlainPasswords } from '@quorate/credentials/testing';
import { emptyBytes, fromUtf8, toUtf8 } from '@quorate/std';
import { authpb, decodeKeyValue, type rpcpb } from '@quorate/wire';
import { putRequest, rangeRequest, type TestCluster, type TestClusterOptions } from '../src/testing/index.ts';
import { start } from './clusters.ts';

/** Three members that can hash passwords. */
export function startWithPasswords(options: TestClusterOptions = {}): Promise<TestCluster> {
  return start(3, { passwords: new PlainPasswords(), ...options });
}

/** Logs in at a member; resolves to the token. */
export async function logIn(
  cluster: TestCluster,
  name: string,
  user: string,
  password = `${user} pw`,
): Promise<string> {
  const { token } = await cluster.during(cluster.member(name).auth.authenticate({ name: user, password }));
  return token;
}

/** Who a member takes somebody with this token for. */
export async function callerOf(cluster: TestCluster, name: string, token: string): Promise<Caller> {
  return cluster.during(
    Promise.resolve().then(() => cluster.member(name).auth.identify({ token, commonName: undefined })),
  );
}

/** A user with a role of the same name that may do something with the keys below a prefix. */
export async function addUser(
  cluster: TestCluster,
  user: string,
  options: {
    readonly prefix?: string;
    readonly type?: authpb.Permission_Type;
    readonly caller?: Caller;
  } = {},
): Promise<void> {
  const { auth } = cluster.member(cluster.leader);
  const { prefix, type = authpb.Permission_Type.READWRITE, caller } = options;
  const add: rpcpb.AuthUserAddRequest = {
    ...{ name: user, password: `${user} pw`, hashedPassword: '', options: undefined },
  };
  await cluster.during(auth.userAdd(add, caller));
  await cluster.during(auth.roleAdd({ name: user }, caller));
  await cluster.during(auth.userGrantRole({ user, role: user }, caller));
  if (prefix !== undefined) await grantPrefix(cluster, user, prefix, { type, caller });
}

/** Lets a role do something with the keys below a prefix (one whose last byte is not 0xff). */
export async function grantPrefix(
  cluster: TestCluster,
  role: string,
  prefix: string,
  options: { readonly type?: authpb.Permission_Type; readonly caller?: Caller | undefined } = {},
): Promise<void> {
  const { type: permType = authpb.Permission_Type.READWRITE, caller } = options;
  const perm: authpb.Permission = { permType, ...prefixRange(prefix) };
  await cluster.during(cluster.member(cluster.leader).auth.roleGrantPermission({ name: role, perm }, caller));
}

/** Takes a permission back. */
export async function revokePrefix(
  cluster: TestCluster,
  role: string,
  prefix: string,
  caller: Caller,
): Promise<void> {
  const { auth } = cluster.member(cluster.leader);
  await cluster.during(auth.roleRevokePermission({ role, ...prefixRange(prefix) }, caller));
}

/** Makes the user root and turns authentication on; resolves to root as the leader knows it. */
export async function enable(cluster: TestCluster): Promise<Caller> {
  await addUser(cluster, 'root');
  await cluster.during(cluster.member(cluster.leader).auth.enable());
  return callerOf(cluster, cluster.leader, await logIn(cluster, cluster.leader, 'root'));
}

/** Puts as somebody. */
export function putAs(cluster: TestCluster, name: string, caller: Caller, key: string): Promise<unknown> {
  return cluster.during(cluster.member(name).kv.put(putRequest(key, 'v'), caller));
}

/** Reads one key as somebody. */
export async function readAs(
  cluster: TestCluster,
  name: string,
  caller: Caller,
  key: string,
  options: { readonly serializable?: boolean } = {},
): Promise<string | undefined> {
  const { kvs } = await cluster.during(cluster.member(name).kv.range(rangeRequest(key, options), caller));
  return kvs[0] && toUtf8(decodeKeyValue(kvs[0]).value);
}

function prefixRange(prefix: string): { key: Uint8Array; rangeEnd: Uint8Array } {
  const key = fromUtf8(prefix);
  if (key.length === 0) return { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };
  const rangeEnd = Uint8Array.from(key);
  rangeEnd[rangeEnd.length - 1]!++;
  return { key, rangeEnd };
}

export const noBytes = emptyBytes;
