import { RaftNode } from '@quorate/raft';
import { SeededRandom } from '@quorate/std';
import { ManualClock } from '@quorate/std/testing';
import { Wal } from '@quorate/wal';
import { MemoryDisk } from '@quorate/wal/testing';
import { decodeMessage, raftpb, type ConfState, type Entry } from '@quorate/wire';
import { expect, test } from 'vitest';
import { RaftDriver, type RaftDriverOptions } from '../src/raft-driver.ts';
import { settle } from '../src/testing/turns.ts';

const confState: ConfState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const entries = Array.from({ length: 5 }, (_, at): Entry => ({
  term: 1,
  index: at + 1,
  type: 0,
  data: new Uint8Array([at]),
}));
const hardState = { term: 1, vote: 0n, commit: 5 };

/** A follower of member 2 that has applied five entries. */
async function openDriver(options: Partial<RaftDriverOptions> = {}) {
  const disk = new MemoryDisk();
  const clock = new ManualClock();
  const wal = await Wal.create({
    disk,
    dir: '/wal',
    metadata: new Uint8Array([1]),
    initial: { hardState, entries },
  });
  const node = new RaftNode({
    ...{
      id: 1n,
      electionTicks: 10,
      heartbeatTicks: 1,
      random: new SeededRandom(1),
      hardState,
      entries,
      confState,
    },
    snapshot: { index: 0, term: 0, confState },
    applied: 5,
    takeSnapshot: () => undefined,
  });
  const fatal: unknown[] = [];
  const driver = new RaftDriver({
    ...{ node, wal, clock, unsafeNoFsync: false },
    apply: () => {},
    onReadState: () => {},
    onSoftState: () => {},
    send: () => {},
    onTurn: () => {},
    onSaved: () => {},
    onFatal: (error) => fatal.push(error),
    isAwaited: () => false,
    snapshots: { seal: async () => {}, install: async () => {} },
    ...options,
  });
  return { disk, clock, wal, node, driver, fatal };
}

function snapshotAt(index: number) {
  const snapshot = { index, term: 2, confState, data: new Uint8Array(0) };
  const { MsgSnap } = raftpb.MessageType;
  return { ...decodeMessage(new Uint8Array(0)), type: MsgSnap, from: 2n, to: 1n, term: 2, snapshot };
}

test('a mark of what was applied before a snapshot came is not written behind the snapshot', async () => {
  const { disk, clock, node, driver, fatal } = await openDriver();
  let isDone = false;
  node.step(snapshotAt(20));
  void driver.saveSnapshotMark({ index: 5, term: 1, confState }).then(() => (isDone = true));
  driver.turn();
  await settle(clock);
  expect(fatal).toEqual([]);
  expect(isDone).toBe(true);
  expect((await Wal.validSnapshots(disk, '/wal')).map(({ index }) => index)).toEqual([0, 20]);
  await driver.stop();
});

test('entries that wait for the disk while a new leader replaces them are not written behind its own', async () => {
  const { disk, clock, node, driver, fatal } = await openDriver();
  const append = (term: number, index: number, count: number) => ({
    ...decodeMessage(new Uint8Array(0)),
    ...{ type: raftpb.MessageType.MsgApp, from: BigInt(term), to: 1n, term, index, logTerm: 1 },
    entries: Array.from({ length: count }, (_, at): Entry => ({
      ...{ term, index: index + 1 + at, type: 0, data: new Uint8Array([term]) },
    })),
  });
  // The first is on its way to the disk when the second and the third come, which the next write joins.
  node.step({ ...append(2, 5, 1) });
  driver.turn();
  node.step({ ...append(2, 6, 3), logTerm: 2 });
  driver.turn();
  node.step(append(3, 5, 2));
  driver.turn();
  await settle(clock);
  expect(fatal).toEqual([]);
  await driver.stop();
  const { entries: found, hardState: state } = await Wal.open({
    disk: disk.crash({ keep: 'none' }),
    dir: '/wal',
  });
  expect(found.map(({ index, term }) => `${index}@${term}`)).toEqual([
    '1@1',
    '2@1',
    '3@1',
    '4@1',
    '5@1',
    '6@3',
    '7@3',
  ]);
  expect(state.term).toBe(3);
});
