import type { PermissionType, RoleDescription, RolePermission } from '@quorate/client';
import { prefixEnd } from '@quorate/client';
import { toLatin1 } from '@quorate/std';
import { authpb, rpcpb } from '@quorate/wire';
import { bytesOfText, type ByteString } from '../byte-string.ts';
import { omitEmpty, type JsonValue } from '../go/json.ts';
import { goQuote } from '../go/quote.ts';
import { headerFields, headerJson } from './kv.ts';
import type { Printout } from './printout.ts';

/** A response that has nothing but its header: all calls that change users, roles or permissions. */
type HeaderOnly = Pick<rpcpb.AuthUserAddResponse, 'header'>;

/** The result of a change: in the simple format, a text that says what was done. */
export function doneByHeader(text: ByteString, { header }: HeaderOnly): Printout {
  return {
    simple: () => text,
    fields: () => headerFields(header),
    json: () => omitEmpty({ header: headerJson(header) }),
    // The messages of these calls have their header under the same number.
    protobuf: () => rpcpb.AuthUserAddResponse.encode({ header }).finish(),
  };
}

/** The result of `auth status`. */
export function authStatusPrintout(response: rpcpb.AuthStatusResponse): Printout {
  const { header, enabled, authRevision } = response;
  return {
    simple: () => `Authentication Status: ${enabled}\nAuthRevision: ${authRevision}\n`,
    json: () => omitEmpty({ header: headerJson(header), enabled, authRevision }),
    protobuf: () => rpcpb.AuthStatusResponse.encode(response).finish(),
  };
}

/** The result of `user get`. */
export function userGetPrintout(name: ByteString, response: rpcpb.AuthUserGetResponse): Printout {
  const { header, roles } = response;
  return {
    simple: () => `User: ${name}\nRoles:${roles.map((role) => ` ${bytesOfText(role)}`).join('')}\n`,
    json: () => omitEmpty({ header: headerJson(header), roles }),
    protobuf: () => rpcpb.AuthUserGetResponse.encode(response).finish(),
  };
}

/** The result of `user list`. */
export function userListPrintout(response: rpcpb.AuthUserListResponse): Printout {
  const { header, users } = response;
  return {
    simple: () => users.map((user) => `${bytesOfText(user)}\n`).join(''),
    json: () => omitEmpty({ header: headerJson(header), users }),
    protobuf: () => rpcpb.AuthUserListResponse.encode(response).finish(),
  };
}

/** The result of `role list`. */
export function roleListPrintout(response: rpcpb.AuthRoleListResponse): Printout {
  const { header, roles } = response;
  return {
    simple: () => roles.map((role) => `${bytesOfText(role)}\n`).join(''),
    fields: () =>
      `${headerFields(header)}"Roles" :${roles.map((role) => ` ${goQuote(bytesOfText(role))}`).join('')}\n`,
    json: () => omitEmpty({ header: headerJson(header), roles }),
    protobuf: () => rpcpb.AuthRoleListResponse.encode(response).finish(),
  };
}

/** The result of `role get`. */
export function roleGetPrintout(role: string, { header, permissions }: RoleDescription): Printout {
  const section = (type: PermissionType) =>
    permissions
      .filter((permission) => permission.type === type || permission.type === 'readwrite')
      .map((permission) => `\t${rangeText(permission)}\n`)
      .join('');
  const perm = permissions.map(toMessage);
  return {
    simple: () => `Role ${bytesOfText(role)}\nKV Read:\n${section('read')}KV Write:\n${section('write')}`,
    fields: () => headerFields(header) + permissions.map(permissionFields).join(''),
    json: () => omitEmpty({ header: headerJson(header), perm: perm.map(permissionJson) }),
    protobuf: () => rpcpb.AuthRoleGetResponse.encode({ header, perm }).finish(),
  };
}

/** The result of `role revoke-permission`. */
export function revokedPrintout(
  {
    role,
    key,
    rangeEnd,
  }: { readonly role: ByteString; readonly key: ByteString; readonly rangeEnd: ByteString },
  response: HeaderOnly,
): Printout {
  const what = rangeEnd === '' ? `key ${key}` : `range ${intervalText(key, rangeEnd)}`;
  return doneByHeader(`Permission of ${what} is revoked from role ${role}\n`, response);
}

function rangeText({ key, rangeEnd }: RolePermission): ByteString {
  const keyText = toLatin1(key);
  if (rangeEnd.length === 0) return keyText;
  const interval = intervalText(keyText, toLatin1(rangeEnd));
  return Buffer.compare(prefixEnd(key), rangeEnd) === 0 ? `${interval} (prefix ${keyText})` : interval;
}

function intervalText(key: ByteString, rangeEnd: ByteString): ByteString {
  return rangeEnd === '\0' ? `[${key}, <open ended>` : `[${key}, ${rangeEnd})`;
}

/** Two spaces before the type are etcdctl's. */
function permissionFields({ type, key, rangeEnd }: RolePermission): ByteString {
  return (
    `"PermType" :  ${type.toUpperCase()}\n` +
    `"Key" : ${goQuote(toLatin1(key))}\n"RangeEnd" : ${goQuote(toLatin1(rangeEnd))}\n`
  );
}

function permissionJson({ permType, key, rangeEnd }: authpb.Permission): JsonValue {
  return omitEmpty({ permType, key, range_end: rangeEnd });
}

const messageTypes = {
  read: authpb.Permission_Type.READ,
  write: authpb.Permission_Type.WRITE,
  readwrite: authpb.Permission_Type.READWRITE,
} as const satisfies Record<PermissionType, authpb.Permission_Type>;

function toMessage({ type, key, rangeEnd }: RolePermission): authpb.Permission {
  return { permType: messageTypes[type], key, rangeEnd };
}
