import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { addressMismatch, type AddressResolver } from '../src/peer-address.ts';
import { setUp, showing } from './support/setup.ts';

const { ca, mutual, open } = await setUp();

const names: Readonly<Record<string, readonly string[]>> = {
  '10.0.0.1': ['M1.example.com.'],
  '10.0.0.2': ['deep.below.example.org'],
};
const addresses: Readonly<Record<string, readonly string[]>> = { 'm3.example.com': ['10.0.0.9', '10.0.0.3'] };

const resolver: AddressResolver = {
  reverse: async (address: string) => names[address] ?? Promise.reject(new Error('ENOTFOUND')),
  lookup: async (name: string) => addresses[name] ?? Promise.reject(new Error('ENOTFOUND')),
};

const mismatch = async (alternatives: { dns?: string[]; ips?: string[] }, address: string) => {
  const { cert } = await ca.issue({ dns: [], ips: [], ...alternatives });
  return addressMismatch(new X509Certificate(cert), address, resolver);
};

test.each([
  ['no names at all', {}, '10.9.9.9'],
  ['its address', { ips: ['10.0.0.1', '10.0.0.5'] }, '10.0.0.5'],
  ['its address, on a socket for both kinds', { ips: ['10.0.0.5'] }, '::ffff:10.0.0.5'],
  ['its address, of the long kind', { ips: ['fe80::1'] }, 'fe80::1%eth0'],
  ['another address, but its name', { ips: ['10.9.9.9'], dns: ['m1.example.com'] }, '10.0.0.1'],
  ['its name, by the name of the address', { dns: ['m1.example.com'] }, '10.0.0.1'],
  ['its name, by a wildcard', { dns: ['*.example.org'] }, '10.0.0.2'],
  ['its name, by the address of the name', { dns: ['m3.example.com'] }, '10.0.0.3'],
])('a certificate with %s may come from there', async (_what, alternatives, address) => {
  expect(await mismatch(alternatives, address)).toBeUndefined();
});

test.each([
  [
    'other addresses',
    { ips: ['10.0.0.1'] },
    '10.0.0.2',
    'the certificate is for other addresses than 10.0.0.2',
  ],
  ['other names', { dns: ['m3.example.com'] }, '10.0.0.1', '10.0.0.1 is not an address of m3.example.com'],
  [
    'a wildcard of elsewhere',
    { dns: ['*.example.com'] },
    '10.0.0.2',
    '10.0.0.2 is not an address of *.example.com',
  ],
  [
    'a name that nobody knows',
    { dns: ['gone.example.com'] },
    '10.0.0.4',
    '10.0.0.4 is not an address of gone.example.com',
  ],
])('a certificate with %s may not', async (_what, alternatives, address, reason) => {
  expect(await mismatch(alternatives, address)).toBe(reason);
});

test('a listener of members refuses a certificate that belongs elsewhere, if it is told to look', async () => {
  const elsewhere = showing(ca, await ca.issue({ dns: [], ips: ['10.9.9.9'] }));
  const here = showing(ca, await ca.issue({ dns: [], ips: ['127.0.0.1'] }));
  const strict = await open({ ...mutual, checkAddress: true, resolver });
  expect(await strict.dial(elsewhere)).toMatchObject({ served: false });
  expect(await strict.dial(here)).toMatchObject({ served: true });
  expect(strict.refusals.map(({ reason }) => reason)).toEqual(['wrong address']);
  const skipping = await open({ ...mutual, checkAddress: false, resolver });
  expect(await skipping.dial(elsewhere)).toMatchObject({ served: true });
});
