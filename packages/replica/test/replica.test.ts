import type { PeerHost } from '@quorate/peer';
import { RaftNode } from '@quorate/raft';
import { fromUtf8, toUtf8, type BackendRow } from '@quorate/std';
import { ManualClock, MemoryBackend, runReadmeExample } from '@quorate/std/testing';
import { MemoryDisk } from '@quorate/wal/testing';
import { decodeKeyValue, decodeMessage, encodeTxnRequest, rpcpb } from '@quorate/wire';
import { expect, test, vi } from 'vitest';
import {
  MemoryNetwork,
  openTestMember,
  putRequest,
  rangeRequest,
  type TestMember,
} from '../src/testing/index.ts';

test('the example of the README holds', () => runReadmeExample(new URL('../README.md', import.meta.url)));

const put = (member: TestMember, key: string, value: string, options: { lease?: bigint } = {}) =>
  member.during(member.replica.kv.put(putRequest(key, value, options)));

async function valueOf(member: TestMember, key: string): Promise<string | undefined> {
  const { kvs } = await member.during(member.replica.kv.range(rangeRequest(key)));
  return kvs[0] && toUtf8(decodeKeyValue(kvs[0]).value);
}

const grant = (member: TestMember, ID: bigint, TTL: bigint) =>
  member.during(member.replica.leases.grant({ ID, TTL }));

test('a new member has the identity that etcd computes for the same configuration', async () => {
  const { replica } = await openTestMember();
  expect(replica.id.toString(16)).toBe('8e9e05c52164694d');
  expect(replica.clusterId.toString(16)).toBe('cdf818194e3a8c32');
});

test('the first write is revision 2, and each write after it one more', async () => {
  const member = await openTestMember();
  expect((await put(member, 'a', '1')).header?.revision).toBe(2);
  expect((await put(member, 'a', '1')).header?.revision).toBe(3);
  expect(await valueOf(member, 'a')).toBe('1');
});

test('writes of one turn share one write and one sync of the log', async () => {
  const saves: number[] = [];
  const member = await openTestMember({ observer: { onLogSaved: ({ entries }) => saves.push(entries) } });
  saves.length = 0;
  const puts = Array.from({ length: 50 }, (_, i) => member.replica.kv.put(putRequest(`k${i}`, 'v')));
  await member.during(Promise.all(puts));
  expect(saves[0]).toBe(50);
});

test('a restart on the same log and store finds everything, under the same identity', async () => {
  const [disk, backend] = [new MemoryDisk(), new MemoryBackend()];
  const first = await openTestMember({ disk, backend });
  await put(first, 'a', '1');
  await grant(first, 7n, 60n);
  await put(first, 'b', '2', { lease: 7n });
  await first.during(first.replica.close());

  const second = await openTestMember({ disk, backend });
  expect(await valueOf(second, 'a')).toBe('1');
  expect(second.replica.id).toBe(first.replica.id);
  expect(second.replica.state.lessor.keys(7n)).toEqual(['b']);
  expect((await put(second, 'c', '3')).header?.revision).toBe(4);
});

test('the members of a restarted cluster are those of its log, whatever the configuration says', async () => {
  const [disk, backend] = [new MemoryDisk(), new MemoryBackend()];
  const first = await openTestMember({ disk, backend });
  await first.during(first.replica.close());
  const second = await openTestMember({
    disk,
    backend,
    name: 'other',
    initialCluster: 'other=http://10.0.0.1:2380',
  });
  const { members } = await second.during(second.replica.cluster.list({ linearizable: true }));
  expect(members.map((m) => [m.name, m.peerURLs])).toEqual([['other', ['http://localhost:2380']]]);
});

test('a linearizable read sees what was acknowledged before it began', async () => {
  const member = await openTestMember();
  for (let i = 0; i < 20; i++) {
    await put(member, 'k', String(i));
    expect(await valueOf(member, 'k')).toBe(String(i));
  }
});

test('a read that joins no round before the member stops is refused, not left alone', async () => {
  const member = await openTestMember();
  const read = member.replica.kv.range(rangeRequest('a')).catch((error: unknown) => error);
  await member.during(member.replica.close());
  expect(await read).toMatchObject({ code: 'REPLICA_STOPPED' });
  await expect(member.replica.kv.put(putRequest('a', '1'))).rejects.toMatchObject({
    code: 'REPLICA_STOPPED',
  });
});

test('a lease that nobody keeps alive goes, and its keys in one revision', async () => {
  const member = await openTestMember();
  await grant(member, 5n, 10n);
  await put(member, 'x', '1', { lease: 5n });
  await put(member, 'y', '1', { lease: 5n });
  await member.advance(9_000);
  expect(await valueOf(member, 'x')).toBe('1');
  const before = member.replica.state.store.currentRevision;
  for (let i = 0; i < 40; i++) await member.advance(100);
  expect(await valueOf(member, 'x')).toBeUndefined();
  expect(await valueOf(member, 'y')).toBeUndefined();
  expect(member.replica.state.store.currentRevision).toBe(before + 1);
});

test('a lease that is kept alive stays', async () => {
  const member = await openTestMember();
  await grant(member, 5n, 10n);
  for (let i = 0; i < 10; i++) {
    for (let tick = 0; tick < 50; tick++) member.clock.advance(100);
    expect(await member.during(member.replica.leases.keepAlive(5n))).toBe(10);
  }
  expect(await member.during(member.replica.leases.keepAlive(6n))).toBe(0);
});

test('compaction removes history in the background, and a physical one returns when it is gone', async () => {
  const member = await openTestMember();
  for (let i = 0; i < 300; i++) await put(member, `k${i % 3}`, String(i));
  const before = member.replica.state.store.sizeBytes;
  const request = rpcpb.CompactionRequest.encode({ revision: 250n, physical: true }).finish();
  await member.during(member.replica.kv.compact(request));
  expect(member.replica.state.store.sizeBytes).toBeLessThan(before / 2);
  await expect(
    member.during(member.replica.kv.range(rangeRequest('k0', { revision: 249 }))),
  ).rejects.toMatchObject({
    code: 'MVCC_COMPACTED',
  });
  member.replica.state.store.checkInvariants();
});

test('the quota refuses writes, raises the alarm, and compaction with a disarm ends it', async () => {
  const member = await openTestMember({ quotaBytes: 20_000 });
  const fill = async (): Promise<unknown> => {
    for (let i = 0; i < 1000; i++) await put(member, 'k', 'x'.repeat(500));
    return undefined;
  };
  await expect(fill()).rejects.toMatchObject({ code: 'REPLICA_NO_SPACE' });
  await member.advance(10);
  expect(member.replica.alarmTypes).toEqual(['NOSPACE']);
  expect(await valueOf(member, 'k')).toHaveLength(500);
  await expect(grant(member, 1n, 10n)).rejects.toMatchObject({ code: 'REPLICA_NO_SPACE' });

  const revision = BigInt(member.replica.state.store.currentRevision);
  await member.during(
    member.replica.kv.compact(rpcpb.CompactionRequest.encode({ revision, physical: true }).finish()),
  );
  await expect(put(member, 'k', 'still alarmed')).rejects.toMatchObject({ code: 'REPLICA_NO_SPACE' });
  await member.during(member.replica.maintenance.alarm({ action: 2, memberID: member.replica.id, alarm: 1 }));
  expect((await put(member, 'k', 'again')).header?.revision).toBe(Number(revision) + 1);
});

test('alarms survive a restart', async () => {
  const [disk, backend] = [new MemoryDisk(), new MemoryBackend()];
  const first = await openTestMember({ disk, backend });
  await first.during(first.replica.maintenance.alarm({ action: 1, memberID: 9n, alarm: 2 }));
  await first.during(first.replica.close());
  const second = await openTestMember({ disk, backend });
  expect(second.replica.alarmTypes).toEqual(['CORRUPT']);
  await expect(put(second, 'a', '1')).rejects.toMatchObject({ code: 'REPLICA_CORRUPT' });
  expect(await valueOf(second, 'a')).toBeUndefined();
});

test("alarms are told with the status, in etcd's text form to the letter", async () => {
  const member = await openTestMember();
  const activate = (memberID: bigint, alarm: rpcpb.AlarmType) =>
    member.during(member.replica.maintenance.alarm({ action: 1, memberID, alarm }));
  await activate(2n ** 64n - 1n, 1);
  await activate(0n, 2);
  expect(member.replica.maintenance.status().errors).toEqual([
    'alarm:CORRUPT ',
    'memberID:18446744073709551615 alarm:NOSPACE ',
  ]);
});

test('of an alarm type that does not exist there are none to list, and none to disarm', async () => {
  const member = await openTestMember();
  const alarm = (request: { action: 0 | 1 | 2; alarm: number }) =>
    // A client may send any number.
    member.during(member.replica.maintenance.alarm({ memberID: 9n, ...request } as rpcpb.AlarmRequest));
  await alarm({ action: 1, alarm: 2 });
  expect((await alarm({ action: 0, alarm: 0 })).alarms).toEqual([{ memberID: 9n, alarm: 2 }]);
  expect((await alarm({ action: 0, alarm: 1 })).alarms).toEqual([]);
  expect((await alarm({ action: 0, alarm: 3 })).alarms).toEqual([]);
  expect((await alarm({ action: 2, alarm: 3 })).alarms).toEqual([]);
});

test.each([[{ action: 9, memberID: 0n, alarm: 0 }], [{ action: 1, memberID: 0n, alarm: 7 }]])(
  'an alarm request that means nothing is refused before the log: %o',
  async (request) => {
    const member = await openTestMember();
    const { applied } = member.replica.raftStatus;
    await expect(
      // Numbers that no enum value has are what a hostile client sends.
      member.during(member.replica.maintenance.alarm(request as rpcpb.AlarmRequest)),
    ).rejects.toMatchObject({ code: 'REPLICA_INVALID_ALARM' });
    expect(member.replica.raftStatus.applied).toBe(applied);
  },
);

test('a request larger than the limit never reaches the log', async () => {
  const member = await openTestMember({ maxRequestBytes: 1000 });
  await expect(put(member, 'a', 'x'.repeat(1000))).rejects.toMatchObject({
    code: 'REPLICA_REQUEST_TOO_LARGE',
  });
  expect((await put(member, 'a', 'x')).header?.revision).toBe(2);
});

test('a transaction that only reads leaves no trace in the log', async () => {
  const member = await openTestMember();
  await put(member, 'a', '1');
  const { applied } = member.replica.raftStatus;
  const txn = encodeTxnRequest({
    compare: [],
    success: [{ kind: 'range', range: rangeRequest('a') }],
    failure: [],
  });
  const response = await member.during(member.replica.kv.txn(txn));
  expect(response.succeeded).toBe(true);
  expect(member.replica.raftStatus.applied).toBe(applied);
});

test('snapshot marks release the log below them, and a restart begins at the newest', async () => {
  const [disk, backend] = [new MemoryDisk(), new MemoryBackend()];
  const marks: number[] = [];
  const released: string[] = [];
  const first = await openTestMember({
    disk,
    backend,
    snapshotCount: 50,
    snapshotCatchUpEntries: 10,
    maxWals: 1,
    segmentSizeBytes: 4096,
    observer: {
      onSnapshot: (event) => {
        marks.push(event.index);
        released.push(...event.released);
      },
    },
  });
  for (let i = 0; i < 400; i++) await put(first, `k${i % 10}`, 'v'.repeat(100));
  expect(marks.length).toBeGreaterThan(3);
  expect(released.length).toBeGreaterThan(1);
  const hash = await first.during(first.replica.maintenance.hashKv({ revision: 0n }));
  await first.during(first.replica.close());

  const second = await openTestMember({ disk, backend, segmentSizeBytes: 4096 });
  const again = await second.during(second.replica.maintenance.hashKv({ revision: 0n }));
  expect(again.hash).toBe(hash.hash);
});

test('a store that is older than the log begins is refused with a sentence', async () => {
  const [disk, backend] = [new MemoryDisk(), new MemoryBackend()];
  const old = backend.copy();
  const first = await openTestMember({
    disk,
    backend,
    snapshotCount: 20,
    maxWals: 1,
    segmentSizeBytes: 2048,
  });
  for (let i = 0; i < 200; i++) await put(first, 'k', 'v'.repeat(100));
  await first.during(first.replica.close());
  await expect(openTestMember({ disk, backend: old })).rejects.toThrow(/log|segment/);
});

test('a log that was lost is refused while the store has data', async () => {
  const backend = new MemoryBackend();
  const first = await openTestMember({ backend });
  await put(first, 'a', '1');
  await first.during(first.replica.close());
  await expect(openTestMember({ backend })).rejects.toMatchObject({ code: 'REPLICA_START' });
});

test('changes reach the store within the batch interval, with the index they stand for', async () => {
  const backend = new MemoryBackend();
  const member = await openTestMember({ backend, backendBatchIntervalMs: 100 });
  await put(member, 'a', '1');
  await member.advance(150);
  const rows: BackendRow[] = [];
  for await (const slice of backend.scan('key')) rows.push(...slice);
  expect(rows.length).toBeGreaterThan(0);
  const index = backend.get('meta', fromUtf8('consistent_index'));
  expect(index && Buffer.from(index).readBigUInt64BE()).toBe(BigInt(member.replica.raftStatus.applied));
});

test('a watcher is told of every change, after a restart of history too', async () => {
  const member = await openTestMember();
  await put(member, 'a', '1');
  await put(member, 'a', '2');
  let wakes = 0;
  const watch = member.replica.watch({ onReadable: () => wakes++ });
  void watch.request({
    requestUnion: {
      $case: 'createRequest',
      value: rpcpb.WatchCreateRequest.fromPartial({ key: fromUtf8('a'), startRevision: 2n }),
    },
  });
  await put(member, 'a', '3');
  const events: string[] = [];
  for (let i = 0; i < 10; i++) {
    for (const bytes of watch.take(1 << 20)) {
      for (const event of rpcpb.WatchResponse.decode(bytes).events) events.push(toUtf8(event.kv!.value));
    }
  }
  expect(events).toEqual(['1', '2', '3']);
  expect(wakes).toBeGreaterThan(0);
  watch.close();
});

test('periodic compaction keeps one period of history', async () => {
  const member = await openTestMember({ autoCompaction: { mode: 'periodic', retentionMs: 10_000 } });
  for (let second = 0; second < 25; second++) {
    await put(member, 'k', String(second));
    for (let tick = 0; tick < 10; tick++) await member.advance(100);
  }
  const { compactedRevision, currentRevision } = member.replica.state.store;
  expect(compactedRevision).toBeGreaterThan(5);
  expect(currentRevision - compactedRevision).toBeGreaterThanOrEqual(9);
});

test('compaction by revisions keeps as many as it is told to, and is made every five minutes', async () => {
  const member = await openTestMember({ autoCompaction: { mode: 'revision', retentionRevisions: 10 } });
  for (let i = 0; i < 30; i++) await put(member, 'k', String(i));
  const { store } = member.replica.state;
  await member.advance(4 * 60_000);
  expect(store.compactedRevision).toBeLessThan(1);
  await member.advance(61_000);
  for (let tick = 0; tick < 10; tick++) await member.advance(100);
  expect(store.compactedRevision).toBe(store.currentRevision - 10);
});

test('a message that breaks an invariant of the core stops the member, instead of leaving it half changed', async () => {
  const fatal: unknown[] = [];
  const hosts: PeerHost[] = [];
  await openTestMember({
    observer: { onFatal: (error) => fatal.push(error) },
    network: (host) => {
      hosts.push(host);
      return new MemoryNetwork(new ManualClock()).join(host);
    },
  });
  const broken = new Error('two leaders in one term');
  const step = vi.spyOn(RaftNode.prototype, 'step').mockImplementationOnce(() => {
    throw broken;
  });
  hosts[0]?.receive({ ...decodeMessage(new Uint8Array(0)), from: 7n });
  step.mockRestore();
  expect(fatal).toEqual([broken]);
});
