import { MvccStore, singleKey } from '@quorate/mvcc';
import { ChangeList, fromUtf8 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { CorruptionMonitor, type CorruptionMonitorOptions } from '../src/corruption-monitor.ts';

export type Store = Pick<MvccStore, 'currentRevision' | 'compactedRevision' | 'hashKv' | 'range'>;

/** Members 1 to n with a store each; member 1 leads, and has the monitor. */
export class CorruptionCluster {
  readonly stores = new Map<bigint, MvccStore>();
  readonly #backends = new Map<bigint, MemoryBackend>();
  /** What stores have changed since their last restart. */
  readonly #changes = new Map<bigint, ChangeList>();
  readonly down = new Set<bigint>();
  /** Members that have left. */
  readonly gone = new Set<bigint>();
  readonly alarms: bigint[] = [];
  readonly inconsistencies: string[] = [];
  readonly failures: unknown[] = [];
  readonly checked: { check: string; revision: number; comparedCount: number; peerCount: number }[] = [];
  /** What was asked, as `member@revision`. */
  asked: string[] = [];
  isLeader = true;
  /** Peers answer only when this resolves. */
  gate: Promise<void> = Promise.resolve();
  /** Happens during the linearizable read. */
  onRead: () => void | Promise<void> = () => {};
  /** What the monitor sees for its store; the store of member 1 unless set. */
  ownStore: Store | undefined;
  /** Members like etcd 3.5, that do not say of which revision a hash is. */
  isTerse = false;
  readonly monitor: CorruptionMonitor;

  static async open(
    memberCount: number,
    options: Partial<CorruptionMonitorOptions> = {},
  ): Promise<CorruptionCluster> {
    const cluster = new CorruptionCluster(options);
    for (let id = 1n; id <= BigInt(memberCount); id++) {
      const backend = new MemoryBackend();
      cluster.#backends.set(id, backend);
      cluster.#changes.set(id, new ChangeList());
      cluster.stores.set(id, await MvccStore.open({ backend }));
    }
    return cluster;
  }

  private constructor(options: Partial<CorruptionMonitorOptions>) {
    this.monitor = new CorruptionMonitor({
      memberId: 1n,
      store: () => this.ownStore ?? this.store(1n),
      peers: () => [...this.stores.keys()].filter((id) => id !== 1n && !this.gone.has(id)),
      hashKv: (peer, revision) => this.#hashKv(peer, revision),
      isLeader: () => this.isLeader,
      linearizable: async () => this.onRead(),
      raiseAlarm: async (memberId) => void this.alarms.push(memberId),
      hasCorruptAlarm: (memberId) => this.alarms.includes(memberId),
      periodicMs: 0,
      compactHashMs: 0,
      observer: {
        onCorruptionChecked: (event) => this.checked.push(event),
        onInconsistency: ({ memberId, reason }) => this.inconsistencies.push(`${memberId}: ${reason}`),
        onCorruptionCheckFailed: ({ error }) => this.failures.push(error),
      },
      ...options,
    });
  }

  store(id: bigint): MvccStore {
    const store = this.stores.get(id);
    if (store === undefined) throw new Error(`there is no member ${id}`);
    return store;
  }

  /** The same put on members, all of them by default. */
  put(key: string, value: string, members = [...this.stores.keys()]): void {
    for (const id of members) {
      const txn = this.store(id).beginWrite();
      txn.put(fromUtf8(key), fromUtf8(value), 0n);
      txn.end();
    }
  }

  /** The same deletion on all members. */
  delete(key: string): void {
    for (const id of this.stores.keys()) {
      const txn = this.store(id).beginWrite();
      txn.deleteRange(singleKey(key));
      txn.end();
    }
  }

  compact(revision: number, members = [...this.stores.keys()]): void {
    for (const id of members) {
      const changes = this.#changesOf(id);
      this.store(id).scheduleCompaction(revision, changes);
      while (this.store(id).compactSlice(changes));
    }
  }

  /** Afterwards a member remembers no hashes of its compactions. */
  async restart(id: bigint): Promise<void> {
    const backend = this.#backends.get(id)!;
    const changes = this.#changesOf(id);
    this.store(id).drain(changes);
    await backend.write(changes.changes);
    this.#changes.set(id, new ChangeList());
    this.stores.set(id, await MvccStore.open({ backend }));
  }

  #changesOf(id: bigint): ChangeList {
    return this.#changes.get(id)!;
  }

  async #hashKv(peer: bigint, revision: number) {
    this.asked.push(`${peer}@${revision}`);
    await this.gate;
    if (this.down.has(peer)) throw new Error('unreachable');
    const { currentRevision, ...hash } = await this.store(peer).hashKv(revision);
    return { ...hash, revision: currentRevision, ...(this.isTerse ? { hashRevision: 0 } : {}) };
  }
}
