import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compareVersions,
  formatClusterVersion,
  formatMinorVersion,
  isOneMinorBelow,
  parseVersion,
} from '../src/versions.ts';

// What etcd 3.5.30 takes for the target of a downgrade, and what it does not.
const taken = ['3.4', '3.4.0', '3.4.7', '03.04', '3.4.0-alpha', '3.4.0+x', '3.4.0-', '3.4.0-rc.1+git-1'];
const refused = ['', '3', 'v3.4', '3.4.0.1', '3.4-alpha', '-3.4', '3.-4.0', ' 3.4', '3.4 ', '+3.4', '3.+4'];

test.each(taken)('%j is a version of 3.4', (text) => {
  expect(parseVersion(text)).toEqual({ major: 3, minor: 4 });
});

test.each([
  ...refused,
  '3.4.0-a_b',
  '3.',
  '3.4.',
  'not_decided',
  '99999999999999999999.1',
  '3.4.99999999999999999999',
])('%j is no version', (text) => {
  expect(parseVersion(text)).toBeUndefined();
});

const versions = fc.record({ major: fc.nat(20), minor: fc.nat(20) });

test('what is written can be read', () => {
  fc.assert(
    fc.property(versions, (version) => {
      expect(parseVersion(formatMinorVersion(version))).toEqual(version);
      expect(parseVersion(formatClusterVersion(version))).toEqual(version);
    }),
  );
});

test('versions are ordered, and one minor below is below', () => {
  fc.assert(
    fc.property(versions, versions, (a, b) => {
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
      expect(compareVersions(a, b) === 0).toBe(formatMinorVersion(a) === formatMinorVersion(b));
      if (isOneMinorBelow(a, b)) expect(compareVersions(a, b)).toBeLessThan(0);
    }),
  );
});
