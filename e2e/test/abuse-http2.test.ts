import { afterAll, beforeAll, expect, test } from 'vitest';
import { siegeFlags } from '../src/abuse/figures.ts';
import { http2Attacks } from '../src/abuse/http2-attacks.ts';
import { plantedAttacks } from '../src/abuse/planted-attacks.ts';
import { Siege } from '../src/abuse/siege.ts';
import { expectHarmless, isHarmless } from '../src/abuse/verdict.ts';

let siege: Siege;
beforeAll(async () => {
  siege = await Siege.start({ flags: siegeFlags });
}, 60_000);
afterAll(() => siege[Symbol.asyncDispose]());

test.each(Object.keys(http2Attacks))(
  '%s: others are served as ever, and nothing is left of it',
  {
    timeout: 180_000,
  },
  async (attack) => {
    await expectHarmless(siege, attack);
  },
);

test.each(Object.keys(plantedAttacks))(
  '%s: others are seen to wait, so that the rule is one that can be broken',
  { timeout: 60_000 },
  async (attack) => {
    expect(isHarmless(await siege.run(attack))).toBe(false);
  },
);
