import { expect, test } from 'vitest';
import { GrpcProxyError } from '../src/index.ts';
import { parseListenAddress, settingsOf } from '../src/options.ts';

test('what is left out has the default of the flag', () => {
  expect(settingsOf({})).toMatchObject({
    listenAddress: '127.0.0.1:23790',
    endpoints: ['127.0.0.1:2379'],
    advertiseClientUrl: '127.0.0.1:23790',
    maxSendBytes: 1_572_864,
    maxReceiveBytes: 2_147_483_647,
    keepAliveIntervalMs: 7_200_000,
    dialKeepAliveTimeMs: 0,
    dialKeepAliveTimeoutMs: 20_000,
  });
});

test.each([
  [{ endpoints: [] }, '--endpoints'],
  [{ maxSendBytes: 0 }, '--max-send-bytes'],
  [{ maxReceiveBytes: 1.5 }, '--max-recv-bytes'],
  [{ maxConcurrentStreams: -1 }, '--max-concurrent-streams'],
  [{ resolver: { prefix: 'p', ttlSeconds: 0 } }, '--resolver-ttl'],
  [{ resolver: { prefix: '', ttlSeconds: 5 } }, '--resolver-ttl'],
  [{ resolver: { prefix: 'p', ttlSeconds: 5 }, advertiseClientUrl: '' }, '--advertise-client-url'],
] as const)('%j is refused, and the flag is named', (options, flag) => {
  expect(() => settingsOf(options)).toThrow(GrpcProxyError);
  expect(() => settingsOf(options)).toThrow(flag);
});

test.each([
  ['127.0.0.1:23790', { host: '127.0.0.1', port: 23_790 }],
  [':0', { host: '::', port: 0 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['proxy.example:1', { host: 'proxy.example', port: 1 }],
])('%s is an address to listen on', (text, address) => {
  expect(parseListenAddress(text, '--listen-addr')).toEqual(address);
});

test.each(['', '127.0.0.1', 'host:', 'host:x', 'host:70000', 'http://host:1'])('%j is none', (text) => {
  expect(() => parseListenAddress(text, '--listen-addr')).toThrow('--listen-addr');
});
