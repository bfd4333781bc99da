import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Offenders } from '../src/offenders.ts';

const limits = { delayMsMax: 1_000, addressesMax: 3 };

function blamed(offenders: Offenders, address: string, times: number, nowMs = 0): void {
  for (let i = 0; i < times; i++) offenders.blame(address, nowMs);
}

describe('a new connection from an address that offends', () => {
  test('waits for nothing at first, then twice as long each time, and never longer than the limit', () => {
    const offenders = new Offenders(limits);
    const delays: number[] = [];
    for (let i = 0; i < 18; i++) {
      offenders.blame('10.0.0.1', 0);
      delays.push(offenders.delayMs('10.0.0.1', 0));
    }
    expect(delays.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(delays.slice(10)).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
  });

  test('waits less with every second, and for nothing in the end', () => {
    const offenders = new Offenders(limits);
    blamed(offenders, '10.0.0.1', 100);
    expect(offenders.delayMs('10.0.0.1', 0)).toBe(1_000);
    expect(offenders.delayMs('10.0.0.1', 2_000)).toBeLessThan(1_000);
    expect(offenders.delayMs('10.0.0.1', 6_000)).toBe(0);
    expect(offenders.delayMs('10.0.0.1', 20_000)).toBe(0);
    expect(offenders.count).toBe(0);
  });

  test('waits for nothing that others have done, or that a limit of 0 does not know', () => {
    const offenders = new Offenders(limits);
    blamed(offenders, '10.0.0.1', 100);
    expect(offenders.delayMs('10.0.0.2', 0)).toBe(0);
    expect(offenders.delayMs(undefined, 0)).toBe(0);
    const lenient = new Offenders({ ...limits, delayMsMax: 0 });
    blamed(lenient, '10.0.0.1', 100);
    expect(lenient.delayMs('10.0.0.1', 0)).toBe(0);
  });
});

describe('those who have to wait', () => {
  test('come in one after the other, whoever they are, though they came at once', () => {
    const offenders = new Offenders(limits);
    for (const address of ['10.0.0.1', '10.0.0.2']) blamed(offenders, address, 12);
    const addresses = ['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.1'];
    expect(addresses.map((address) => offenders.admit(address, 0))).toEqual([100, 200, 300, 400]);
    expect(offenders.admit('10.0.0.3', 0)).toBe(0);
    expect(offenders.admit('10.0.0.2', 1_000)).toBeLessThan(100);
  });

  test('wait no longer than the limit, however many they are', () => {
    const offenders = new Offenders(limits);
    blamed(offenders, '10.0.0.1', 100);
    for (let i = 0; i < 1_000; i++) expect(offenders.admit('10.0.0.1', i)).toBeLessThanOrEqual(1_000);
    expect(offenders.admit('10.0.0.1', 3_000)).toBeLessThanOrEqual(1_000);
  });
});

test.each([
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['10.0.0.1', '10.0.0.11', false],
  ['2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6', true],
  ['2001:db8::1', '2001:db8:0:0:ffff::', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['fe80::1%eth0', 'fe80::2%eth1', true],
  ['::1', '::2', true],
])('%s and %s are of one holder: %s', (one, other, isSame) => {
  const offenders = new Offenders(limits);
  blamed(offenders, one, 100);
  expect(offenders.delayMs(other, 0) > 0).toBe(isSame);
});

test('only so many addresses are remembered, those that offended last', () => {
  const offenders = new Offenders(limits);
  for (const last of [1, 2, 3, 1, 4, 5]) blamed(offenders, `10.0.0.${last}`, 20);
  expect(offenders.count).toBe(3);
  const delayed = [1, 2, 3, 4, 5].filter((last) => offenders.delayMs(`10.0.0.${last}`, 0) > 0);
  expect(delayed).toEqual([1, 4, 5]);
});

test('whoever offends at most once a second never waits', () => {
  const gaps = fc.array(fc.integer({ min: 1_000, max: 100_000 }), { maxLength: 200 });
  fc.assert(
    fc.property(gaps, (gapsMs) => {
      const offenders = new Offenders(limits);
      let nowMs = 0;
      for (const gapMs of gapsMs) {
        nowMs += gapMs;
        expect(offenders.delayMs('10.0.0.1', nowMs)).toBe(0);
        offenders.blame('10.0.0.1', nowMs);
      }
    }),
  );
});
