import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { BcryptPasswords } from '../src/index.ts';
import { openTokens, pairs, secret } from './jwt-fixture.ts';

const canary = 'cAnArY-of-a-password';

test('no password is kept or told, neither of who was answered nor of who was refused', async () => {
  const passwords = new BcryptPasswords({ cost: 4, queueMax: 1 });
  const outcomes = await Promise.allSettled([
    passwords.hash(canary),
    passwords.matches(canary, undefined),
    passwords.matches(canary, undefined),
    passwords.hash(canary.repeat(10)),
  ]);
  const late = passwords[Symbol.asyncDispose]().then(() => passwords.hash(canary));
  const told = inspect([outcomes, await Promise.allSettled([late]), passwords], {
    depth: 20,
    showHidden: true,
  });
  expect(told).toContain('AUTH_TOO_MANY_PASSWORDS');
  expect(told).toContain('AUTH_PASSWORD_TOO_LONG');
  expect(told).not.toContain(canary);
});

test('no token or key is told by what holds them', async () => {
  const tokens = await openTokens('HS256', undefined);
  const token = await tokens.sign({ user: 'root', revision: 1 });
  await tokens.verify(token);
  const told = inspect([tokens, await openTokens('RS256', pairs.rsa)], { depth: 20, showHidden: true });
  expect(JSON.stringify(tokens) + told).not.toContain(token);
  expect(told).not.toContain(secret);
});
