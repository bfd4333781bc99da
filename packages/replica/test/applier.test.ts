import {
  encodeRaftEnvelope,
  raftRequestField,
  encodePutRequest,
  decodeRaftEnvelope,
  rpcpb,
} from '@quorate/wire';
import { fromUtf8 } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Applier } from '../src/applier.ts';
import { openTestMember } from '../src/testing/index.ts';

async function newApplier() {
  const member = await openTestMember();
  const { state } = member.replica;
  const applier = new Applier({
    state,
    changes: () => ({ put: () => {}, delete: () => {} }),
    now: () => 0,
    onOverQuota: () => {},
    onCompaction: () => {},
    onClusterVersion: () => {},
    onAlarm: () => {},
    onAuthChange: () => {},
  });
  return { applier, state };
}

const envelope = (requestField: number, request: Uint8Array) =>
  decodeRaftEnvelope(
    encodeRaftEnvelope({ idHigh: 1, idLow: 1, username: '', authRevision: 0, requestField, request }),
  );

test('an entry of a kind that this version does not know stops the member', async () => {
  const { applier } = await newApplier();
  for (const kind of [12, 999, 1300 + 99]) {
    expect(() => applier.apply(envelope(kind, new Uint8Array(0)), 1)).toThrow(/cannot apply/);
  }
});

test.each(['MVCC_DAMAGED_ROW', 'BACKEND_FAILED', 'INVARIANT', 'ERR_OUT_OF_RANGE'])(
  'an error with the code %s is no outcome: it stops the member, which could else differ from others',
  async (code) => {
    const { applier, state } = await newApplier();
    const broken = Object.assign(new Error('the disk holds something else'), { code });
    state.store.beginWrite = () => {
      throw broken;
    };
    const request = encodePutRequest({
      key: fromUtf8('a'),
      value: new Uint8Array(0),
      lease: 0n,
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    });
    expect(() => applier.apply(envelope(raftRequestField.put, request), 1)).toThrow(broken);
  },
);

test('a refused request changes nothing', async () => {
  const { applier, state } = await newApplier();
  const put = (lease: bigint, ignoreValue: boolean) =>
    envelope(
      raftRequestField.put,
      encodePutRequest({
        key: fromUtf8('a'),
        value: new Uint8Array(0),
        lease,
        prevKv: false,
        ignoreValue,
        ignoreLease: false,
      }),
    );
  expect(applier.apply(put(99n, false), 1)).toMatchObject({
    ok: false,
    error: { code: 'KV_LEASE_NOT_FOUND' },
  });
  expect(applier.apply(put(0n, true), 1)).toMatchObject({ ok: false, error: { code: 'KV_KEY_NOT_FOUND' } });
  expect(state.store.currentRevision).toBe(1);
  expect(applier.apply(put(0n, false), 1)).toMatchObject({ ok: true });
  expect(state.store.currentRevision).toBe(2);
});

test('bytes that are no request are an outcome, the same for every member, and never a crash', async () => {
  const { applier, state } = await newApplier();
  const { put, deleteRange, txn } = raftRequestField;
  fc.assert(
    fc.property(fc.constantFrom(put, deleteRange, txn), fc.uint8Array({ maxLength: 40 }), (kind, request) => {
      const before = state.store.currentRevision;
      const outcome = applier.apply(envelope(kind, request), 1);
      if (!outcome.ok) expect(state.store.currentRevision).toBe(before);
    }),
  );
  state.store.checkInvariants();
});

test.each([
  ['3.5.0', false],
  ['3.6.0', true],
])(
  'in a cluster of version %s a checkpoint of a lease counts: %s; taking one back always does',
  async (version, counts) => {
    const { applier, state } = await newApplier();
    state.membership.setClusterVersion(version, { put: () => {}, delete: () => {} });
    const changes = { put: () => {}, delete: () => {} };
    state.lessor.grant({ id: 1n, ttlSeconds: 60 }, 0, changes);
    const checkpoint = (remainingTTL: bigint) =>
      applier.apply(
        envelope(
          raftRequestField.leaseCheckpoint,
          rpcpb.LeaseCheckpointRequest.encode({ checkpoints: [{ ID: 1n, remainingTTL }] }).finish(),
        ),
        1,
      );
    checkpoint(20n);
    expect(state.lessor.hasCheckpoint(1n)).toBe(counts);
    // One that was applied while it counted, before a downgrade.
    state.lessor.applyCheckpoint({ id: 1n, remainingTtlSeconds: 20 }, { nowMs: 0, changes, persist: true });
    checkpoint(0n);
    expect(state.lessor.hasCheckpoint(1n)).toBe(false);
  },
);
