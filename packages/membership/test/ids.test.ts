import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clusterId, memberId } from '../src/index.ts';
import { idToHex } from '@quorate/std';

const token = 'etcd-cluster';
const nodes = [12380, 22380, 32380].map((port) =>
  memberId({ peerUrls: [`http://127.0.0.1:${port}`], clusterToken: token }),
);

test('the default member and its cluster have the IDs that etcd gives them', () => {
  const id = memberId({ peerUrls: ['http://localhost:2380'], clusterToken: token });
  expect(idToHex(id)).toBe('8e9e05c52164694d');
  expect(id).toBe(10276657743932975437n);
  expect(idToHex(clusterId([id]))).toBe('cdf818194e3a8c32');
});

test('three members and their cluster have the IDs that etcd gives them, printed without padding', () => {
  expect(nodes.map(idToHex).sort()).toEqual(['628170c800dbcee', '9e737febb6b99eee', 'ddd67b312462fd7b']);
  expect(idToHex(clusterId(nodes))).toBe('73841b4a9097c907');
});

test('the order in which URLs and members are named does not matter', () => {
  const peerUrls = ['http://b:1', 'http://a:1', 'https://a:1'];
  const id = memberId({ peerUrls, clusterToken: token });
  expect(memberId({ peerUrls: peerUrls.toReversed(), clusterToken: token })).toBe(id);
  expect(clusterId(nodes.toReversed())).toBe(clusterId(nodes));
});

test('the time of the request makes a new member of the same URLs another member', () => {
  const peerUrls = ['http://localhost:2380'];
  const at = (addedAtUnixSeconds: number): bigint =>
    memberId({ peerUrls, clusterToken: '', addedAtUnixSeconds });
  expect(at(1_700_000_000)).not.toBe(at(1_700_000_001));
  // The parts are joined without a separator: a token of the same digits is the same text.
  expect(at(1_700_000_000)).toBe(memberId({ peerUrls, clusterToken: '1700000000' }));
});

test('an ID is an unsigned integer of 64 bits', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.string(), (peerUrls, clusterToken) => {
      const id = memberId({ peerUrls, clusterToken });
      expect(BigInt.asUintN(64, id)).toBe(id);
    }),
  );
});
