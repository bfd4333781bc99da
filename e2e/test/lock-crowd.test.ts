import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LockCrowd, type CrowdStep } from '../src/recipes/lock-crowd.ts';
import { RecipeMember } from '../src/recipes/recipe-member.ts';

const who = fc.nat(20);
const step: fc.Arbitrary<CrowdStep> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('arrive' as const),
      ttl: fc.constantFrom(3, 5, 600),
      lease: fc.constantFrom('brought' as const, 'made' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('again' as const), who }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('leave' as const, 'unlock' as const, 'die' as const), who }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'compact' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(4_000) }) },
);

test('of many who come, leave, unlock, die and come again at random, one has the lock: whoever came first', async () => {
  let granted = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 5, maxLength: 30 }),
      async (rounds) => {
        await using member = await RecipeMember.open();
        const crowd = new LockCrowd(member);
        for (const steps of rounds) await crowd.do(steps);
        granted += crowd.grantedCount;
      },
    ),
    { numRuns: 150 },
  );
  expect(granted).toBeGreaterThan(100);
}, 120_000);
