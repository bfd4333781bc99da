import { toLatin1, type StagedBackend } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { MemoryDisk } from '@quorate/wal/testing';
import { expect, test } from 'vitest';
import type { TestCluster } from '../src/testing/index.ts';
import { codeOf, put, start, statesOf } from './clusters.ts';

/** A backend that does something between the switch to a stage and the moment when it says so. */
class WatchedBackend extends MemoryBackend {
  onSwitched: () => Promise<void> = async () => {};

  override async stage(): Promise<StagedBackend> {
    const stage = await super.stage();
    const install = stage.install.bind(stage);
    stage.install = async () => {
      await install();
      await this.onSwitched();
    };
    return stage;
  }
}

/** A follower that lags far behind and keeps no value in memory: every read goes to its backend. */
async function lagging(): Promise<{ cluster: TestCluster; name: string; backend: WatchedBackend }> {
  const cluster = await start(
    3,
    { snapshotCount: 50, snapshotCatchUpEntries: 10, valueBudgetBytes: 0, backendBatchLimit: 3 },
    () => ({ disk: new MemoryDisk(), backend: new WatchedBackend() }),
  );
  const name = cluster.followers[0]!;
  for (let i = 0; i < 12; i++) await put(cluster, cluster.leader, `k${i}`, `old ${i}`);
  await cluster.advance(500);
  cluster.network.isolate(cluster.member(name).id);
  for (let i = 0; i < 12; i++) await put(cluster, cluster.leader, `k${i}`, `new ${i}`);
  for (let i = 0; i < 100; i++) await put(cluster, cluster.leader, `other${i % 9}`, String(i));
  const { backend } = cluster.ground(name);
  if (!(backend instanceof WatchedBackend)) throw new TypeError('it is the one that was put there');
  return { cluster, name, backend };
}

test('reads that need not be of now are served all through an installation, from one state or the other', async () => {
  const { cluster, name, backend } = await lagging();
  const member = cluster.member(name);
  const seen = new Set<string>();
  let isSwitched = false;
  const read = (): void => {
    const { store } = member.state;
    for (let i = 0; i < 12; i++) {
      const bytes = store.latest(`k${i}`);
      const text = toLatin1(bytes!);
      seen.add(text.includes(`new ${i}`) ? 'new' : text.includes(`old ${i}`) ? 'old' : text);
    }
  };
  backend.onSwitched = async () => {
    isSwitched = true;
    read();
  };
  const { store: old } = member.state;
  cluster.network.heal();
  await cluster.until(() => isSwitched);
  expect(member.state.store).not.toBe(old);
  await cluster.advance(100);
  read();
  expect([...seen]).toEqual(['new']);
  expect((await statesOf(cluster)).size).toBe(1);
});

test('a hash that was begun before a snapshot was installed is not told to other members', async () => {
  const { cluster, name, backend } = await lagging();
  const member = cluster.member(name);
  const host = cluster.network.hostOf(member.id);
  const before = await cluster.during(host.hashKv(0));
  let outcome: Promise<string> | undefined;
  let revision = 0;
  backend.onSwitched = async () => {
    isSwitched.resolve();
    outcome = codeOf(
      host.hashKv(0).then((found) => {
        revision = found.revision;
      }),
    );
  };
  // It has taken its first look when the store is replaced.
  const { store } = member.state;
  const hashKv = store.hashKv.bind(store);
  const isSwitched = Promise.withResolvers<void>();
  store.hashKv = async (at) => {
    await isSwitched.promise;
    return hashKv(at);
  };
  const early = codeOf(host.hashKv(0));
  cluster.network.heal();
  await cluster.until(() => outcome !== undefined);
  await cluster.advance(100);
  expect(await cluster.during(early)).toBe('REPLICA_LEADER_CHANGED');
  expect(await cluster.during(outcome!)).toBe('none');
  expect(revision).toBeGreaterThan(before.revision);
});
