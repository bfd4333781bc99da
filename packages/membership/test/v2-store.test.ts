import { expect, test } from 'vitest';
import { addMemberChange, encodeV2Store, Membership, removeMemberChange } from '../src/index.ts';
import { ChangeList, toUtf8 } from '@quorate/std';

const ignored = new ChangeList();
const membership = Membership.restore({ members: [], members_removed: [], cluster: [] });
const add = (id: bigint, isLearner: boolean): void => {
  membership.apply(addMemberChange({ id, peerUrls: [`http://m${id}:1`], isLearner }), ignored);
};

add(0x25b1n, false);
add(0xabn, true);
add(0x7n, false);
membership.apply(removeMemberChange(0x7n), ignored);
membership.setAttributes(0x25b1n, { name: 'a&b', clientUrls: ['http://c:1'] }, ignored);
membership.setClusterVersion('3.5.0', ignored);

interface Node {
  readonly Path: string;
  readonly CreatedIndex: number;
  readonly ModifiedIndex: number;
  readonly ExpireTime: string;
  readonly Value: string;
  readonly Children: Readonly<Record<string, Node>> | null;
}

interface Store {
  readonly Root: Node;
  readonly WatcherHub: {
    readonly EventHistory: { readonly Queue: { readonly Events: unknown[]; readonly Capacity: number } };
  };
  readonly CurrentIndex: number;
  readonly CurrentVersion: number;
}

// The test reads its own output; the assertions below check the shape.
const store = JSON.parse(toUtf8(encodeV2Store(membership))) as Store;

function leaves(node: Node): [path: string, value: string][] {
  if (node.Children === null) return [[node.Path, node.Value]];
  return Object.values(node.Children).flatMap(leaves);
}

test('the tree holds the members, the removed ones and the cluster version, as etcd writes them', () => {
  expect(leaves(store.Root).sort()).toEqual([
    ['/0/members/25b1/attributes', '{"name":"a\\u0026b","clientURLs":["http://c:1"]}'],
    ['/0/members/25b1/raftAttributes', '{"peerURLs":["http://m9649:1"]}'],
    ['/0/members/ab/raftAttributes', '{"peerURLs":["http://m171:1"],"isLearner":true}'],
    ['/0/removed_members/7', ''],
    ['/0/version', '3.5.0'],
  ]);
  expect(Object.keys(store.Root.Children ?? {})).toEqual(['0', '1']);
});

test('the history is empty and has room for all that the reader puts into it', () => {
  const queue = store.WatcherHub.EventHistory.Queue;
  expect(queue.Events).toEqual(new Array(queue.Capacity).fill(null));
  expect(store.CurrentIndex).toBe(5);
  expect(store.CurrentVersion).toBe(2);
});

test('a cluster of nobody has the two roots of the tree', () => {
  const nobody = Membership.restore({ members: [], members_removed: [], cluster: [] });
  expect(toUtf8(encodeV2Store(nobody))).toContain(
    '"Children":{"0":{"Path":"/0","CreatedIndex":0,"ModifiedIndex":0,' +
      '"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{}},"1":{"Path":"/1",',
  );
});
