import type { NewUser } from '@quorate/client';
import { textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { doneByHeader, roleGetPrintout, userGetPrintout, userListPrintout } from '../print/auth.ts';
import { argumentsOf } from './arguments.ts';

/** Adds a user, who may do nothing yet. */
export async function userAdd(context: Context): Promise<void> {
  const [argument] = argumentsOf(context, 1, 'user add command requires user name as its argument');
  const { name, user } = await newUserOf(context, argument);
  const client = await context.client();
  const response = await client.auth.users.add(user, { timeoutMs: context.timeoutMs });
  context.print(doneByHeader(`User ${name} created\n`, response));
}

/** Removes a user. */
export async function userDelete(context: Context): Promise<void> {
  const [name] = argumentsOf(context, 1, 'user delete command requires user name as its argument');
  const client = await context.client();
  const response = await client.auth.users.remove(textOf(name), { timeoutMs: context.timeoutMs });
  context.print(doneByHeader(`User ${name} deleted\n`, response));
}

/** Shows the roles of a user, with `--detail` also what they allow. */
export async function userGet(context: Context): Promise<void> {
  const [name] = argumentsOf(context, 1, 'user get command requires user name as its argument');
  const client = await context.client();
  const options = { timeoutMs: context.timeoutMs };
  const response = await client.auth.users.get(textOf(name), options);
  if (!context.flags.bool('detail')) {
    context.print(userGetPrintout(name, response));
    return;
  }
  context.printText(`User: ${name}\n`);
  for (const role of response.roles) {
    context.printText('\n');
    context.print(roleGetPrintout(role, await client.auth.roles.get(role, options)));
  }
}

/** Lists the users. */
export async function userList(context: Context): Promise<void> {
  argumentsOf(context, 0, 'user list command requires no arguments');
  const client = await context.client();
  context.print(userListPrintout(await client.auth.users.list({ timeoutMs: context.timeoutMs })));
}

/** Gives a user another password. */
export async function userPasswd(context: Context): Promise<void> {
  const [name] = argumentsOf(context, 1, 'user passwd command requires user name as its argument');
  const password = textOf(await newPassword(context, name));
  const client = await context.client();
  const change = { name: textOf(name), password };
  const response = await client.auth.users.changePassword(change, { timeoutMs: context.timeoutMs });
  context.print(doneByHeader('Password updated\n', response));
}

/** Lets a user do what a role allows. */
export async function userGrantRole(context: Context): Promise<void> {
  const complaint = 'user grant command requires user name and role name as its argument';
  const [user, role] = argumentsOf(context, 2, complaint);
  const client = await context.client();
  const grant = { user: textOf(user), role: textOf(role) };
  const response = await client.auth.users.grantRole(grant, { timeoutMs: context.timeoutMs });
  context.print(doneByHeader(`Role ${role} is granted to user ${user}\n`, response));
}

/** Takes a role back from a user. */
export async function userRevokeRole(context: Context): Promise<void> {
  const complaint = 'user revoke-role requires user name and role name as its argument';
  const [user, role] = argumentsOf(context, 2, complaint);
  const client = await context.client();
  const grant = { user: textOf(user), role: textOf(role) };
  const response = await client.auth.users.revokeRole(grant, { timeoutMs: context.timeoutMs });
  context.print(doneByHeader(`Role ${role} is revoked from user ${user}\n`, response));
}

/** Who `user add` is to add: the password is in a flag, behind the name, or asked for. */
async function newUserOf(
  context: Context,
  argument: ByteString,
): Promise<{ readonly name: ByteString; readonly user: NewUser }> {
  const { flags } = context;
  const withPassword = (name: ByteString, password: ByteString) => ({
    name,
    user: { name: textOf(name), password: textOf(password) },
  });
  if (flags.bool('no-password')) {
    return { name: argument, user: { name: textOf(argument), noPassword: true } };
  }
  const ofFlag = flags.string('new-user-password');
  if (ofFlag !== '') return withPassword(argument, ofFlag);
  const colon = argument.indexOf(':');
  if (colon < 0) return withPassword(argument, await newPassword(context, argument));
  if (colon === 0) throw new ExitError('badArguments', 'empty user name is not allowed');
  return withPassword(argument.slice(0, colon), argument.slice(colon + 1));
}

/** A password for a user: asked for twice, or with `--interactive=false` the first word of stdin. */
async function newPassword({ flags, terminal }: Context, name: ByteString): Promise<ByteString> {
  if (!flags.bool('interactive')) return firstWord(await terminal.stdin.lineOrRest());
  const password = await terminal.askSecret(`Password of ${name}: `);
  if (password === '') throw new ExitError('badArguments', 'empty password');
  const again = await terminal.askSecret(`Type password of ${name} again for confirmation: `);
  if (again !== password) throw new ExitError('badArguments', 'given passwords are different');
  return password;
}

function firstWord(line: ByteString): ByteString {
  return /[^\t\v\f\r ]+/.exec(line)?.[0] ?? '';
}
