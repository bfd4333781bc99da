import type { CallOptions, Client } from '@quorate/client';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { authStatusPrintout } from '../print/auth.ts';

/** The one reason not to switch authentication on that `auth enable` does away with by itself. */
const rootLacksItsRole = 'etcdserver: root user does not have root role';

/** Switches authentication on. A user root without the role root gets it first, and the role is made for that. */
export async function authEnable(context: Context): Promise<void> {
  refuseArguments(context, 'enable');
  const client = await context.client();
  const options = { timeoutMs: context.timeoutMs };
  try {
    await client.auth.enable(options);
  } catch (error) {
    if (!(error instanceof Error) || error.message !== rootLacksItsRole) throw error;
    await makeRoot(client, options);
    await client.auth.enable(options);
  }
  context.printText('Authentication Enabled\n');
}

/** Switches authentication off. */
export async function authDisable(context: Context): Promise<void> {
  refuseArguments(context, 'disable');
  const client = await context.client();
  await client.auth.disable({ timeoutMs: context.timeoutMs });
  context.printText('Authentication Disabled\n');
}

/** Says whether authentication is on. */
export async function authStatus(context: Context): Promise<void> {
  refuseArguments(context, 'status');
  const client = await context.client();
  context.print(authStatusPrintout(await client.auth.status({ timeoutMs: context.timeoutMs })));
}

async function makeRoot(client: Client, options: CallOptions): Promise<void> {
  await client.auth.roles.add('root', options);
  await client.auth.users.grantRole({ user: 'root', role: 'root' }, options);
}

function refuseArguments(context: Context, command: string): void {
  if (context.args.length === 0) return;
  throw new ExitError('badArguments', `auth ${command} command does not accept any arguments`);
}
