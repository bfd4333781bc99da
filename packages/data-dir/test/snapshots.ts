import { exportStore, positionChanges } from '@quorate/replica';
import { encodeMember } from '@quorate/membership';
import { MvccStore } from '@quorate/mvcc';
import {
  ChangeList,
  fromLatin1,
  fromUtf8,
  idToHex,
  singleKey,
  uint64ToBytes,
  type Bucket,
} from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import type { BoltSource } from '@quorate/bolt';
import { authpb, leasepb, rpcpb } from '@quorate/wire';
import { createHash } from 'node:crypto';

/** A snapshot of a member's store, and the store as it was. */
export interface MadeSnapshot {
  /** With its checksum behind it. */
  readonly bytes: Buffer;
  readonly backend: MemoryBackend;
}

/** The store of a member that has lived: keys with history, a compaction, leases, users, alarms, members who left. */
export async function makeSnapshot({ keys = 40, version = '3.6.0' } = {}): Promise<MadeSnapshot> {
  const backend = new MemoryBackend();
  const store = await MvccStore.open({ backend });
  const changes = new ChangeList();
  for (let i = 0; i < keys; i++) {
    const txn = store.beginWrite();
    txn.put(fromUtf8(`key/${i % 25}`), fromUtf8(`value ${i}`), i % 10 === 0 ? 77n : 0n);
    if (i % 7 === 3) txn.deleteRange(singleKey(`key/${(i + 5) % 25}`));
    txn.end();
  }
  store.drain(changes);
  store.scheduleCompaction(Math.floor(keys / 2), changes);
  while (store.compactSlice(changes));
  for (const [bucket, key, value] of otherRows(version)) changes.put(bucket, key, value);
  const confState = { voters: [111n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const position = positionChanges({ index: 777, term: 5, confState });
  await backend.write([...changes.changes, ...position]);
  return { bytes: await snapshotOf(backend), backend };
}

/** What `snapshot save` would write of these buckets. */
export async function snapshotOf(backend: MemoryBackend): Promise<Buffer> {
  await using view = backend.snapshot();
  const writer = await exportStore(view, { yieldToLoop: async () => undefined });
  return withHash(Buffer.concat(await Array.fromAsync(writer.chunks())));
}

/** A database with its checksum behind it. */
export function withHash(database: Uint8Array): Buffer {
  return Buffer.concat([database, createHash('sha256').update(database).digest()]);
}

/** Bytes as a file to read from. */
export function sourceOf(bytes: Uint8Array): BoltSource {
  return {
    size: async () => bytes.length,
    read: async (offset, size) => Uint8Array.from(bytes.subarray(offset, offset + size)),
  };
}

function otherRows(version: string): [Bucket, Uint8Array, Uint8Array][] {
  const lease = leasepb.Lease.encode({ ID: 77n, TTL: 600n, RemainingTTL: 0n }).finish();
  const user = authpb.User.encode({
    name: fromUtf8('root'),
    password: fromLatin1('$2a$10$abcdefghijklmnopqrstuv'),
    roles: ['root'],
    options: { noPassword: false },
  }).finish();
  const role = authpb.Role.encode({ name: fromUtf8('root'), keyPermission: [] }).finish();
  const alarm = rpcpb.AlarmMember.encode({ memberID: 111n, alarm: rpcpb.AlarmType.NOSPACE }).finish();
  const member = { id: 111n, name: 'old', peerUrls: ['http://old:2380'], clientUrls: [], isLearner: false };
  return [
    ['lease', uint64ToBytes(77n), lease],
    ['auth', fromUtf8('authEnabled'), Uint8Array.of(1)],
    ['auth', fromUtf8('authRevision'), uint64ToBytes(9n)],
    ['authUsers', fromUtf8('root'), user],
    ['authRoles', fromUtf8('root'), role],
    ['alarm', alarm, new Uint8Array(0)],
    ['members', fromUtf8(idToHex(111n)), encodeMember(member)],
    ['members_removed', fromUtf8(idToHex(222n)), fromUtf8('removed')],
    ['cluster', fromUtf8('clusterVersion'), fromUtf8(version)],
    ['meta', fromUtf8('storageVersion'), fromUtf8(version)],
  ];
}
