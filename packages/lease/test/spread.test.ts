import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expiriesPerSecond, spreadExpiries } from '../src/spread.ts';

test(
  'no second holds more than 750 expiries, none moves earlier, and their order stays',
  { timeout: 60_000 },
  () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 3000 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 120 }),
        (times, copies) => {
          const before = times
            .flatMap((time) => Array.from({ length: copies }, () => time))
            .sort((a, b) => a - b);
          const leases = before.map((expiryMs) => ({ expiryMs }));
          spreadExpiries(leases);
          leases.forEach((lease, i) => {
            expect(lease.expiryMs).toBeGreaterThanOrEqual(before[i]!);
            if (i > 0) expect(lease.expiryMs).toBeGreaterThanOrEqual(leases[i - 1]!.expiryMs);
            const earlier = leases[i - expiriesPerSecond];
            if (earlier !== undefined) expect(lease.expiryMs - earlier.expiryMs).toBeGreaterThanOrEqual(1000);
          });
        },
      ),
      { numRuns: 50 },
    );
  },
);

test('leases that leave room in every second stay where they are', () => {
  const leases = Array.from({ length: 2000 }, (_, i) => ({ expiryMs: Math.floor(i / 750) * 1000 }));
  const before = structuredClone(leases);
  spreadExpiries(leases);
  expect(leases).toEqual(before);
});
