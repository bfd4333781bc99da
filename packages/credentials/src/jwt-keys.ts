import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { toLatin1 } from '@quorate/std';
import { refusal, type JwtOptions, type SignMethod } from './auth-token.ts';

/** Reads a whole file. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** The keys of tokens. */
export interface JwtKeys {
  /** Undefined when this member can only verify. */
  readonly signing: KeyObject | undefined;
  readonly verifying: KeyObject;
  /** What an operator should know about the keys. */
  readonly warnings: readonly string[];
}

/** What a key must be for a method. */
type KeyNeed =
  | { readonly kind: 'secret'; readonly bytesMin: number }
  | { readonly kind: 'rsa'; readonly bitsMin: number }
  | { readonly kind: 'ec'; readonly curve: string; readonly curveName: string }
  | { readonly kind: 'ed25519' };

/** RFC 7518: an RSA key has at least 2048 bits, an HMAC key at least as many bits as the hash, a curve is fixed. */
const rsaNeed: KeyNeed = { kind: 'rsa', bitsMin: 2048 };
const needs = {
  RS256: rsaNeed,
  RS384: rsaNeed,
  RS512: rsaNeed,
  PS256: rsaNeed,
  PS384: rsaNeed,
  PS512: rsaNeed,
  ES256: { kind: 'ec', curve: 'prime256v1', curveName: 'P-256' },
  ES384: { kind: 'ec', curve: 'secp384r1', curveName: 'P-384' },
  ES512: { kind: 'ec', curve: 'secp521r1', curveName: 'P-521' },
  EdDSA: { kind: 'ed25519' },
  HS256: { kind: 'secret', bytesMin: 32 },
  HS384: { kind: 'secret', bytesMin: 48 },
  HS512: { kind: 'secret', bytesMin: 64 },
} as const satisfies Record<SignMethod, KeyNeed>;

/**
 * Reads the keys that `--auth-token` names.
 *
 * @throws CredentialsError CREDENTIALS_AUTH_TOKEN, with the option and the file, when a file cannot be read, a key
 *   does not fit the method, the two do not belong together, or there is none
 */
export async function readJwtKeys(options: JwtOptions, readFile: ReadFile): Promise<JwtKeys> {
  const need: KeyNeed = needs[options.signMethod];
  return need.kind === 'secret'
    ? readSecret(options, need.bytesMin, readFile)
    : readPair(options, need, readFile);
}

async function readSecret(options: JwtOptions, bytesMin: number, readFile: ReadFile): Promise<JwtKeys> {
  const { signMethod, privateKeyFile, publicKeyFile } = options;
  if (privateKeyFile === undefined) {
    throw refusal(`${signMethod} needs priv-key, a file whose bytes are the secret`);
  }
  const bytes = await read('priv-key', privateKeyFile, readFile);
  if (bytes.length === 0) throw refusal(`priv-key ${privateKeyFile} is empty`);
  const secret = createSecretKey(bytes);
  const warnings: string[] = [];
  if (bytes.length < bytesMin) {
    warnings.push(
      `--auth-token: priv-key ${privateKeyFile} has ${bytes.length} bytes; a secret for ${signMethod} should have ` +
        `at least ${bytesMin}, or whoever holds a token may find it by trying`,
    );
  }
  if (publicKeyFile !== undefined) {
    warnings.push(
      `--auth-token: pub-key ${publicKeyFile} is not used: ${signMethod} has one secret, in priv-key`,
    );
  }
  return { signing: secret, verifying: secret, warnings };
}

async function readPair(options: JwtOptions, need: KeyNeed, readFile: ReadFile): Promise<JwtKeys> {
  const { signMethod, privateKeyFile, publicKeyFile } = options;
  const signing =
    privateKeyFile === undefined
      ? undefined
      : parsePrivate(privateKeyFile, await read('priv-key', privateKeyFile, readFile));
  const given =
    publicKeyFile === undefined
      ? undefined
      : parsePublic(publicKeyFile, await read('pub-key', publicKeyFile, readFile));
  const verifying = given ?? (signing && createPublicKey(signing));
  if (verifying === undefined) throw refusal(`${signMethod} needs priv-key, or pub-key to verify only`);
  if (signing !== undefined) checkFit(signing, `priv-key ${privateKeyFile}`, signMethod, need);
  checkFit(verifying, `pub-key ${publicKeyFile}`, signMethod, need);
  if (signing !== undefined && given !== undefined && !createPublicKey(signing).equals(given)) {
    throw refusal(`pub-key ${publicKeyFile} does not belong to priv-key ${privateKeyFile}`);
  }
  return { signing, verifying, warnings: [] };
}

async function read(option: string, file: string, readFile: ReadFile): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw refusal(`${option} ${file} cannot be read`, { cause });
  }
}

function parsePrivate(file: string, bytes: Uint8Array): KeyObject {
  const pem = toLatin1(bytes);
  if (!/-----BEGIN (RSA |EC |ENCRYPTED )?PRIVATE KEY-----/.test(pem)) {
    throw refusal(`priv-key ${file} holds no private key in PEM (PKCS #1, PKCS #8 or SEC 1)`);
  }
  if (/-----BEGIN ENCRYPTED|^Proc-Type:.*ENCRYPTED/m.test(pem)) {
    throw refusal(`priv-key ${file} is encrypted; there is no way to give its passphrase`);
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw refusal(`priv-key ${file} holds a private key that cannot be read`, { cause });
  }
}

function parsePublic(file: string, bytes: Uint8Array): KeyObject {
  const pem = toLatin1(bytes);
  // Node would also take a private key and derive the public one; it has no business in a file of this name.
  if (pem.includes('PRIVATE KEY-----')) {
    throw refusal(`pub-key ${file} holds a private key; a public one, or a certificate, belongs there`);
  }
  if (!/-----BEGIN ((RSA )?PUBLIC KEY|CERTIFICATE)-----/.test(pem)) {
    throw refusal(`pub-key ${file} holds no public key or certificate in PEM`);
  }
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw refusal(`pub-key ${file} holds a public key that cannot be read`, { cause });
  }
}

function checkFit(key: KeyObject, where: string, method: SignMethod, need: KeyNeed): void {
  const type = key.asymmetricKeyType ?? 'secret';
  if (type !== need.kind) throw refusal(`${where} is of type ${type}, and ${method} needs ${nameOf(need)}`);
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (need.kind === 'rsa' && modulusLength < need.bitsMin) {
    throw refusal(`${where} has ${modulusLength} bits, and ${method} needs ${nameOf(need)}`);
  }
  if (need.kind === 'ec' && namedCurve !== need.curve) {
    throw refusal(`${where} is on the curve ${namedCurve}, and ${method} needs ${nameOf(need)}`);
  }
}

function nameOf(need: KeyNeed): string {
  switch (need.kind) {
    case 'secret':
      return `a secret of ${need.bytesMin} bytes`;
    case 'rsa':
      return `an RSA key of at least ${need.bitsMin} bits`;
    case 'ec':
      return `a key on the curve ${need.curveName}`;
    case 'ed25519':
      return 'an Ed25519 key';
  }
}
