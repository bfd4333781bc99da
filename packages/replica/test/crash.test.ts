import { fromUtf8, SeededRandom, toUtf8, type BucketChange } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { FaultyDisk, MemoryDisk } from '@quorate/wal/testing';
import { decodeKeyValue, encodeDeleteRangeRequest, rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { openTestMember, putRequest, rangeRequest, type TestMember } from '../src/testing/index.ts';

/** Small limits, so that a short workload cuts segments, marks snapshots and writes many batches. */
const tuning = {
  snapshotCount: 15,
  snapshotCatchUpEntries: 5,
  maxWals: 2,
  segmentSizeBytes: 2048,
  backendBatchLimit: 4,
} as const;

/** A moment of the workload: what was acknowledged, and what the store's batches were. */
interface Moment {
  readonly acknowledgedRevision: number;
  readonly disk: MemoryDisk;
  readonly backend: MemoryBackend;
}

/** A backend that keeps a copy after each batch. */
class RecordingBackend extends MemoryBackend {
  readonly copies: MemoryBackend[] = [this.copy()];

  override async write(changes: readonly BucketChange[]): Promise<void> {
    await super.write(changes);
    this.copies.push(this.copy());
  }
}

/**
 * Writes, deletes, leases and compactions, one after the other, so that every revision has exactly one
 * expected state. Calls `acknowledged` with the revision after each one that was answered.
 */
async function workload(member: TestMember, acknowledged: (revision: number) => void): Promise<void> {
  const { replica } = member;
  const { store } = replica.state;
  const noted = async (work: Promise<unknown>): Promise<void> => {
    await member.during(work);
    acknowledged(store.currentRevision);
  };
  await noted(replica.leases.grant({ ID: 77n, TTL: 1000n }));
  for (let i = 0; i < 40; i++) {
    const lease = i % 7 === 0 ? { lease: 77n } : {};
    await noted(replica.kv.put(putRequest(`k${i % 6}`, `value ${i}`, lease)));
    if (i % 5 === 4) {
      const request = { key: fromUtf8(`k${i % 6}`), rangeEnd: new Uint8Array(0), prevKv: false };
      await noted(replica.kv.deleteRange(encodeDeleteRangeRequest(request)));
    }
    if (i === 25) {
      const compaction = { revision: BigInt(store.currentRevision - 5), physical: false };
      await noted(replica.kv.compact(rpcpb.CompactionRequest.encode(compaction).finish()));
    }
  }
  await noted(replica.leases.revoke({ ID: 77n }));
}

/** What a state is known by: a compaction changes the hash, but not the revision. */
const stateName = (revision: number, compacted: number): string => `${revision}/${compacted}`;

/** The hash of each state of an undisturbed run: what every member with that much of the log must have. */
async function expectedHashes(): Promise<Map<string, number>> {
  const member = await openTestMember(tuning);
  const hashes = new Map<string, number>();
  const hashing: Promise<void>[] = [];
  await workload(member, () => {
    hashing.push(
      member.replica.state.store.hashKv(0).then(({ hash, hashRevision, compactRevision }) => {
        hashes.set(stateName(hashRevision, compactRevision), hash);
      }),
    );
  });
  await member.during(Promise.all(hashing));
  await member.during(member.replica.close());
  return hashes;
}

/** Opens what a crash left: everything acknowledged must be there, and nothing that was never written. */
async function checkSurvivor(moment: Moment, hashes: ReadonlyMap<string, number>): Promise<void> {
  const member = await openTestMember({ ...tuning, disk: moment.disk, backend: moment.backend });
  const { store } = member.replica.state;
  expect(store.currentRevision).toBeGreaterThanOrEqual(moment.acknowledgedRevision);
  store.checkInvariants();
  member.replica.state.lessor.checkInvariants();
  const { hash, compactRevision } = await store.hashKv(0);
  const expected = hashes.get(stateName(store.currentRevision, compactRevision));
  // A revision of a transaction that revokes a lease, or a new store, stands between two acknowledgements.
  expect(expected === undefined ? moment.acknowledgedRevision : hash).toBe(
    expected === undefined ? store.currentRevision : expected,
  );
  // It works on: one more write, read back.
  await member.during(member.replica.kv.put(putRequest('after', 'the crash')));
  const { kvs } = await member.during(member.replica.kv.range(rangeRequest('after')));
  expect(toUtf8(decodeKeyValue(kvs[0]!).value)).toBe('the crash');
  await member.during(member.replica.close());
}

test('a crash at any call of the disk, with any newer or older store, loses nothing acknowledged and applies each entry once', async () => {
  const hashes = await expectedHashes();
  const memory = new MemoryDisk();
  const disk = new FaultyDisk(memory);
  const backend = new RecordingBackend();
  const random = new SeededRandom(20261122);
  const moments: Moment[] = [];
  let acknowledgedRevision = 0;
  disk.onCall = () => {
    const keep = (['none', 'all', 'random'] as const)[random.below(3)]!;
    const left = memory.crash(keep === 'random' ? { keep, random } : { keep });
    // Batches of the store are lost in order, newest first; a mark in the log makes those before it durable.
    moments.push({ acknowledgedRevision, disk: left, backend: backend.copies.at(-1)!.copy() });
  };
  const member = await openTestMember({ ...tuning, disk, backend });
  await workload(member, (revision) => {
    acknowledgedRevision = revision;
  });
  await member.during(member.replica.close());
  disk.onCall = undefined;
  const started = moments.filter((moment) => moment.acknowledgedRevision > 0);
  expect(started.length).toBeGreaterThan(50);
  for (const moment of started) await checkSurvivor(moment, hashes);
});

test('whatever batch the store had last before a crash, the log brings it to the same hash', async () => {
  const hashes = await expectedHashes();
  const disk = new MemoryDisk();
  const backend = new RecordingBackend();
  let acknowledgedRevision = 0;
  // Without snapshot marks nothing is released, so every older store is a possible one.
  const member = await openTestMember({ ...tuning, snapshotCount: 1_000_000, disk, backend });
  await workload(member, (revision) => {
    acknowledgedRevision = revision;
  });
  expect(backend.copies.length).toBeGreaterThan(8);
  for (const copy of backend.copies) {
    await checkSurvivor(
      { acknowledgedRevision, disk: disk.crash({ keep: 'none' }), backend: copy.copy() },
      hashes,
    );
  }
  await member.during(member.replica.close());
});

test.each([
  ['write', 'EIO'],
  ['write', 'ENOSPC'],
  ['sync', 'EIO'],
  ['sync', 'ENOSPC'],
  ['rename', 'EIO'],
  ['syncDir', 'EIO'],
  ['open', 'EIO'],
] as const)(
  'after a %s that fails with %s, at any call, nothing is acknowledged that a restart does not find',
  async (operation, code) => {
    const hashes = await expectedHashes();
    for (let call = 1; call < 80; call += call < 20 ? 1 : 7) {
      const memory = new MemoryDisk();
      const disk = new FaultyDisk(memory);
      const backend = new MemoryBackend();
      let fatal: string | undefined;
      let acknowledgedRevision = 0;
      const observer = { onFatal: (error: unknown) => (fatal = String(error)) };
      disk.fail({ operation, call, code, forever: true, halfWritten: true });
      try {
        const member = await openTestMember({ ...tuning, disk, backend, observer });
        await workload(member, (revision) => {
          acknowledgedRevision = revision;
        });
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
      if (acknowledgedRevision === 0) continue;
      if (fatal !== undefined) expect(fatal).toMatch(new RegExp(code));
      await checkSurvivor({ acknowledgedRevision, disk: memory.crash({ keep: 'none' }), backend }, hashes);
    }
  },
);

test('a store that fails stops the member, and the log has everything', async () => {
  class FailingBackend extends MemoryBackend {
    isBroken = false;
    override async write(changes: readonly BucketChange[]): Promise<void> {
      if (this.isBroken) throw new Error('EIO: the store is gone');
      await super.write(changes);
    }
  }
  const disk = new MemoryDisk();
  const backend = new FailingBackend();
  let fatal: unknown;
  const member = await openTestMember({ disk, backend, observer: { onFatal: (error) => (fatal = error) } });
  await member.during(member.replica.kv.put(putRequest('a', '1')));
  backend.isBroken = true;
  await member.during(member.replica.kv.put(putRequest('b', '2')));
  await member.advance(500);
  expect(String(fatal)).toContain('the store is gone');
  await expect(member.replica.kv.put(putRequest('c', '3'))).rejects.toMatchObject({
    code: 'REPLICA_STOPPED',
  });
  await member.during(member.replica.close());
  backend.isBroken = false;

  const again = await openTestMember({ disk: disk.crash({ keep: 'none' }), backend });
  const { count } = await again.during(again.replica.kv.range(rangeRequest('b')));
  expect(count).toBe(1);
});

test('a crash at any call to the disk in the very first start leaves a log with its members, or none', async () => {
  for (let call = 1; ; call++) {
    const disk = new MemoryDisk();
    const dying = new FaultyDisk(disk);
    dying.fail({ call, forever: true, code: 'EIO' });
    const hasServed = await openTestMember({ disk: dying }).then(
      () => true,
      () => false,
    );
    const again = await openTestMember({ disk: disk.crash({ keep: 'none' }) });
    expect((await again.during(again.replica.kv.put(putRequest('a', '1')))).header?.revision).toBe(2);
    await again.during(again.replica.close());
    if (hasServed) return;
  }
});
