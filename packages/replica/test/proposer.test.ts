import { ManualClock } from '@quorate/std/testing';
import { decodeRaftEnvelope, raftRequestField } from '@quorate/wire';
import { expect, test } from 'vitest';
import { maxPendingProposals } from '../src/options.ts';
import { Proposer } from '../src/proposer.ts';
import { RequestIds } from '../src/request-ids.ts';
import { Waiters } from '../src/waiters.ts';

function newProposer(
  maxRequestBytes = 1000,
  { applyLag = 0, priorityRequests }: { applyLag?: number; priorityRequests?: boolean } = {},
) {
  const clock = new ManualClock();
  const waiters = new Waiters();
  const proposed: Uint8Array[] = [];
  const ids = new RequestIds({ memberId: 0x8e9e05c52164694dn, startedAtMs: clock.wallMs() });
  const proposer = new Proposer({
    ids,
    waiters,
    clock,
    requestTimeoutMs: 7_000,
    maxRequestBytes,
    propose: (data) => proposed.push(data),
    proposeConfChange: () => true,
    applyLag: () => applyLag,
    priorityRequests,
    ownIdentity: () => ({ name: '', revision: 0 }),
    stoppedBecause: () => undefined,
  });
  return { proposer, clock, waiters, proposed, ids };
}

const bytes = Uint8Array.of(1, 2, 3);

test('a request travels in an envelope with an ID of this member, and its outcome comes back to the proposer', async () => {
  const { proposer, waiters, proposed, ids } = newProposer();
  const outcome = proposer.propose(raftRequestField.put, bytes);
  const envelope = decodeRaftEnvelope(proposed[0]!);
  expect(envelope.requestField).toBe(raftRequestField.put);
  expect([...envelope.request]).toEqual([1, 2, 3]);
  expect(envelope.idHigh >>> 16).toBe(0x694d);
  waiters.resolve(ids.suffixOf(envelope.idHigh, envelope.idLow), 'done');
  expect(await outcome).toBe('done');
});

test('IDs never repeat, and an ID of another member is nobody’s here', () => {
  const ids = new RequestIds({ memberId: 1n, startedAtMs: 2 ** 40 - 1 });
  const seen = new Set(Array.from({ length: 1000 }, () => ids.next()));
  expect(seen.size).toBe(1000);
  const other = new RequestIds({ memberId: 2n, startedAtMs: 5 });
  const suffix = other.next();
  expect(ids.suffixOf(other.high(suffix), other.low(suffix))).toBe(-1);
  expect(other.suffixOf(other.high(suffix), other.low(suffix))).toBe(suffix);
});

test('a proposal that nobody answers times out, the oldest first, and its late outcome harms nobody', async () => {
  const { proposer, clock, waiters } = newProposer();
  const first = proposer.propose(raftRequestField.put, bytes);
  clock.advance(1_000);
  const second = proposer.propose(raftRequestField.put, bytes);
  clock.advance(6_000);
  waiters.sweep(clock.now(), () => 'REPLICA_TIMEOUT');
  await expect(first).rejects.toMatchObject({ code: 'REPLICA_TIMEOUT' });
  expect(waiters.count).toBe(1);
  waiters.resolve(12345, 'nobody waits for this');
  waiters.rejectAll(new Error('stopped'));
  await expect(second).rejects.toThrow('stopped');
  expect(waiters.bytes).toBe(0);
});

test('beyond the bound proposals are refused at once and none is made', async () => {
  const { proposer, waiters, proposed } = newProposer();
  const all = Array.from({ length: maxPendingProposals }, () =>
    proposer.propose(raftRequestField.put, bytes),
  );
  await expect(proposer.propose(raftRequestField.put, bytes)).rejects.toMatchObject({
    code: 'REPLICA_TOO_MANY_REQUESTS',
  });
  expect(proposed).toHaveLength(maxPendingProposals);
  waiters.rejectAll(new Error('end of the test'));
  await Promise.allSettled(all);
});

test('a request above the limit is refused before it is proposed', async () => {
  const { proposer, proposed } = newProposer(50);
  await expect(proposer.propose(raftRequestField.put, new Uint8Array(60))).rejects.toMatchObject({
    code: 'REPLICA_REQUEST_TOO_LARGE',
  });
  expect(proposed).toHaveLength(0);
});

test('a member that lags refuses requests; with priority requests, the end of a lease up to twice the lag', async () => {
  const { put, leaseRevoke } = raftRequestField;
  const isTaken = async (field: number, applyLag: number, priorityRequests: boolean): Promise<boolean> => {
    const { proposer, proposed, waiters } = newProposer(1000, { applyLag, priorityRequests });
    const refused = proposer.propose(field, bytes).catch((error: unknown) => error);
    waiters.rejectAll(new Error('over'));
    if (proposed.length === 0) expect(await refused).toMatchObject({ code: 'REPLICA_TOO_MANY_REQUESTS' });
    return proposed.length > 0;
  };
  for (const isOn of [false, true]) {
    expect(await isTaken(put, 5_000, isOn)).toBe(true);
    expect(await isTaken(put, 5_001, isOn)).toBe(false);
    expect(await isTaken(leaseRevoke, 5_001, isOn)).toBe(isOn);
    expect(await isTaken(leaseRevoke, 10_000, isOn)).toBe(isOn);
    expect(await isTaken(leaseRevoke, 10_001, isOn)).toBe(false);
  }
});
