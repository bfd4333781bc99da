import { prefixEnd, toKeyRange, type KeyRange, type KeySelector, type PermissionType } from '@quorate/client';
import { toLatin1 } from '@quorate/std';
import { textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import type { Flags } from '../cli/flags.ts';
import { ExitError } from '../exit.ts';
import { doneByHeader, revokedPrintout, roleGetPrintout, roleListPrintout } from '../print/auth.ts';
import { argumentsOf } from './arguments.ts';
import { argumentBytes } from './key-range.ts';

/** Adds a role, which allows nothing yet. */
export async function roleAdd(context: Context): Promise<void> {
  const [name] = argumentsOf(context, 1, 'role add command requires role name as its argument');
  const client = await context.client();
  const response = await client.auth.roles.add(textOf(name), { timeoutMs: context.timeoutMs });
  context.print(doneByHeader(`Role ${name} created\n`, response));
}

/** Removes a role. */
export async function roleDelete(context: Context): Promise<void> {
  const [name] = argumentsOf(context, 1, 'role delete command requires role name as its argument');
  const client = await context.client();
  const response = await client.auth.roles.remove(textOf(name), { timeoutMs: context.timeoutMs });
  context.print(doneByHeader(`Role ${name} deleted\n`, response));
}

/** Shows what a role allows. */
export async function roleGet(context: Context): Promise<void> {
  const [name] = argumentsOf(context, 1, 'role get command requires role name as its argument');
  const client = await context.client();
  const role = await client.auth.roles.get(textOf(name), { timeoutMs: context.timeoutMs });
  context.print(roleGetPrintout(textOf(name), role));
}

/** Lists the roles. */
export async function roleList(context: Context): Promise<void> {
  argumentsOf(context, 0, 'role list command requires no arguments');
  const client = await context.client();
  context.print(roleListPrintout(await client.auth.roles.list({ timeoutMs: context.timeoutMs })));
}

/** Lets a role read, write, or both. */
export async function roleGrantPermission(context: Context): Promise<void> {
  const [name, type, ...keys] = context.args;
  if (name === undefined || type === undefined || keys.length === 0) {
    const text = 'role grant command requires role name, permission type, and key [endkey] as its argument';
    throw new ExitError('badArguments', text);
  }
  const permission = { type: permissionType(type), ...selectorOf(permissionRange(keys, context.flags)) };
  const client = await context.client();
  const options = { timeoutMs: context.timeoutMs };
  const response = await client.auth.roles.grantPermission(textOf(name), permission, options);
  context.print(doneByHeader(`Role ${name} updated\n`, response));
}

/** Takes a permission back. */
export async function roleRevokePermission(context: Context): Promise<void> {
  const [name, ...keys] = context.args;
  if (name === undefined || keys.length === 0) {
    const text = 'role revoke-permission command requires role name and key [endkey] as its argument';
    throw new ExitError('badArguments', text);
  }
  const range = permissionRange(keys, context.flags);
  const client = await context.client();
  const options = { timeoutMs: context.timeoutMs };
  const response = await client.auth.roles.revokePermission(textOf(name), selectorOf(range), options);
  const revoked = { role: name, key: keys[0] ?? '', rangeEnd: toLatin1(range.rangeEnd) };
  context.print(revokedPrintout(revoked, response));
}

function permissionType(text: ByteString): PermissionType {
  const type = text.toLowerCase();
  if (type === 'read' || type === 'write' || type === 'readwrite') return type;
  throw new ExitError('badArguments', `invalid permission type: ${text}`);
}

/** What `<key> [endkey]`, `--prefix` and `--from-key` mean. An empty key is the first one there can be: 0x00. */
function permissionRange([key = '', rangeEnd]: readonly ByteString[], flags: Flags): KeyRange {
  const prefix = flags.bool('prefix');
  const fromKey = flags.bool('from-key');
  const exclusive = '--from-key and --prefix flags are mutually exclusive';
  if (key === '') {
    if (prefix && fromKey) throw new ExitError('badArguments', exclusive);
    // An end behind an empty key is passed over.
    const all = toKeyRange({ prefix: '' });
    return prefix || fromKey ? all : { key: all.key, rangeEnd: new Uint8Array(0) };
  }
  const keyBytes = argumentBytes(key);
  if (rangeEnd === undefined) {
    if (prefix && fromKey) throw new ExitError('badArguments', exclusive);
    if (prefix) return { key: keyBytes, rangeEnd: prefixEnd(keyBytes) };
    return fromKey ? toKeyRange({ range: { from: keyBytes } }) : toKeyRange({ key: keyBytes });
  }
  for (const flag of ['prefix', 'from-key']) {
    if (!flags.bool(flag)) continue;
    throw new ExitError('badArguments', `unexpected endkey argument with --${flag} flag`);
  }
  return { key: keyBytes, rangeEnd: argumentBytes(rangeEnd) };
}

/** A range as the client takes it. */
function selectorOf({ key, rangeEnd }: KeyRange): KeySelector {
  return rangeEnd.length === 0 ? { key } : { range: { from: key, endExclusive: rangeEnd } };
}
