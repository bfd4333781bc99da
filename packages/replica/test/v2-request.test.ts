import { fromUtf8 } from '@quorate/std';
import { expect, test } from 'vitest';
import { readV2Request } from '../src/v2-request.ts';

/** etcdserverpb.Request with an ID, method, path and value, each text shorter than 128 bytes. */
function request(method: string, path: string, val: string): Uint8Array {
  const field = (tag: number, text: string): number[] => {
    const bytes = fromUtf8(text);
    return [tag, bytes.length, ...bytes];
  };
  return Uint8Array.from([0x08, 0x01, ...field(0x12, method), ...field(0x1a, path), ...field(0x22, val)]);
}

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
