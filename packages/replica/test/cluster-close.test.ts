import type { StagedBackend } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { FaultyDisk, MemoryDisk } from '@quorate/wal/testing';
import { expect, test } from 'vitest';
import { rangeRequest, type TestCluster } from '../src/testing/index.ts';
import { codeOf, errorOf, put, servesAgain, start, statesOf } from './clusters.ts';

const small = { snapshotCount: 50, snapshotCatchUpEntries: 10 } as const;

/** A backend whose stages are installed only when a test lets them be. */
class HeldBackend extends MemoryBackend {
  installing: PromiseWithResolvers<void> | undefined;
  isHeld = false;
  isClosed = false;
  callsAfterClose = 0;

  override async stage(): Promise<StagedBackend> {
    const stage = await super.stage();
    const [install, write] = [stage.install.bind(stage), stage.write.bind(stage)];
    stage.install = async () => {
      if (this.isHeld) {
        this.installing = Promise.withResolvers();
        await this.installing.promise;
      }
      await install();
    };
    stage.write = (changes) => {
      if (this.isClosed) this.callsAfterClose++;
      return write(changes);
    };
    return stage;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }
}

/** A follower that lags so far that it will get a snapshot. */
async function lagging(): Promise<{
  cluster: TestCluster;
  name: string;
  backend: HeldBackend;
  disk: FaultyDisk;
}> {
  const cluster = await start(3, small, () => ({
    disk: new FaultyDisk(new MemoryDisk()),
    backend: new HeldBackend(),
  }));
  const name = cluster.followers[0]!;
  cluster.network.isolate(cluster.member(name).id);
  for (let i = 0; i < 120; i++) await put(cluster, cluster.leader, `k${i % 10}`, String(i));
  const { backend, disk } = cluster.ground(name);
  if (backend instanceof HeldBackend && disk instanceof FaultyDisk) return { cluster, name, backend, disk };
  throw new TypeError('they are those that were put there');
}

test('a member that is closed while it installs a snapshot finishes that first', async () => {
  const { cluster, name, backend } = await lagging();
  backend.isHeld = true;
  cluster.network.heal();
  await cluster.until(() => backend.installing !== undefined);
  const closing = cluster.stop(name);
  await cluster.advance(100);
  backend.installing!.resolve();
  await closing;
  backend.isHeld = false;
  await cluster.open(name);
  await servesAgain(cluster, name);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a member whose installation fails while it is closed ends all the same, and installs it at its next start', async () => {
  const { cluster, name, backend } = await lagging();
  backend.isHeld = true;
  cluster.network.heal();
  await cluster.until(() => backend.installing !== undefined);
  const closing = errorOf(cluster.stop(name));
  await cluster.advance(100);
  backend.installing!.reject(new Error('EIO: the store is gone'));
  expect(String(await closing)).toContain('EIO');
  expect(backend.isClosed).toBe(true);
  backend.isHeld = false;
  await cluster.open(name);
  expect(cluster.member(name).state.store.currentRevision).toBeGreaterThan(100);
  await servesAgain(cluster, name);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a member that is closed while a snapshot comes in gives that up, and touches nothing afterwards', async () => {
  for (const stopAt of [1, 2, 4]) {
    const { cluster, name, backend, disk } = await lagging();
    let chunks = 0;
    const never = new Promise<void>(() => {});
    cluster.network.onSnapshotChunk = async (chunk) => {
      if (++chunks === stopAt) await never;
      return chunk;
    };
    cluster.network.heal();
    await cluster.until(() => chunks >= stopAt);
    await cluster.stop(name);
    const calls = disk.callCount();
    await cluster.advance(1_000);
    expect(disk.callCount()).toBe(calls);
    expect(backend.callsAfterClose).toBe(0);
    expect(await disk.list('/member/snap')).not.toContain('tmp1.snap.db');
    cluster.network.onSnapshotChunk = (chunk) => chunk;
    await cluster.close();
  }
});

test('whoever waits in a member when it is closed is told so at once', async () => {
  const cluster = await start(3, { corruptionCheckMs: 1_000 });
  const alone = cluster.leader;
  const member = cluster.member(alone);
  cluster.network.isolate(member.id);
  const { signal } = new AbortController();
  const waiting = [
    codeOf(put(cluster, alone, 'k', '1')),
    codeOf(member.kv.range(rangeRequest('k'))),
    codeOf(member.leases.revoke({ ID: 5n })),
    codeOf(member.cluster.list({ linearizable: true })),
  ];
  await cluster.advance(1_100);
  await cluster.stop(alone);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['REPLICA_STOPPED']));
  expect(await codeOf(member.leases.keepAlive(5n))).toBe('REPLICA_STOPPED');
  const target = cluster.member(cluster.names[0]!).id;
  const move = codeOf(member.maintenance.moveLeader({ targetID: target }, { signal }));
  expect(['REPLICA_STOPPED', 'REPLICA_NOT_LEADER']).toContain(await cluster.during(move));
});
