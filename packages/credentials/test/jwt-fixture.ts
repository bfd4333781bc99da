import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { ManualClock } from '@quorate/std/testing';
import { fromLatin1 } from '@quorate/std';
import {
  JwtTokens,
  type JwtOptions,
  type JwtTokensSettings,
  type ReadFile,
  type SignMethod,
} from '../src/index.ts';

/** A key pair. */
export interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Pairs that fit the methods. Made once: RSA keys take their time. */
export const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  otherRsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: generateKeyPairSync('ed25519'),
} as const satisfies Record<string, Pair>;

/** All methods with a pair that fits; HS has its secret. */
export const methods: readonly (readonly [SignMethod, Pair | undefined])[] = [
  ['RS256', pairs.rsa],
  ['RS384', pairs.rsa],
  ['RS512', pairs.rsa],
  ['PS256', pairs.rsa],
  ['PS384', pairs.rsa],
  ['PS512', pairs.rsa],
  ['ES256', pairs.p256],
  ['ES384', pairs.p384],
  ['ES512', pairs.p521],
  ['EdDSA', pairs.ed25519],
  ['HS256', undefined],
  ['HS384', undefined],
  ['HS512', undefined],
];

/** A secret for HS methods. */
export const secret = 'an HMAC secret of quite some length, more than the 64 bytes for HS512';

/** PKCS #8. */
export function privatePem(pair: Pair): string {
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** SPKI. */
export function publicPem(pair: Pair): string {
  return pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

/** A disk with these files. */
export function disk(files: Readonly<Record<string, string>>): ReadFile {
  return async (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`no such file: ${path}`);
    return fromLatin1(text);
  };
}

/** Tokens of this method, with the pair or the secret, on a clock that stands still. */
export async function openTokens(
  signMethod: SignMethod,
  pair: Pair | undefined,
  settings: JwtTokensSettings & { readonly verifyOnly?: boolean } = {},
): Promise<JwtTokens> {
  const { verifyOnly = false, ...rest } = settings;
  const files: Record<string, string> =
    pair === undefined ? { priv: secret } : { priv: privatePem(pair), pub: publicPem(pair) };
  const options: JwtOptions = {
    signMethod,
    ttlMs: 300_000,
    unknown: [],
    ...(verifyOnly ? {} : { privateKeyFile: 'priv' }),
    ...(pair === undefined ? {} : { publicKeyFile: 'pub' }),
  };
  return JwtTokens.open(options, disk(files), { clock: new ManualClock(), ...rest });
}
