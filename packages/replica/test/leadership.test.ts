import { ManualClock } from '@quorate/std/testing';
import { expect, test } from 'vitest';
import { Leadership } from '../src/leadership.ts';
import { codeOf } from './clusters.ts';

const electionTimeoutMs = 1_000;

/** Member 1 of three, with a core that says what it is told to. */
function leadership() {
  const clock = new ManualClock();
  const node = { isLeader: true, term: 2, leader: 1n };
  const rounds: PromiseWithResolvers<void>[] = [];
  const connectedSince = new Map<bigint, number>();
  const made = new Leadership({
    ...{ node, memberId: 1n, clock, heartbeatIntervalMs: 100, electionTimeoutMs },
    linearizable: () => {
      const round = Promise.withResolvers<void>();
      rounds.push(round);
      return round.promise;
    },
    isConnectedSince: (id, sinceMs) => (connectedSince.get(id) ?? Infinity) <= sinceMs,
    voters: () => [1n, 2n, 3n],
  });
  return { clock, node, rounds, connectedSince, leadership: made };
}

test('a leader that ticks is certain, and one that stood still asks a quorum once', async () => {
  const { clock, rounds, leadership: made } = leadership();
  made.tick(clock.now());
  clock.advance(300);
  made.tick(clock.now());
  await made.confirm();
  expect(rounds.length).toBe(0);
  clock.advance(301);
  expect(made.isCertain).toBe(false);
  made.tick(clock.now());
  expect(made.isCertain).toBe(false);
  const first = made.confirm();
  const second = made.confirm();
  expect(rounds.length).toBe(1);
  rounds[0]!.resolve();
  await Promise.all([first, second]);
  expect(made.isCertain).toBe(true);
});

test.each(['timers', 'messages'])(
  'a round that was asked before the process stood still again does not lift the doubt (%s first)',
  async (firstAfterwards) => {
    const { clock, rounds, leadership: made } = leadership();
    made.tick(clock.now());
    clock.advance(5_000);
    made.tick(clock.now());
    const early = made.confirm();
    clock.advance(60_000); // Others may have elected another leader by now.
    if (firstAfterwards === 'timers') made.tick(clock.now());
    const late = made.confirm();
    rounds[0]!.resolve(); // What a quorum said to the first round waited in the sockets.
    let isConfirmed = false;
    void late.then(() => (isConfirmed = true));
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(isConfirmed).toBe(false);
    expect(made.isCertain).toBe(false);
    expect(rounds.length).toBe(2);
    rounds[1]!.resolve();
    await Promise.all([early, late]);
    made.tick(clock.now());
    expect(isConfirmed).toBe(true);
  },
);

test('what needs nobody to be asked is known at once', async () => {
  const { clock, node, rounds, leadership: made } = leadership();
  made.tick(clock.now());
  expect(made.confirmNow()).toBe(true);
  clock.advance(301);
  expect(made.confirmNow()).toBe(false);
  made.tick(clock.now());
  // That it stood still is not forgotten with the next tick.
  expect(made.confirmNow()).toBe(false);
  const confirming = made.confirm();
  rounds[0]!.resolve();
  await confirming;
  expect(made.confirmNow()).toBe(true);
  node.isLeader = false;
  expect(made.confirmNow()).toBe(false);
  node.isLeader = true;
  made.stop();
  expect(made.confirmNow()).toBe(false);
});

test('a leader that is none any more says so', async () => {
  const { clock, node, rounds, leadership: made } = leadership();
  made.tick(clock.now());
  clock.advance(5_000);
  const confirming = codeOf(made.confirm());
  node.term = 3;
  rounds[0]!.resolve();
  expect(await confirming).toBe('REPLICA_LEADER_CHANGED');
  node.isLeader = false;
  clock.advance(5_000);
  expect(await codeOf(made.confirm())).toBe('REPLICA_NOT_LEADER');
});

test('a leader that is elected again counts as a new one', () => {
  const { leadership: made } = leadership();
  expect(made.onLeader(2n)).toBe(true);
  expect(made.onLeader(2n)).toBe(false);
  expect(made.onLeader(0n)).toBe(false);
  expect(made.onLeader(2n)).toBe(true);
});

test('those who need a leader are told after three election timeouts, however often there was a campaign', () => {
  const { clock, node, leadership: made } = leadership();
  node.isLeader = false;
  made.onLeader(2n);
  let told = 0;
  made.onLeaderLost(() => told++);
  node.leader = 0n;
  for (let ms = 0; ms < 3_000; ms += 100) {
    if (ms % 700 === 0) made.onLeader(0n); // A role changes, and still there is no leader.
    made.tick(clock.now());
    expect(told).toBe(0);
    clock.advance(100);
  }
  made.tick(clock.now());
  made.tick(clock.now());
  expect(told).toBe(1);
});

test('why a proposal was not applied in time depends on who led, and who was connected', () => {
  const { clock, node, connectedSince, leadership: made } = leadership();
  node.isLeader = false;
  node.leader = 2n;
  clock.advance(10_000);
  made.onLeader(2n);
  const electedMs = clock.now();
  clock.advance(7_000);
  connectedSince.set(2n, 0);
  expect(made.timeoutCode(electedMs - 2_000)).toBe('REPLICA_TIMEOUT');
  expect(made.timeoutCode(electedMs - 1_999)).toBe('REPLICA_TIMEOUT_LEADER_FAIL');
  expect(made.timeoutCode(electedMs - 1)).toBe('REPLICA_TIMEOUT_LEADER_FAIL');
  expect(made.timeoutCode(electedMs)).toBe('REPLICA_TIMEOUT');
  // The connection to the leader was lost meanwhile, though it is there again.
  connectedSince.set(2n, electedMs + 500);
  expect(made.timeoutCode(electedMs + 400)).toBe('REPLICA_TIMEOUT_CONNECTION_LOST');
  expect(made.timeoutCode(electedMs + 600)).toBe('REPLICA_TIMEOUT');
  // A leader itself needs a quorum.
  node.leader = 1n;
  expect(made.timeoutCode(electedMs + 600)).toBe('REPLICA_TIMEOUT');
  expect(made.timeoutCode(electedMs + 400)).toBe('REPLICA_TIMEOUT_CONNECTION_LOST');
  node.leader = 0n;
  connectedSince.clear();
  expect(made.timeoutCode(electedMs + 400)).toBe('REPLICA_TIMEOUT');
});
