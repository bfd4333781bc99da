import { ManualClock } from '@quorate/std/testing';
import { describe, expect, test } from 'vitest';
import { checkAdvertisedUrls, type DiscoveryError } from '../src/index.ts';
import { FakeDns } from './fake-dns.ts';

const hosts = {
  'one.x': ['10.0.0.1'],
  'both.x': ['10.0.0.9', '10.0.0.1'],
  'two.x': ['10.0.0.2'],
};

const check = (initialUrls: string[], advertisedUrls: string[], dns = new FakeDns({ hosts })) =>
  checkAdvertisedUrls({
    name: 'm1',
    initialUrls,
    advertisedUrls,
    resolver: dns,
    clock: new ManualClock(),
  }).then(
    () => 'the same',
    (error: DiscoveryError) => {
      expect(error.code).toBe('DISCOVERY_URLS_DIFFER');
      return error.message;
    },
  );

describe('URLs of a member', () => {
  test('that are the same are not looked up', async () => {
    const dns = new FakeDns({});
    const urls = ['http://a.x:1', 'http://b.x:2'];
    expect(await check(urls, [...urls].reverse(), dns)).toBe('the same');
    expect(dns.asked).toEqual([]);
  });

  test.each([
    [['http://one.x:1'], ['http://10.0.0.1:1']],
    [['http://one.x:1'], ['http://both.x:1']],
    [
      ['http://one.x:1', 'http://two.x:2'],
      ['http://10.0.0.2:2', 'http://10.0.0.1:1'],
    ],
    [['http://[::1]:1'], ['http://[0:0:0:0:0:0:0:1]:1']],
    [
      ['unix://a', 'http://one.x:1'],
      ['http://10.0.0.1:1', 'unix://a'],
    ],
  ])('%j are those of %j', async (initial, advertised) => {
    expect(await check(initial, advertised)).toBe('the same');
    expect(await check(advertised, initial)).toBe('the same');
  });

  test.each([
    [['http://one.x:1'], ['http://10.0.0.1:2']],
    [['http://one.x:1'], ['https://one.x:1']],
    [['http://one.x:1'], ['http://two.x:1']],
    [['http://localhost:1'], ['http://127.0.0.1:1']],
    [['http://one.x:1'], ['http://one.x:1', 'http://one.x:2']],
    [
      ['http://one.x:1', 'http://two.x:1'],
      ['http://one.x:1', 'http://10.0.0.1:1'],
    ],
  ])('%j are not those of %j', async (initial, advertised) => {
    expect(await check(initial, advertised)).toMatch(/^--initial-/);
    expect(await check(advertised, initial)).toMatch(/^--initial-/);
  });
});

test('the sentence says which URL is missing where', async () => {
  expect(await check(['http://a:1'], ['http://b:2'])).toBe(
    '--initial-cluster has m1=http://a:1 but missing from --initial-advertise-peer-urls=http://b:2: ' +
      'they must be the same URLs of m1, so correct --initial-advertise-peer-urls',
  );
  expect(await check(['http://a:1'], ['http://a:1', 'http://b:2'])).toBe(
    '--initial-advertise-peer-urls has http://b:2 but missing from --initial-cluster=m1=http://a:1: ' +
      'they must be the same URLs of m1, so correct --initial-cluster',
  );
});

describe('a name that does not resolve', () => {
  const retrying = (dns: FakeDns, clock: ManualClock, signal?: AbortSignal) =>
    checkAdvertisedUrls({
      name: 'm1',
      initialUrls: ['http://late.x:1'],
      advertisedUrls: ['http://10.0.0.7:1'],
      resolver: dns,
      clock,
      signal,
      // The timer of the next try is set in the same turn.
      onRetry: () => queueMicrotask(() => clock.advance(1_000)),
    });

  test('is tried again every second, and may turn up', async () => {
    const dns = new FakeDns({});
    const clock = new ManualClock();
    clock.after(5_000, () => (dns.zone = { hosts: { 'late.x': ['10.0.0.7'] } }));
    await retrying(dns, clock);
    expect([dns.asked.length, clock.now()]).toEqual([6, 5_000]);
  });

  test('is given up after 30 seconds', async () => {
    const clock = new ManualClock();
    await expect(retrying(new FakeDns({}), clock)).rejects.toThrow(
      'failed to resolve late.x to match --initial-advertise-peer-urls with --initial-cluster (getaddrinfo ENOTFOUND late.x): ',
    );
    expect(clock.now()).toBe(30_000);
  });

  test('is given up when told to', async () => {
    const signal = AbortSignal.abort(new Error('told to'));
    await expect(retrying(new FakeDns({}), new ManualClock(), signal)).rejects.toThrow('told to');
  });
});
