import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { JwtTokens, parseAuthToken } from '../src/index.ts';
import { disk, methods, openTokens, pairs, privatePem, publicPem, secret } from './jwt-fixture.ts';

/** Opens what the flag says on a disk with these files. */
async function open(flag: string, files: Readonly<Record<string, string>>): Promise<JwtTokens> {
  const parsed = parseAuthToken(flag);
  if (parsed.kind !== 'jwt') throw new Error('not a jwt flag');
  return JwtTokens.open(parsed.options, disk(files));
}

/** The reason of the refusal. */
async function refusal(flag: string, files: Readonly<Record<string, string>>): Promise<string> {
  const error: unknown = await open(flag, files).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'CREDENTIALS_AUTH_TOKEN' });
  return (error as Error).message; // Checked in the line above.
}

async function works(flag: string, files: Readonly<Record<string, string>>): Promise<void> {
  const tokens = await open(flag, files);
  const token = await tokens.sign({ user: 'root', revision: 1 });
  expect(await (await open(flag, files)).verify(token)).toMatchObject({ user: 'root' });
}

const passphrase = 'open sesame';
const { privateKey: rsa } = pairs.rsa;
const { privateKey: ec } = pairs.p256;

describe('keys', () => {
  test('are read in every PEM form that Go reads', async () => {
    const pkcs1 = rsa.export({ type: 'pkcs1', format: 'pem' }).toString();
    const publicPkcs1 = pairs.rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const sec1 = ec.export({ type: 'sec1', format: 'pem' }).toString();
    await works('jwt,sign-method=RS256,priv-key=f', { f: pkcs1 });
    await works('jwt,sign-method=PS512,priv-key=f', { f: privatePem(pairs.rsa) });
    await works('jwt,sign-method=RS256,priv-key=f,pub-key=g', { f: pkcs1, g: publicPkcs1 });
    await works('jwt,sign-method=ES256,priv-key=f', { f: sec1 });
    await works('jwt,sign-method=ES256,priv-key=f', { f: privatePem(pairs.p256) });
    await works('jwt,sign-method=EdDSA,priv-key=f', { f: privatePem(pairs.ed25519) });
    await works('jwt,sign-method=ES256,priv-key=f', { f: `some text\n${sec1}\nmore` });
  });

  test('may be a certificate for the public one', async () => {
    const tokens = await open('jwt,sign-method=ES256,pub-key=f', { f: certificate });
    await expect(tokens.sign({ user: 'a', revision: 1 })).rejects.toMatchObject({
      code: 'AUTH_TOKEN_NOT_SIGNED',
    });
  });

  test('of HS methods are the bytes of the file, a line break at its end included', async () => {
    const tokens = await open('jwt,sign-method=HS256,priv-key=f', { f: secret });
    const token = await tokens.sign({ user: 'root', revision: 1 });
    const other = await open('jwt,sign-method=HS256,priv-key=f', { f: `${secret}\n` });
    expect(await other.verify(token)).toBeUndefined();
    expect(tokens.warnings).toEqual([]);
  });

  test('that are read again do not need what was signed before to be signed again', async () => {
    const token = await (await openTokens('ES384', pairs.p384)).sign({ user: 'a', revision: 1 });
    expect(await (await openTokens('ES384', pairs.p384)).verify(token)).toBeDefined();
  });
});

describe('the operator is told', () => {
  test('of options that mean nothing', async () => {
    const tokens = await open('jwt,sign-method=RS256,priv-key=f,kid=7', { f: privatePem(pairs.rsa) });
    expect(tokens.warnings).toEqual(['--auth-token: the option "kid" means nothing']);
  });

  test('of a secret that is short, and of a public key for a method that has none', async () => {
    const { warnings } = await open('jwt,sign-method=HS256,priv-key=f,pub-key=g', { f: 'short' });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('priv-key f has 5 bytes');
    expect(warnings[0]).not.toContain('short;');
    expect(warnings[1]).toContain('pub-key g is not used');
  });
});

describe('keys are refused, with option and file,', () => {
  test.each(methods)('when %s has none', async (method) => {
    expect(await refusal(`jwt,sign-method=${method}`, {})).toContain(`${method} needs priv-key`);
  });

  test.each(methods)('when %s has one of another kind', async (method, fitting) => {
    if (fitting === undefined) return; // Any bytes are a secret.
    for (const [name, pair] of Object.entries(pairs)) {
      if (pair === fitting || (name === 'otherRsa' && fitting === pairs.rsa)) continue;
      const wrongPrivate = await refusal(`jwt,sign-method=${method},priv-key=f`, { f: privatePem(pair) });
      expect(wrongPrivate).toMatch(new RegExp(`^--auth-token: priv-key f .*${method} needs`));
      const wrongPublic = await refusal(`jwt,sign-method=${method},pub-key=g`, { g: publicPem(pair) });
      expect(wrongPublic).toMatch(new RegExp(`^--auth-token: pub-key g .*${method} needs`));
    }
  });

  test('when they do not belong together', async () => {
    const files = { f: privatePem(pairs.rsa), g: publicPem(pairs.otherRsa) };
    expect(await refusal('jwt,sign-method=RS256,priv-key=f,pub-key=g', files)).toBe(
      '--auth-token: pub-key g does not belong to priv-key f',
    );
  });

  test('when the file is not there, empty, or holds something else', async () => {
    expect(await refusal('jwt,sign-method=RS256,priv-key=f', {})).toContain('priv-key f cannot be read');
    expect(await refusal('jwt,sign-method=RS256,pub-key=g', {})).toContain('pub-key g cannot be read');
    expect(await refusal('jwt,sign-method=HS256,priv-key=f', { f: '' })).toContain('priv-key f is empty');
    const damaged = privatePem(pairs.rsa).replaceAll(/[A-M]{2}/g, 'zz');
    for (const f of ['', 'x', publicPem(pairs.rsa), damaged]) {
      expect(await refusal('jwt,sign-method=RS256,priv-key=f', { f })).toContain('priv-key f holds');
    }
    const damagedPublic = publicPem(pairs.rsa).replaceAll(/[A-M]{2}/g, 'zz');
    for (const g of ['', 'x', damagedPublic, privatePem(pairs.rsa)]) {
      expect(await refusal('jwt,sign-method=RS256,pub-key=g', { g })).toContain('pub-key g holds');
    }
  });

  test('when the private one is encrypted', async () => {
    const options = { format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
    for (const f of [rsa.export({ type: 'pkcs8', ...options }), rsa.export({ type: 'pkcs1', ...options })]) {
      const reason = await refusal('jwt,sign-method=RS256,priv-key=f', { f: f.toString() });
      expect(reason).toContain('priv-key f is encrypted');
    }
  });

  test('when an RSA key is short, or for PSS only', async () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(await refusal('jwt,sign-method=RS256,priv-key=f', { f: privatePem(short) })).toContain(
      '1024 bits',
    );
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
    expect(await refusal('jwt,sign-method=PS256,priv-key=f', { f: privatePem(pss) })).toContain('rsa-pss');
  });

  test('without a word of what is in the file', async () => {
    const canary = 'SeCrEtCaNaRy';
    for (const method of ['RS256', 'ES256', 'EdDSA']) {
      const f = `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----\n`;
      const error = await open(`jwt,sign-method=${method},priv-key=f`, { f }).catch(
        (reason: unknown) => reason,
      );
      const { message, cause } = error as Error; // Opening it failed.
      expect(`${message} ${String(cause)}`).not.toContain(canary);
    }
  });
});

/** Self-signed, on P-256, for nobody: only its key is looked at. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIUdxTvXMqpRCOU8tCWEHdA7LVZKwAwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGdG9rZW5zMCAXDTI2MTEyMjE4MDYwMloYDzIxMjYxMDI5MTgw
NjAyWjARMQ8wDQYDVQQDDAZ0b2tlbnMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARyAJIG/GCCrx0Nz562T3Rsy52hj0e5Qp++xR4udgl99xlaoM+8buRlCpb1UJrf
bdyugLzJbdwwPIcRHlh0nRIAo1MwUTAdBgNVHQ4EFgQUTwiFmtSjO2Xp9mSBxysR
gY8L9dkwHwYDVR0jBBgwFoAUTwiFmtSjO2Xp9mSBxysRgY8L9dkwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA0JowbpBgwdJ/xZg3ARrmR85aX6B+
FWiSxfyAZEyBuOICIQCai1i4d+Byv/SXLPzOYsTplXFEmZVBzZV98e4idrHpFw==
-----END CERTIFICATE-----
`;
