import { createHmac } from 'node:crypto';
import { CompactSign, UnsecuredJWT } from 'jose';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ManualClock } from '@quorate/std/testing';
import type { JwtTokens } from '../src/index.ts';
import { methods, openTokens, pairs, publicPem } from './jwt-fixture.ts';

const clock = new ManualClock();
const nowSeconds = clock.wallMs() / 1000;
const good = { username: 'alice', revision: 7, exp: nowSeconds + 60 };
let tokens: JwtTokens;
beforeAll(async () => {
  tokens = await openTokens('RS256', pairs.rsa, { clock });
});

type Header = Record<string, unknown> & { alg: string };

/** Signed with the right key, whatever it says. */
function signed(
  payload: unknown,
  header: Header = { alg: 'RS256' },
  key = pairs.rsa.privateKey,
): Promise<string> {
  const bytes = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return new CompactSign(new TextEncoder().encode(bytes)).setProtectedHeader(header).sign(key);
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');

describe('tokens', () => {
  test.each(methods)('of %s say who and as of when, until they expire', async (method, pair) => {
    const time = new ManualClock();
    const signer = await openTokens(method, pair, { clock: time });
    const verifier = await openTokens(method, pair, { clock: time, verifyOnly: pair !== undefined });
    const token = await signer.sign({ user: 'älice', revision: 42 });
    const claims = { user: 'älice', revision: 42, expiresAtMs: time.wallMs() + 300_000 };
    expect(await verifier.verify(token)).toEqual(claims);
    time.advance(299_999);
    expect(await verifier.verify(token)).toEqual(claims);
    time.advance(1);
    expect(await verifier.verify(token)).toBeUndefined();
    expect(await (await openTokens(method, pair, { clock: time })).verify(token)).toBeUndefined();
  });

  test('look as those of etcd', async () => {
    const [header = '', payload = ''] = (await tokens.sign({ user: 'root', revision: 3 })).split('.');
    expect(Buffer.from(header, 'base64url').toString()).toBe('{"alg":"RS256","typ":"JWT"}');
    expect(Buffer.from(payload, 'base64url').toString()).toBe(
      `{"exp":${nowSeconds + 300},"revision":3,"username":"root"}`,
    );
  });

  test('are not signed where there is only the public key', async () => {
    const verifier = await openTokens('RS256', pairs.rsa, { verifyOnly: true });
    await expect(verifier.sign({ user: 'root', revision: 1 })).rejects.toMatchObject({
      code: 'AUTH_TOKEN_NOT_SIGNED',
    });
  });
});

describe('a token that was verified', () => {
  test('is known at once from then on, until it expires', async () => {
    const time = new ManualClock();
    const member = await openTokens('ES256', pairs.p256, { clock: time });
    const token = await (
      await openTokens('ES256', pairs.p256, { clock: time })
    ).sign({ user: 'a', revision: 1 });
    expect(member.peek(token)).toBeUndefined();
    const claims = await member.verify(token);
    expect(claims).toBeDefined();
    expect(member.peek(token)).toBe(claims);
    time.advance(300_000);
    expect(member.peek(token)).toBeUndefined();
  });

  test('is known at once where it was signed', async () => {
    const token = await tokens.sign({ user: 'a', revision: 1 });
    expect(tokens.peek(token)).toMatchObject({ user: 'a', revision: 1 });
  });

  test('is forgotten when many others were asked for since', async () => {
    const member = await openTokens('HS256', undefined, { rememberedMax: 4 });
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const all = await Promise.all(names.map((user) => member.sign({ user, revision: 1 })));
    const known = all.filter((token) => member.peek(token) !== undefined);
    expect(known.length).toBeLessThanOrEqual(4);
    expect(known).toContain(all.at(-1));
    for (const token of all) expect(await member.verify(token)).toBeDefined();
  });

  test('that is forged is never known', async () => {
    const forged = await signed(good, { alg: 'RS256' }, pairs.otherRsa.privateKey);
    expect(await tokens.verify(forged)).toBeUndefined();
    expect(tokens.peek(forged)).toBeUndefined();
  });
});

describe('many calls at once', () => {
  test('with one new token cost one signature', async () => {
    const member = await openTokens('RS256', pairs.rsa, { verifyingMax: 1, queueMax: 0 });
    const token = await signed(good);
    const answers = await Promise.all(Array.from({ length: 50 }, () => member.verify(token)));
    expect(answers.every((claims) => claims?.user === 'alice')).toBe(true);
  });

  test('with forged ones are bounded, and a valid one gets through after them', async () => {
    const member = await openTokens('RS256', pairs.rsa, { verifyingMax: 1, queueMax: 3 });
    const token = await signed(good);
    const forged = Array.from({ length: 10 }, (_, n) => member.verify(`${token}${n}`));
    expect(await member.verify(token)).toBeUndefined();
    await Promise.all(forged);
    expect(await member.verify(token)).toMatchObject({ user: 'alice' });
  });
});

describe('forged tokens are refused:', () => {
  test('alg none, in any spelling, with and without a signature', async () => {
    const payload = base64url(JSON.stringify(good));
    const signature = (await signed(good)).split('.')[2] ?? '';
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'RS256 ', 'rs256']) {
      const header = base64url(JSON.stringify({ alg, typ: 'JWT' }));
      for (const end of ['', signature, 'AA']) {
        expect(await tokens.verify(`${header}.${payload}.${end}`)).toBeUndefined();
      }
    }
    expect(await tokens.verify(new UnsecuredJWT(good).encode())).toBeUndefined();
  });

  test('an HMAC with the public key as its secret', async () => {
    const pem = publicPem(pairs.rsa);
    const der = pairs.rsa.publicKey.export({ type: 'spki', format: 'der' });
    for (const [alg, hash] of [
      ['HS256', 'sha256'],
      ['HS384', 'sha384'],
      ['HS512', 'sha512'],
      ['RS256', 'sha256'],
    ] as const) {
      for (const key of [pem, pem.trim(), der]) {
        const text = `${base64url(JSON.stringify({ alg, typ: 'JWT' }))}.${base64url(JSON.stringify(good))}`;
        const signature = createHmac(hash, key).update(text).digest('base64url');
        expect(await tokens.verify(`${text}.${signature}`)).toBeUndefined();
      }
    }
  });

  test('another method with the right key', async () => {
    for (const alg of ['RS384', 'RS512', 'PS256', 'PS384', 'PS512']) {
      expect(await tokens.verify(await signed(good, { alg }))).toBeUndefined();
    }
  });

  test('another key', async () => {
    const forged = await signed(good, { alg: 'RS256' }, pairs.otherRsa.privateKey);
    expect(await tokens.verify(forged)).toBeUndefined();
  });

  test('a key, a certificate or an address of one in the header', async () => {
    const jwk = pairs.otherRsa.publicKey.export({ format: 'jwk' });
    const x5c = [pairs.otherRsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')];
    for (const header of [
      { jwk },
      { x5c },
      { kid: '../../dev/null' },
      { jku: 'http://127.0.0.1:1/keys' },
      { x5u: 'http://127.0.0.1:1/cert' },
    ]) {
      const forged = await signed(good, { alg: 'RS256', ...header }, pairs.otherRsa.privateKey);
      expect(await tokens.verify(forged)).toBeUndefined();
      const honest = await signed(good, { alg: 'RS256', ...header });
      expect(await tokens.verify(honest)).toMatchObject({ user: 'alice' });
    }
  });

  test('a header that names two methods', async () => {
    const payload = base64url(JSON.stringify(good));
    const signature = (await signed(good)).split('.')[2] ?? '';
    for (const header of ['{"alg":"none","alg":"RS256"}', '{"alg":"RS256","alg":"none"}']) {
      for (const end of ['', signature]) {
        expect(await tokens.verify(`${base64url(header)}.${payload}.${end}`)).toBeUndefined();
      }
    }
  });

  test('an extension that has to be understood, b64 included', async () => {
    const payload = new TextEncoder().encode(JSON.stringify(good));
    const b64 = new CompactSign(payload).setProtectedHeader({ alg: 'RS256', crit: ['b64'], b64: true });
    const other = new CompactSign(payload).setProtectedHeader({ alg: 'RS256', crit: ['x'], x: 1 });
    expect(await tokens.verify(await b64.sign(pairs.rsa.privateKey))).toBeUndefined();
    expect(
      await tokens.verify(await other.sign(pairs.rsa.privateKey, { crit: { x: true } })),
    ).toBeUndefined();
  });

  test('a payload that was changed', async () => {
    const [header = '', , signature = ''] = (await signed(good)).split('.');
    const changed = base64url(JSON.stringify({ ...good, username: 'root' }));
    expect(await tokens.verify(`${header}.${changed}.${signature}`)).toBeUndefined();
  });
});

describe('tokens with the right signature are refused', () => {
  test('without one of the claims, or when it is of another type', async () => {
    const { username, revision, exp } = good;
    for (const claims of [
      { revision, exp },
      { username, exp },
      { username, revision },
      { ...good, username: '' },
      { ...good, username: 5 },
      { ...good, username: ['alice'] },
      { ...good, username: { toString: 'alice' } },
      { ...good, username: null },
      { ...good, revision: '7' },
      { ...good, revision: -1 },
      { ...good, revision: 1.5 },
      { ...good, revision: 2 ** 53 },
      { ...good, revision: null },
      { ...good, exp: String(exp) },
      { ...good, exp: null },
      { ...good, exp: [exp] },
      { ...good, exp: -exp },
      { sub: 'alice', revision, exp },
      { __proto__: null, user: 'alice', revision, exp },
      '{"__proto__":{"username":"alice","revision":7,"exp":99999999999}}',
    ]) {
      expect(await tokens.verify(await signed(claims))).toBeUndefined();
    }
  });

  test('when the payload is no JSON object in UTF-8', async () => {
    for (const payload of ['', ' ', 'null', '[]', '7', '"x"', '{', '{}x', '[{"username":"alice"}]']) {
      expect(await tokens.verify(await signed(payload))).toBeUndefined();
    }
    const latin1 = new CompactSign(Buffer.from(JSON.stringify({ ...good, username: 'älice' }), 'latin1'));
    const token = await latin1.setProtectedHeader({ alg: 'RS256' }).sign(pairs.rsa.privateKey);
    expect(await tokens.verify(token)).toBeUndefined();
  });

  test('when they have expired, to the millisecond', async () => {
    expect(await tokens.verify(await signed({ ...good, exp: nowSeconds }))).toBeUndefined();
    expect(await tokens.verify(await signed({ ...good, exp: nowSeconds + 0.001 }))).toBeDefined();
    expect(await tokens.verify(await signed({ ...good, exp: nowSeconds - 1 }))).toBeUndefined();
    expect(await tokens.verify(await signed({ ...good, exp: 0 }))).toBeUndefined();
  });

  test('when they are not valid yet', async () => {
    expect(await tokens.verify(await signed({ ...good, nbf: nowSeconds }))).toBeDefined();
    expect(await tokens.verify(await signed({ ...good, nbf: nowSeconds + 1 }))).toBeUndefined();
    expect(await tokens.verify(await signed({ ...good, nbf: 'now' }))).toBeUndefined();
  });

  test('when they are for somebody else', async () => {
    const forShop = await signed({ ...good, aud: 'shop' });
    const forBoth = await signed({ ...good, aud: ['shop', 'quorate'] });
    expect(await tokens.verify(forShop)).toBeUndefined();
    expect(await tokens.verify(forBoth)).toBeUndefined();
    const named = await openTokens('RS256', pairs.rsa, { clock, audience: 'quorate' });
    expect(await named.verify(forShop)).toBeUndefined();
    expect(await named.verify(forBoth)).toMatchObject({ user: 'alice' });
    expect(await named.verify(await signed(good))).toMatchObject({ user: 'alice' });
  });

  test('when they are too long, without a look inside', async () => {
    const long = await signed({ ...good, padding: 'x'.repeat(1 << 20) });
    expect(await tokens.verify(long)).toBeUndefined();
    expect(tokens.peek(long)).toBeUndefined();
    const patient = await openTokens('RS256', pairs.rsa, { clock, tokenLengthMax: long.length });
    expect(await patient.verify(long)).toMatchObject({ user: 'alice' });
    expect(await tokens.verify('.'.repeat(1 << 20))).toBeUndefined();
  });
});

describe('garbage', { timeout: 60_000 }, () => {
  test('is undefined, and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(garbage(), async (text) => {
        expect(await tokens.verify(text)).toBeUndefined();
        expect(tokens.peek(text)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  test('made of a valid token by changing one character says nothing else than the token', async () => {
    const token = await signed(good);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.string({ minLength: 1, maxLength: 1 }),
        async (at, char) => {
          const changed = token.slice(0, at) + char + token.slice(at + 1);
          const claims = await tokens.verify(changed);
          // The last characters of base64 have bits that count for nothing.
          if (claims !== undefined)
            expect(claims).toEqual({ user: 'alice', revision: 7, expiresAtMs: good.exp * 1000 });
          if (claims !== undefined && changed !== token) expect(at).toBe(token.length - 1);
        },
      ),
      { numRuns: 500 },
    );
  });
});

function garbage(): fc.Arbitrary<string> {
  const part = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json().map(base64url),
    fc.constantFrom(
      '',
      '{}',
      base64url('{"alg":"RS256"}'),
      base64url('{"alg":"RS256","b64":false,"crit":["b64"]}'),
    ),
    fc.constant(base64url(JSON.stringify(good))),
    fc.base64String(),
  );
  return fc.oneof(
    part,
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
  );
}
