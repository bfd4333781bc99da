import { etcdserverpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { readV2Request } from '../src/v2-request.ts';

const request = (method: string, path: string, val: string): Uint8Array =>
  etcdserverpb.Request.encode(
    etcdserverpb.Request.fromPartial({ Method: method, Path: path, Val: val }),
  ).finish();

test('a member of etcd 3.5 publishes its attributes by a v2 request', () => {
  const val = '{"name":"m1","clientURLs":["http://127.0.0.1:2379"]}';
  expect(readV2Request(request('PUT', '/0/members/8e9e05c52164694d/attributes', val))).toEqual({
    kind: 'attributes',
    memberId: 0x8e9e05c52164694dn,
    attributes: { name: 'm1', clientUrls: ['http://127.0.0.1:2379'] },
  });
});

test('the cluster version of etcd 3.5 comes by one too, and what let keys expire means nothing', () => {
  expect(readV2Request(request('PUT', '/0/version', '3.5.0'))).toEqual({
    kind: 'clusterVersion',
    version: '3.5.0',
  });
  expect(readV2Request(request('SYNC', '', ''))).toEqual({ kind: 'nothing' });
});

test.each([
  ['PUT', '/1/key', 'value'],
  ['DELETE', '/0/members/8e9e05c52164694d/attributes', ''],
  ['PUT', '/0/members/xyz/attributes', '{}'],
])('a request of a client (%s %s) stops the member', (method, path, val) => {
  expect(() => readV2Request(request(method, path, val))).toThrow(/cannot apply/);
});
