import { fromUtf8, type BackendRow, type Bucket, type ScanRange } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { MemoryDisk } from '@quorate/wal/testing';
import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { putRequest, type TestCluster } from '../src/testing/index.ts';
import {
  codeOf,
  compact,
  deleteRequest,
  errorOf,
  put,
  servesAgain,
  start,
  statesOf,
  valueOf,
} from './clusters.ts';

const { GET, DEACTIVATE } = rpcpb.AlarmRequest_AlarmAction;
const { NONE, NOSPACE, CORRUPT } = rpcpb.AlarmType;

/** Puts a revision into the store of one member that the log knows nothing of. */
function alter(cluster: TestCluster, name: string): void {
  const { store } = cluster.member(name).state;
  // The same revision everywhere, with another value here.
  const txn = store.beginWrite();
  txn.put(fromUtf8('k'), fromUtf8('altered'), 0n);
  txn.end();
}

/** Brings the others to the revision of the member that was altered, and all further on. */
async function putElsewhere(cluster: TestCluster, altered: string): Promise<void> {
  for (const name of cluster.names) {
    if (name === altered) continue;
    const txn = cluster.member(name).state.store.beginWrite();
    txn.put(fromUtf8('k'), fromUtf8('as agreed'), 0n);
    txn.end();
  }
  for (const name of cluster.names) cluster.member(name).state.hub.restore();
  await put(cluster, cluster.leader, 'next', '1');
}

test('when one member is out of space none takes writes, until the alarm is taken back', async () => {
  const cluster = await start(3);
  const [small, other] = cluster.followers;
  await cluster.stop(small!);
  await cluster.open(small!, { quotaBytes: 2_000 });
  await servesAgain(cluster, small!);
  // Applied everywhere, but one member says that it was too much for it.
  for (let i = 0; i < 8; i++) await put(cluster, other!, `k${i}`, 'x'.repeat(200));
  await cluster.until(() => cluster.names.every((name) => cluster.member(name).alarmTypes.length > 0));
  for (const name of cluster.names) {
    const member = cluster.member(name);
    expect(member.alarmTypes).toEqual(['NOSPACE']);
    expect(await cluster.during(codeOf(member.kv.put(putRequest('a', '1'))))).toBe('REPLICA_NO_SPACE');
    expect(await cluster.during(codeOf(member.leases.grant({ ID: 0n, TTL: 10n })))).toBe('REPLICA_NO_SPACE');
    expect(await valueOf(cluster, name, 'k1')).toBe('x'.repeat(200));
  }
  for (let i = 0; i < 10; i++)
    await cluster.during(cluster.member(other!).kv.deleteRange(deleteRequest(`k${i}`)));
  await compact(cluster, other!, cluster.member(other!).state.store.currentRevision);
  const alarm = { action: DEACTIVATE, memberID: cluster.member(small!).id, alarm: NOSPACE };
  const { alarms } = await cluster.during(cluster.member(other!).maintenance.alarm(alarm));
  expect(alarms).toEqual([{ memberID: cluster.member(small!).id, alarm: NOSPACE }]);
  await put(cluster, other!, 'a', '1');
  const none = await cluster.during(
    cluster.member(small!).maintenance.alarm({ action: GET, memberID: 0n, alarm: NONE }),
  );
  expect(none.alarms).toEqual([]);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('compaction leaves the same on all members, and hashes of every revision agree', async () => {
  const cluster = await start(3);
  for (let i = 0; i < 40; i++) await put(cluster, cluster.followers[0]!, `k${i % 7}`, String(i));
  await cluster.during(cluster.member(cluster.leader).kv.deleteRange(deleteRequest('k3')));
  await compact(cluster, cluster.followers[1]!, 20);
  await put(cluster, cluster.leader, 'after', '1');
  expect((await statesOf(cluster)).size).toBe(1);
  for (let revision = 20; revision < 44; revision++) {
    const answers = cluster.names.map((name) =>
      cluster.network.hostOf(cluster.member(name).id).hashKv(revision),
    );
    const found = await cluster.during(Promise.all(answers));
    expect(new Set(found.map(({ hash, compactRevision }) => `${hash}/${compactRevision}`)).size).toBe(1);
  }
  const tooOld = cluster
    .member(cluster.leader)
    .kv.compact(rpcpb.CompactionRequest.encode({ revision: 20n, physical: false }).finish());
  expect(await cluster.during(codeOf(tooOld))).toBe('MVCC_COMPACTED');
});

test('the periodic check finds the member whose data was altered, and then nobody serves writes', async () => {
  const found: string[] = [];
  const cluster = await start(3, {
    corruptionCheckMs: 3_000,
    observer: { onCorruption: ({ member }) => found.push(member.toString(16)) },
  });
  const bad = cluster.followers[0]!;
  await put(cluster, cluster.leader, 'k', 'good');
  await cluster.advance(500);
  alter(cluster, bad);
  await putElsewhere(cluster, bad);
  await cluster.until(() =>
    cluster.names.every((name) => cluster.member(name).alarmTypes.includes('CORRUPT')),
  );
  expect(new Set(found)).toEqual(new Set([cluster.member(bad).id.toString(16)]));
  for (const name of cluster.names) {
    const member = cluster.member(name);
    expect(member.state.alarms.list('CORRUPT')).toEqual([
      { memberId: cluster.member(bad).id, type: 'CORRUPT' },
    ]);
    expect(await cluster.during(codeOf(member.kv.put(putRequest('a', '1'))))).toBe('REPLICA_CORRUPT');
    expect(await valueOf(cluster, name, 'next')).toBe('1');
  }
  const alarm = { action: DEACTIVATE, memberID: cluster.member(bad).id, alarm: CORRUPT };
  await cluster.during(cluster.member(bad).maintenance.alarm(alarm));
  await put(cluster, bad, 'a', '1');
});

test('the check of compactions finds it too, by what they have left', async () => {
  const cluster = await start(3, { compactHashCheckMs: 3_000 });
  const bad = cluster.followers[1]!;
  await put(cluster, cluster.leader, 'k', 'good');
  await cluster.advance(500);
  alter(cluster, bad);
  await putElsewhere(cluster, bad);
  await cluster.advance(4_000);
  expect(cluster.member(bad).alarmTypes).toEqual([]);
  await put(cluster, cluster.leader, 'next', '2');
  await compact(cluster, cluster.leader, cluster.member(cluster.leader).state.store.currentRevision);
  await cluster.until(() =>
    cluster.names.every((name) => cluster.member(name).alarmTypes.includes('CORRUPT')),
  );
  const alarms = cluster.member(bad).state.alarms.list('CORRUPT');
  expect(alarms.map(({ memberId }) => memberId)).toEqual([cluster.member(bad).id]);
});

test('a member whose data was altered while it was down refuses to start when it is told to look', async () => {
  const cluster = await start(3, { initialCorruptionCheck: true });
  const bad = cluster.followers[0]!;
  await put(cluster, cluster.leader, 'k', 'good');
  await cluster.advance(500);
  alter(cluster, bad);
  await putElsewhere(cluster, bad);
  await cluster.advance(500);
  await cluster.stop(bad);
  const fatal: unknown[] = [];
  await cluster.open(bad, { observer: { onFatal: (error) => fatal.push(error) } });
  const refusal = await cluster.during(errorOf(cluster.member(bad).ready));
  expect(refusal).toMatchObject({ code: 'REPLICA_STOPPED' });
  expect(String(fatal[0])).toContain('found data inconsistency with peers');
  await cluster.stop(bad);
  // The others have nothing against each other.
  const good = cluster.names.find((name) => name !== bad && name !== cluster.leader)!;
  await cluster.stop(good);
  await cluster.open(good);
  await servesAgain(cluster, good);
});

/** A backend whose bucket of keys rots when it is told to. */
class RottingBackend extends MemoryBackend {
  isRotten = false;

  override get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    return rotten(super.get(bucket, key), this.isRotten && bucket === 'key');
  }

  override async *scan(bucket: Bucket, range?: ScanRange): AsyncGenerator<readonly BackendRow[]> {
    for await (const rows of super.scan(bucket, range)) {
      yield rows.map(([key, value]) => [key, rotten(value, this.isRotten && bucket === 'key')!]);
    }
  }
}

function rotten(value: Uint8Array | undefined, isRotten: boolean): Uint8Array | undefined {
  if (value === undefined || !isRotten) return value;
  const copy = value.slice();
  copy[copy.length >> 1]! ^= 0x10;
  return copy;
}

test('a leader whose own rows turn out damaged in a check stops, and another one leads', async () => {
  const fatal: unknown[] = [];
  const cluster = await start(
    3,
    {
      ...{ corruptionCheckMs: 3_000, valueBudgetBytes: 0 },
      observer: { onFatal: (error) => fatal.push(error) },
    },
    () => ({ disk: new MemoryDisk(), backend: new RottingBackend() }),
  );
  const { leader } = cluster;
  for (let i = 0; i < 60; i++) await put(cluster, leader, `k${i}`, 'v');
  await cluster.advance(500);
  const { backend } = cluster.ground(leader);
  if (backend instanceof RottingBackend) backend.isRotten = true;
  await cluster.until(() => fatal.length > 0);
  expect(fatal[0]).toMatchObject({ code: 'MVCC_DAMAGED_ROW' });
  const others = cluster.names.filter((name) => name !== leader);
  await cluster.until(() => others.some((name) => cluster.member(name).isLeader));
  expect(await valueOf(cluster, others[0]!, 'k7')).toBe('v');
});
