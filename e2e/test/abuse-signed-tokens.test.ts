import { afterAll, beforeAll, test } from 'vitest';
import { signedTokenAttacks } from '../src/abuse/auth-attacks.ts';
import { Siege } from '../src/abuse/siege.ts';
import { expectHarmless } from '../src/abuse/verdict.ts';

let siege: Siege;
beforeAll(async () => {
  siege = await Siege.start({ withLogins: true, withSignedTokens: true });
}, 60_000);
afterAll(() => siege[Symbol.asyncDispose]());

test.each(Object.keys(signedTokenAttacks))(
  '%s: others are served as ever, and nothing is left of it',
  {
    timeout: 180_000,
  },
  async (attack) => {
    await expectHarmless(siege, attack);
  },
);
