import { expect, test } from 'vitest';
import { parseEndpoint } from '../src/endpoint.ts';

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
])('the endpoint %s is %s, %s', (address, target, security) => {
  expect(parseEndpoint(address)).toEqual({ target, security });
});
