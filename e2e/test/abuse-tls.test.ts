import { afterAll, beforeAll, test } from 'vitest';
import { siegeFlags } from '../src/abuse/figures.ts';
import { Siege } from '../src/abuse/siege.ts';
import { tlsAttacks } from '../src/abuse/tls-attacks.ts';
import { expectHarmless } from '../src/abuse/verdict.ts';

let siege: Siege;
beforeAll(async () => {
  siege = await Siege.start({ withTls: true, flags: siegeFlags });
}, 60_000);
afterAll(() => siege[Symbol.asyncDispose]());

test.each(Object.keys(tlsAttacks))(
  '%s: others are served as ever, and nothing is left of it',
  {
    timeout: 180_000,
  },
  async (attack) => {
    await expectHarmless(siege, attack);
  },
);
