import {
  SeededRandom,
  type Backend,
  type BackendRow,
  type BackendSnapshot,
  type Bucket,
  type BucketChange,
  type ScanRange,
  type StagedBackend,
} from '@quorate/std';
import { ManualClock, MemoryBackend } from '@quorate/std/testing';
import { FaultyDisk, MemoryDisk } from '@quorate/wal/testing';
import { raftpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { Replica } from '../src/replica.ts';
import type { TestCluster } from '../src/testing/index.ts';
import { runClockDuring, settle } from '../src/testing/turns.ts';
import { put, servesAgain, start, statesOf } from './clusters.ts';

const tuning = {
  snapshotCount: 30,
  snapshotCatchUpEntries: 5,
  segmentSizeBytes: 2048,
  maxWals: 2,
  backendBatchLimit: 4,
} as const;

/** A backend that tells of each step it takes, before and after, and remembers what a crash must leave of it. */
class SteppingBackend implements Backend {
  readonly inner: MemoryBackend;
  /** What was last synced. */
  durable: MemoryBackend;
  onStep: () => void = () => {};

  constructor(inner: MemoryBackend) {
    this.inner = inner;
    this.durable = inner.copy();
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    return this.inner.get(bucket, key);
  }

  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<readonly BackendRow[]> {
    return this.inner.scan(bucket, range);
  }

  write(changes: readonly BucketChange[], { sync }: { readonly sync: boolean }): Promise<void> {
    return this.#step(sync, () => this.inner.write(changes, { sync }));
  }

  snapshot(): BackendSnapshot {
    return this.inner.snapshot();
  }

  async stage(): Promise<StagedBackend> {
    return this.#stepping(await this.inner.stage());
  }

  async sealedStage(): Promise<StagedBackend | undefined> {
    const stage = await this.inner.sealedStage();
    return stage && this.#stepping(stage);
  }

  sizeBytes(): number {
    return this.inner.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #stepping(stage: StagedBackend): StagedBackend {
    return {
      get: (bucket, key) => stage.get(bucket, key),
      scan: (bucket, range) => stage.scan(bucket, range),
      write: (changes) => this.#step(false, () => stage.write(changes)),
      seal: () => this.#step(true, () => stage.seal()),
      install: () => this.#step(true, () => stage.install()),
      discard: () => this.#step(true, () => stage.discard()),
    };
  }

  async #step(isSync: boolean, step: () => Promise<void>): Promise<void> {
    this.onStep();
    await step();
    if (isSync) this.durable = this.inner.copy();
    this.onStep();
  }
}

/** What a crash at some step leaves. */
interface Moment {
  readonly disk: MemoryDisk;
  readonly backend: MemoryBackend;
  /** Up to where the member had told the leader that it has everything. */
  readonly acknowledged: number;
}

function memoryOf(cluster: TestCluster, name: string): { memory: MemoryDisk; store: MemoryBackend } {
  const { disk, backend } = cluster.ground(name);
  if (disk instanceof MemoryDisk && backend instanceof MemoryBackend) return { memory: disk, store: backend };
  throw new TypeError('members of tests begin in memory');
}

/**
 * A follower that gets a snapshot. `onMoment` is told what a crash at each step from then on would leave; once it
 * says so the member has crashed there.
 */
async function install(
  onMoment: (moment: Moment) => boolean,
): Promise<{ cluster: TestCluster; name: string; revisionBefore: number }> {
  const cluster = await start(3, tuning);
  const name = cluster.followers[0]!;
  await cluster.stop(name);
  const { memory, store } = memoryOf(cluster, name);
  const disk = new FaultyDisk(memory);
  const backend = new SteppingBackend(store);
  cluster.setGround(name, { disk, backend });
  await cluster.open(name);
  await servesAgain(cluster, name);
  const { leader } = cluster;
  await cluster.during(cluster.member(leader).leases.grant({ ID: 9n, TTL: 1000n }));
  for (let i = 0; i < 20; i++) await put(cluster, leader, `k${i % 6}`, `${i}`, leaseOf(i));
  await cluster.advance(200);
  const member = cluster.member(name);
  const revisionBefore = member.state.store.currentRevision;
  cluster.network.isolate(member.id);
  for (let i = 0; i < 60; i++) await put(cluster, leader, `k${i % 6}`, `${i}`, leaseOf(i));

  let acknowledged = 0;
  let hasCrashed = false;
  cluster.network.intercept = ({ type, from, reject, index }) => {
    const isAnswer = type === raftpb.MessageType.MsgAppResp && from === member.id && !reject;
    if (isAnswer && !hasCrashed) acknowledged = Math.max(acknowledged, index);
    return 'deliver';
  };
  const random = new SeededRandom(20261123);
  const note = (): void => {
    const keep = (['none', 'all', 'random'] as const)[random.below(3)]!;
    const all = memory.crash(keep === 'random' ? { keep, random } : { keep });
    for (const moment of [
      { disk: all, backend: backend.inner.copy(), acknowledged },
      { disk: memory.crash({ keep: 'none' }), backend: backend.durable.copy(), acknowledged },
    ]) {
      if (hasCrashed || !onMoment(moment)) continue;
      hasCrashed = true;
      cluster.crash(name, moment);
    }
  };
  disk.onCall = note;
  backend.onStep = note;
  cluster.network.heal();
  const isDone = (): boolean =>
    hasCrashed || member.raftStatus.applied >= cluster.member(leader).raftStatus.applied;
  await cluster.until(isDone);
  await put(cluster, leader, 'after', 'the installation');
  await cluster.advance(300);
  disk.onCall = undefined;
  backend.onStep = () => {};
  return { cluster, name, revisionBefore };
}

function leaseOf(i: number): { readonly lease?: bigint } {
  return i % 5 === 0 ? { lease: 9n } : {};
}

/** Opens what a crash left, alone: there is nobody to help it. */
async function openAlone(
  name: string,
  { disk, backend }: Moment,
): Promise<{ replica: Replica; close: () => Promise<void> }> {
  const clock = new ManualClock();
  const opening = Replica.open({
    ...{ ...tuning, disk, backend, clock, name, walDir: '/member/wal', random: new SeededRandom(1) },
    ...{ initialCluster: `${name}=http://${name}:2380`, clusterToken: 'test', clientUrls: [] },
    serverVersion: '3.6.14',
  });
  const replica = await runClockDuring(clock, opening);
  await settle(clock);
  return { replica, close: () => runClockDuring(clock, replica.close()) };
}

test('a crash at any step of receiving and installing leaves the old state or the new one, whole', async () => {
  const moments: Moment[] = [];
  const { cluster, name, revisionBefore } = await install((moment) => {
    moments.push(moment);
    return false;
  });
  expect(moments.length).toBeGreaterThan(100);
  const { store, lessor } = cluster.member(cluster.leader).state;
  const revisions = new Set<number>();
  for (const moment of moments) {
    const { replica, close } = await openAlone(name, moment);
    const found = replica.state.store;
    found.checkInvariants();
    replica.checkInvariants();
    revisions.add(found.currentRevision);
    const { hash } = await found.hashKv(0);
    expect(hash).toBe((await store.hashKv(found.currentRevision)).hash);
    expect(replica.state.lessor.list()).toEqual(lessor.list());
    expect(replica.state.membership.list().length).toBe(3);
    // Whatever it acknowledged is there, in its log or in its store.
    expect(replica.raftStatus.lastIndex).toBeGreaterThanOrEqual(moment.acknowledged);
    await close();
  }
  // The old one (as far as the member knew it to be committed), the new one, and what came behind it.
  expect(Math.min(...revisions)).toBeLessThanOrEqual(revisionBefore);
  expect(Math.max(...revisions)).toBeGreaterThan(revisionBefore + 59);
  expect([...revisions].some((revision) => revision > revisionBefore && revision < revisionBefore + 60)).toBe(
    false,
  );
}, 60_000);

test('whatever a crash left of an installation, the member comes back and catches up', async () => {
  for (let crashAt = 5; crashAt < 125; crashAt += 10) {
    let count = 0;
    const { cluster, name } = await install(() => ++count === crashAt);
    expect(cluster.names).not.toContain(name);
    await cluster.open(name);
    await servesAgain(cluster, name);
    expect((await statesOf(cluster)).size).toBe(1);
    await cluster.close();
  }
}, 60_000);

test('after a disk that fails at any call of receiving and installing, a restart finds a whole state', async () => {
  for (let call = 1; call < 60; call += call < 30 ? 3 : 8) {
    const cluster = await start(3, tuning);
    const name = cluster.followers[0]!;
    for (let i = 0; i < 20; i++) await put(cluster, cluster.leader, `k${i % 6}`, `${i}`);
    await cluster.stop(name);
    const { memory, store } = memoryOf(cluster, name);
    const disk = new FaultyDisk(memory);
    cluster.setGround(name, { disk, backend: store });
    for (let i = 0; i < 60; i++) await put(cluster, cluster.leader, `k${i % 6}`, `${i}`);
    let fatal = '';
    await cluster.open(name, { observer: { onFatal: (error) => (fatal ||= String(error)) } });
    disk.fail({ call, code: 'EIO', forever: true });
    await cluster.advance(1_000);
    await cluster.stop(name).catch((error: unknown) => expect(String(error)).toContain('EIO'));
    if (fatal !== '') expect(fatal).toMatch(/EIO|log has failed/);
    cluster.setGround(name, { disk: memory.crash({ keep: 'none' }), backend: store });
    await cluster.open(name);
    await servesAgain(cluster, name);
    expect((await statesOf(cluster)).size).toBe(1);
    await cluster.close();
  }
}, 60_000);
