import { describe, expect, test } from 'vitest';
import { parseAuthToken } from '../src/index.ts';

const refused = { code: 'CREDENTIALS_AUTH_TOKEN' };

describe('--auth-token', () => {
  test('names simple tokens, whatever follows', () => {
    expect(parseAuthToken('simple')).toEqual({ kind: 'simple' });
    expect(parseAuthToken('simple,anything=goes')).toEqual({ kind: 'simple' });
  });

  test('names no tokens by being empty', () => {
    expect(parseAuthToken('')).toEqual({ kind: 'none' });
  });

  test('names JSON Web Tokens with their options', () => {
    expect(parseAuthToken('jwt,sign-method=RS256,priv-key=a.pem,pub-key=b.pem,ttl=1h30m')).toEqual({
      kind: 'jwt',
      options: {
        signMethod: 'RS256',
        privateKeyFile: 'a.pem',
        publicKeyFile: 'b.pem',
        ttlMs: 5_400_000,
        unknown: [],
      },
    });
  });

  test('gives tokens five minutes when it does not say', () => {
    for (const ttl of ['', ',ttl=']) {
      expect(parseAuthToken(`jwt,sign-method=EdDSA${ttl}`)).toEqual({
        kind: 'jwt',
        options: { signMethod: 'EdDSA', ttlMs: 300_000, unknown: [] },
      });
    }
  });

  test('may have options that mean nothing, which are told', () => {
    expect(parseAuthToken('jwt,x=1,sign-method=HS512,priv-key=f,__proto__=2')).toMatchObject({
      options: { unknown: ['x', '__proto__'] },
    });
  });

  test.each([
    'simples',
    'JWT,sign-method=RS256',
    ' simple',
    'jwt',
    'jwt,',
    'jwt,sign-method',
    'jwt,sign-method=',
    'jwt,sign-method=RS256,',
    'jwt,sign-method=RS256,priv-key=a=b',
    'jwt,sign-method=RS256,sign-method=RS256',
    'jwt,sign-method=rs256',
    'jwt,sign-method=none',
    'jwt,sign-method=RS256,ttl=5',
    'jwt,sign-method=RS256,ttl=5 m',
    'jwt,sign-method=RS256,ttl=m',
    'jwt,sign-method=RS256,ttl=0',
    'jwt,sign-method=RS256,ttl=-5m',
    'jwt,sign-method=RS256,ttl=999ms',
    'simple,x',
    'simple,x=1,x=2',
  ])('is refused when it is %j', (value) => {
    expect(() => parseAuthToken(value)).toThrow(expect.objectContaining(refused));
  });

  test.each([
    ['1s', 1_000],
    ['+1s', 1_000],
    ['1.5h', 5_400_000],
    ['.5h', 1_800_000],
    ['1.s', 1_000],
    ['1000000us', 1_000],
    ['1000000\u00b5s', 1_000],
    ['1000000\u03bcs', 1_000],
    ['1h1m1s1ms', 3_661_001],
  ])('understands a ttl of %s', (ttl, ttlMs) => {
    expect(parseAuthToken(`jwt,sign-method=RS256,ttl=${ttl}`)).toMatchObject({ options: { ttlMs } });
  });
});
