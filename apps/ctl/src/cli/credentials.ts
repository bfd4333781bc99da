import type { ClientOptions } from '@quorate/client';
import { textOf, type ByteString } from '../byte-string.ts';
import { ExitError } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import type { Flags } from './flags.ts';

/** Who a client is, as its options say it. */
export type ClientCredentials = Pick<ClientOptions, 'auth' | 'authToken'>;

/**
 * Who `--user`, `--password` and `--auth-jwt-token` say we are. A password that is given nowhere is asked for. As for
 * etcdctl, a name or a password that is empty means nobody.
 */
export async function credentialsOf(flags: Flags, terminal: Terminal): Promise<ClientCredentials> {
  const authToken = flags.string('auth-jwt-token');
  if (authToken !== '') {
    if (flags.string('user') === '') return { authToken: checkedToken(authToken) };
    throw new ExitError('badArguments', '--auth-jwt-token and --user are both given: use one of them');
  }
  return await passwordOf({ user: flags.string('user'), password: flags.string('password') }, () =>
    terminal.askSecret('Password: '),
  );
}

/** Who `--dest-user` and `--dest-password` say we are where a mirror is made. */
export function destinationCredentialsOf(flags: Flags, terminal: Terminal): Promise<ClientCredentials> {
  const given = { user: flags.string('dest-user'), password: flags.string('dest-password') };
  return passwordOf(given, () => terminal.askSecret('Destination Password: '));
}

async function passwordOf(
  { user, password: ofFlag }: { readonly user: ByteString; readonly password: ByteString },
  ask: () => Promise<ByteString>,
): Promise<ClientCredentials> {
  if (user === '') return {};
  const colon = ofFlag === '' ? user.indexOf(':') : -1;
  const name = colon < 0 ? user : user.slice(0, colon);
  const password = ofFlag || (colon < 0 ? await ask() : user.slice(colon + 1));
  return name === '' || password === '' ? {} : { auth: { name: textOf(name), password: textOf(password) } };
}

/** The client refuses such a token, too, but does not know of flags. */
function checkedToken(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  const text = '--auth-jwt-token has characters that are in no token: give it without spaces and line breaks';
  throw new ExitError('badArguments', text);
}
