import { fromUtf8, idToHex } from '@quorate/std';
import { goJson, type GoJson } from './lossless-json.ts';
import { isStarted, type Member } from './member.ts';
import type { Membership } from './membership.ts';

/**
 * The membership as the tree of etcd's version 2 store, in JSON. Members of 3.5 to 3.7 read it from the data
 * of a raft snapshot, in a file and in a MsgSnap, and stop when it is not there.
 *
 *     /
 *     ├── 0
 *     │   ├── members/<id>/raftAttributes   {"peerURLs":[…],"isLearner":true?}
 *     │   │               attributes        {"name":"…","clientURLs":[…]}      once published
 *     │   ├── removed_members/<id>
 *     │   └── version                       the cluster version, once known
 *     └── 1                                 empty
 *
 * The rows are numbered as if they had been written one after the other. The history of events is empty, but
 * its queue has its full length, since the reader writes into it by position.
 */
export function encodeV2Store(membership: Membership): Uint8Array {
  const root = directoryNode('/', 0);
  childDirectory(root, '0', 0);
  childDirectory(root, '1', 0);
  const leaves = leavesOf(membership);
  leaves.forEach(({ path, value }, at) => insert(root, path, value, at + 1));
  return fromUtf8(goJson(storeJson(root, leaves.length)));
}

interface Leaf {
  readonly path: readonly [string, ...string[]];
  readonly value: string;
}

function leavesOf(membership: Membership): Leaf[] {
  const leaves: Leaf[] = membership.list().flatMap(memberLeaves);
  for (const id of membership.removedIds())
    leaves.push({ path: ['0', 'removed_members', idToHex(id)], value: '' });
  const version = membership.clusterVersion;
  if (version !== undefined) leaves.push({ path: ['0', 'version'], value: version });
  return leaves;
}

function memberLeaves(member: Member): Leaf[] {
  const { id, peerUrls, isLearner, name, clientUrls } = member;
  const raftAttributes = goJson({ peerURLs: peerUrls, isLearner: isLearner || undefined });
  const leaves: Leaf[] = [{ path: ['0', 'members', idToHex(id), 'raftAttributes'], value: raftAttributes }];
  if (isStarted(member)) {
    const attributes = goJson({ name, clientURLs: clientUrls.length === 0 ? undefined : clientUrls });
    leaves.push({ path: ['0', 'members', idToHex(id), 'attributes'], value: attributes });
  }
  return leaves;
}

/** A node of the tree; only a directory has children. */
interface Node {
  readonly path: string;
  readonly index: number;
  readonly value: string;
  readonly children: Map<string, Node> | undefined;
}

function directoryNode(path: string, index: number): Node {
  return { path, index, value: '', children: new Map() };
}

function childDirectory(parent: Node, name: string, index: number): Node {
  const known = parent.children?.get(name);
  if (known !== undefined) return known;
  const made = directoryNode(`${parent.path === '/' ? '' : parent.path}/${name}`, index);
  parent.children?.set(name, made);
  return made;
}

/** Puts a leaf into the tree; the directories on the way are made with its index. */
function insert(root: Node, path: readonly string[], value: string, index: number): void {
  const directory = path.slice(0, -1).reduce((parent, name) => childDirectory(parent, name, index), root);
  const name = path.at(-1) ?? '';
  directory.children?.set(name, { path: `${directory.path}/${name}`, index, value, children: undefined });
}

function nodeJson({ path, index, value, children }: Node): GoJson {
  const sorted = [...(children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    Path: path,
    CreatedIndex: BigInt(index),
    ModifiedIndex: BigInt(index),
    ExpireTime: '0001-01-01T00:00:00Z',
    Value: value,
    Children:
      children === undefined
        ? null
        : Object.fromEntries(sorted.map(([name, node]) => [name, nodeJson(node)])),
  };
}

const historySize = 1000;

function storeJson(root: Node, index: number): GoJson {
  return {
    Root: nodeJson(root),
    WatcherHub: {
      EventHistory: {
        Queue: {
          Events: new Array<null>(historySize).fill(null),
          Size: 0n,
          Front: 0n,
          Back: 0n,
          Capacity: BigInt(historySize),
        },
        StartIndex: BigInt(index),
        LastIndex: BigInt(index),
      },
    },
    CurrentIndex: BigInt(index),
    Stats: Object.fromEntries(counters.map((name) => [name, 0n])),
    CurrentVersion: 2n,
  };
}

const counters = [
  'getsSuccess',
  'getsFail',
  'setsSuccess',
  'setsFail',
  'deleteSuccess',
  'deleteFail',
  'updateSuccess',
  'updateFail',
  'createSuccess',
  'createFail',
  'compareAndSwapSuccess',
  'compareAndSwapFail',
  'compareAndDeleteSuccess',
  'compareAndDeleteFail',
  'expireCount',
  'watchers',
];
