import type { LoginGuarding, SignedTokens } from '@quorate/auth';
import {
  BcryptPasswords,
  CredentialsError,
  JwtTokens,
  LoginGate,
  LoginGuard,
  loginSource,
  parseAuthToken,
} from '@quorate/credentials';
import { systemClock } from '@quorate/std';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { ConfigError } from './config/errors.ts';
import type { ServerConfig } from './config/schema.ts';

/** How a member checks passwords and makes tokens. */
export interface Credentials extends AsyncDisposable {
  readonly passwords: BcryptPasswords;
  readonly guard: LoginGuard;
  readonly logins: LoginGuarding;
  readonly tokens: 'simple' | 'none' | SignedTokens;
}

/** Reads the keys of tokens and gets ready. @throws ConfigError that names the flag */
export async function openCredentials(config: ServerConfig, log: Logger): Promise<Credentials> {
  const tokens = await openTokens(config.authToken, log);
  const passwords = new BcryptPasswords({ cost: config.bcryptCost });
  const guard = new LoginGuard();
  const gate = new LoginGate({ guard, clock: systemClock });
  return {
    ...{ passwords, guard, tokens },
    logins: {
      check: ({ user, address }, check, { signal }) =>
        gate.check({ user, source: loginSource(address) }, check, { signal }),
    },
    [Symbol.asyncDispose]: () => passwords[Symbol.asyncDispose](),
  };
}

async function openTokens(value: string, log: Logger): Promise<Credentials['tokens']> {
  try {
    const parsed = parseAuthToken(value);
    if (parsed.kind !== 'jwt') return parsed.kind;
    const tokens = await JwtTokens.open(parsed.options, (path) => readFile(path));
    for (const warning of tokens.warnings) log.warn(warning);
    return tokens;
  } catch (error) {
    if (error instanceof CredentialsError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}
