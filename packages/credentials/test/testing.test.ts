import { describe, expect, test } from 'vitest';
import { ManualClock } from '@quorate/std/testing';
import { PlainPasswords, UnsignedTokens } from '../src/testing/index.ts';

describe('plain passwords', () => {
  test('are compared as real ones, without work or chance', async () => {
    const passwords = new PlainPasswords();
    expect(await passwords.hash('pä')).toBe('plain:cMOk');
    expect(await passwords.matches('pä', 'plain:cMOk')).toBe(true);
    expect(await passwords.matches('', await passwords.hash(''))).toBe(true);
    for (const hash of [undefined, '', 'plain:', 'plain:eA==', '$2a$04$x']) {
      expect(await passwords.matches('pä', hash)).toBe(false);
    }
    await expect(passwords.hash('x'.repeat(73))).rejects.toMatchObject({ code: 'AUTH_PASSWORD_TOO_LONG' });
  });
});

describe('unsigned tokens', () => {
  test('say who and as of when, until they expire', async () => {
    const clock = new ManualClock();
    const tokens = new UnsignedTokens({ clock, ttlMs: 1_000 });
    const token = await tokens.sign({ user: 'a:b', revision: 3 });
    const claims = { user: 'a:b', revision: 3, expiresAtMs: clock.wallMs() + 1_000 };
    expect(await tokens.verify(token)).toEqual(claims);
    expect(tokens.peek(token)).toEqual(claims);
    clock.advance(1_000);
    expect(tokens.peek(token)).toBeUndefined();
    for (const garbage of ['', 'unsigned:', 'unsigned:x:1:a', `${token} `.slice(0, 12)]) {
      expect(await tokens.verify(garbage)).toBeUndefined();
    }
  });
});
