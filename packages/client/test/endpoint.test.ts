import { expect, test } from 'vitest';
import { parseEndpoint } from '../src/endpoint.ts';
import { Client, EndpointError } from '../src/index.ts';

test.each([
  ['127.0.0.1:2379', '127.0.0.1:2379', 'either'],
  ['localhost:1', 'localhost:1', 'either'],
  ['[::1]:2379', '[::1]:2379', 'either'],
  ['http://host:80', 'host:80', 'plain'],
  ['http://host:2379/', 'host:2379', 'plain'],
  ['https://host:443', 'host:443', 'tls'],
  ['https://[::1]:2379', '[::1]:2379', 'tls'],
  ['unix:///run/etcd.sock', 'unix:/run/etcd.sock', 'plain'],
  ['unixs:///run/etcd.sock', 'unix:/run/etcd.sock', 'tls'],
  ['unix://localhost:2379', 'unix:localhost:2379', 'plain'],
  ['unix:etcd.sock', 'unix:etcd.sock', 'plain'],
  ['HTTPS://Host', 'Host', 'tls'],
  ['[fe80::1%eth0]:2379', '[fe80::1%eth0]:2379', 'either'],
  ['member_1.etcd', 'member_1.etcd', 'either'],
])('the endpoint %s is %s, %s', (address, target, security) => {
  expect(parseEndpoint(address)).toEqual({ target, security });
});

test.each([
  ['http//x', 'is none'],
  ['', 'is none'],
  ['http://', 'is none'],
  ['host:', 'is none'],
  ['host:2379/v3', 'is none'],
  ['a:1,b:1', 'is none'],
  ['ftp://host:1', 'has the unknown scheme ftp'],
  ['host:0', 'has the port 0, which is none'],
  ['https://host:70000', 'has the port 70000, which is none'],
  ['::1:2379', 'has an IPv6 address without [ ]'],
  ['unix://', 'names no socket'],
])('a client for "%s" is refused when it is made, with what is wrong and what to give', (address, reason) => {
  const error = thrownBy(() => new Client({ endpoints: ['127.0.0.1:2379', address] }));
  expect(error).toBeInstanceOf(EndpointError);
  expect(error).toMatchObject({ code: 'CLIENT_ENDPOINT' });
  expect(String(error)).toContain(
    `the endpoint ${JSON.stringify(address)} ${reason}: give host:port, http://`,
  );
});

test('a password in an endpoint is not shown', () => {
  const error = thrownBy(() => new Client({ endpoints: ['http://root:secret@host:2379'] }));
  expect(String(error)).toContain('"http://***@host:2379"');
});

test('an endpoint for a single call is refused by that call', async () => {
  await using client = new Client({ endpoints: ['127.0.0.1:2379'] });
  await expect(client.get('a', { endpoint: 'http//x' })).rejects.toThrow(EndpointError);
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('it was taken');
}
