import { CredentialsError } from './errors.ts';
import { parseGoDuration } from './go-duration.ts';

/** How a JSON Web Token is signed. */
export type SignMethod = (typeof signMethods)[number];

const signMethods = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'HS384', 'HS512'] as const),
];

/** What follows `jwt,` in `--auth-token`. */
export interface JwtOptions {
  readonly signMethod: SignMethod;
  /** File of the private key, or of the secret for HS256, HS384 and HS512. */
  readonly privateKeyFile?: string;
  /** File of the public key, or of a certificate with it. */
  readonly publicKeyFile?: string;
  /** How long a token is valid. */
  readonly ttlMs: number;
  /** Names of options that mean nothing; etcd warns of them and starts. */
  readonly unknown: readonly string[];
}

/** The value of `--auth-token`. */
export type AuthToken =
  /** Random tokens, known to all members through the log. */
  | { readonly kind: 'simple' }
  /** No tokens: a certificate is the only way to say who one is. */
  | { readonly kind: 'none' }
  | { readonly kind: 'jwt'; readonly options: JwtOptions };

const ttlDefaultMs = 5 * 60_000;
const ttlMinMs = 1_000;

/**
 * Reads the value of `--auth-token`: `simple`, nothing, or `jwt,sign-method=RS256,priv-key=f,pub-key=f,ttl=10m`.
 *
 * @throws CredentialsError CREDENTIALS_AUTH_TOKEN for what etcd refuses to start with: another kind, an option that is
 *   not `name=value` or is given twice, no or another sign-method, a ttl that is no duration. Beyond that, a ttl of less
 *   than a second, with which no token would be valid.
 */
export function parseAuthToken(value: string): AuthToken {
  const [kind = '', ...parts] = value.split(',');
  const given = readOptions(parts);
  switch (kind) {
    case 'simple':
      return { kind: 'simple' };
    case '':
      return { kind: 'none' };
    case 'jwt':
      return { kind: 'jwt', options: jwtOptions(given) };
    default:
      throw refusal(`there are tokens of kind simple and jwt, not ${JSON.stringify(kind)}`);
  }
}

function readOptions(parts: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of parts) {
    const [name = '', value, ...more] = part.split('=');
    if (value === undefined || more.length > 0) throw refusal(`${JSON.stringify(part)} is not name=value`);
    if (given.has(name)) throw refusal(`${name} is given twice`);
    given.set(name, value);
  }
  return given;
}

function jwtOptions(given: ReadonlyMap<string, string>): JwtOptions {
  const { 'sign-method': method, 'priv-key': privateKey, 'pub-key': publicKey, ttl, ...rest } = record(given);
  return {
    signMethod: signMethodOf(method),
    // As in etcd, an option without a value is one that was not given.
    ...(privateKey ? { privateKeyFile: privateKey } : {}),
    ...(publicKey ? { publicKeyFile: publicKey } : {}),
    ttlMs: ttl ? ttlOf(ttl) : ttlDefaultMs,
    unknown: Object.keys(rest),
  };
}

function record(given: ReadonlyMap<string, string>): Partial<Record<string, string>> {
  return Object.fromEntries(given);
}

function signMethodOf(method: string | undefined): SignMethod {
  if (!method) throw refusal(`jwt needs a sign-method, one of ${signMethods.join(', ')}`);
  const known = signMethods.find((name) => name === method);
  if (known === undefined) {
    throw refusal(`sign-method ${JSON.stringify(method)} is none of ${signMethods.join(', ')}`);
  }
  return known;
}

function ttlOf(text: string): number {
  const ttlMs = parseGoDuration(text);
  if (ttlMs === undefined) throw refusal(`ttl ${JSON.stringify(text)} is no duration such as 10m or 1h30m`);
  if (ttlMs < ttlMinMs) throw refusal(`ttl ${text} is less than a second: no token would be valid`);
  return ttlMs;
}

/** An error about the flag. */
export function refusal(reason: string, options?: ErrorOptions): CredentialsError {
  return new CredentialsError('CREDENTIALS_AUTH_TOKEN', `--auth-token: ${reason}`, options);
}
