import { parseInitialCluster } from '@quorate/membership';
import { DamagedRowError } from '@quorate/mvcc';
import type { PeerNetwork } from '@quorate/peer';
import { noNode, RaftNode } from '@quorate/raft';
import { fromUtf8, uint64ToBytes, type Backend, type Timer } from '@quorate/std';
import { type Entry, type Message, type ResponseHeader } from '@quorate/wire';
import { AlarmRaiser } from './alarm-raiser.ts';
import { nobody } from '@quorate/auth';
import { Applier, type MemberState } from './applier.ts';
import {
  newAuthApi,
  newClusterApi,
  newCorruptionMonitor,
  newKvApi,
  newLeadership,
  newLeaseApi,
  newLeaseKeeper,
  newMaintenanceApi,
  newVersionMonitor,
  type ReplicaParts,
} from './apis.ts';
import type { AuthApi } from './auth-api.ts';
import { AutoCompactor } from './auto-compactor.ts';
import { BackendWriter, metaKeys, readPosition } from './backend-writer.ts';
import { openLog, type OpenedLog } from './bootstrap.ts';
import type { ClusterApi } from './cluster-api.ts';
import { Compactor } from './compactor.ts';
import type { CorruptionMonitor } from './corruption-monitor.ts';
import { countsOf, type ReplicaCounts } from './counts.ts';
import { ReplicaError } from './errors.ts';
import { FirstElection } from './first-election.ts';
import { Gate, memberIdentity } from './gate.ts';
import { handOver } from './hand-over.ts';
import type { KvApi } from './kv-api.ts';
import type { Leadership } from './leadership.ts';
import type { LeaseApi } from './lease-api.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { MaintenanceApi } from './maintenance-api.ts';
import { noNetwork } from './no-network.ts';
import { openNode } from './open-node.ts';
import { emptyConfState, readConfState } from './open-state.ts';
import { withDefaults, type FullOptions, type ReplicaOptions } from './options.ts';
import { OwnStanding, versionRefusal } from './own-standing.ts';
import { ReplicaHost } from './peer-host.ts';
import { Peers } from './peers.ts';
import { Proposer } from './proposer.ts';
import { publish } from './publisher.ts';
import { RaftDriver } from './raft-driver.ts';
import { Reads } from './reads.ts';
import { ReplicaWatch, type WatchOptions } from './replica-watch.ts';
import { RequestIds } from './request-ids.ts';
import { Snapshots } from './snapshots.ts';
import { openStateAtStart, saveImageAtStop } from './state-image.ts';
import { StateMachine, type Applied } from './state-machine.ts';
import type { VersionMonitor } from './version-monitor.ts';
import { Waiters } from './waiters.ts';

/** What can be seen of raft. */
export type RaftView = Pick<
  RaftNode,
  'status' | 'termAt' | 'entries' | 'term' | 'commit' | 'leader' | 'isLeader' | 'checkInvariants'
>;

/**
 * One member: the replicated state machine between its log, its store and the other members. The only place
 * where raft, log, store, leases, watchers and members meet; everything of the world comes in through the
 * options, so the same code runs under a simulator.
 */
export class Replica implements AsyncDisposable {
  readonly id: bigint;
  readonly clusterId: bigint;
  readonly kv: KvApi;
  readonly leases: LeaseApi;
  readonly maintenance: MaintenanceApi;
  readonly cluster: ClusterApi;
  readonly auth: AuthApi;
  readonly state: MemberState;

  readonly #options: FullOptions;
  readonly #node: RaftNode;
  readonly #log: OpenedLog;
  readonly #backend: Backend;
  readonly #network: PeerNetwork;
  readonly #peers: Peers;
  readonly #driver: RaftDriver;
  readonly #writer: BackendWriter;
  readonly #applier: Applier;
  readonly #machine: StateMachine;
  readonly #waiters = new Waiters();
  readonly #ids: RequestIds;
  readonly #proposer: Proposer;
  readonly #gate: Gate;
  readonly #alarms: AlarmRaiser;
  readonly #reads: Reads;
  readonly #leadership: Leadership;
  readonly #compactor: Compactor;
  readonly #leaseKeeper: LeaseKeeper;
  readonly #snapshots: Snapshots;
  readonly #corruption: CorruptionMonitor;
  readonly #versions: VersionMonitor;
  readonly #autoCompactor: AutoCompactor;
  readonly #firstElection: FirstElection;
  readonly #standing: OwnStanding;
  readonly #requestTimeoutMs: number;
  readonly #ready = Promise.withResolvers<void>();
  #ticker: Timer | undefined;
  #fatal: Error | undefined;
  #closed: Promise<void> | undefined;
  /** The term whose first entry was applied last. */
  #begunTerm = 0;

  /**
   * Opens the member's log and store, or makes new ones, and replays what the store has not seen.
   *
   * @throws StartError, and the errors of log and store, when they are damaged or do not fit together
   */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const full = withDefaults(options);
    const log = await openLog(full);
    let replica: Replica | undefined;
    try {
      const position = readPosition(full.backend);
      const state = await openStateAtStart(full);
      const refusal = versionRefusal(full.serverVersion, state.membership);
      if (refusal !== undefined) throw refusal;
      replica = new Replica(full, { log, state, position });
      await replica.#snapshots.open();
      replica.#start();
      return replica;
    } catch (error) {
      if (replica !== undefined) await replica.#network.close();
      await log.wal[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(
    options: FullOptions,
    opened: { readonly log: OpenedLog; readonly state: MemberState; readonly position: Applied },
  ) {
    const { log, state, position } = opened;
    const { backend, clock, observer } = options;
    this.#options = options;
    this.#log = log;
    this.#backend = backend;
    this.id = log.memberId;
    this.clusterId = log.clusterId;
    this.state = state;
    this.#requestTimeoutMs = 5_000 + 2 * options.electionTimeoutMs;
    const confState = readConfState(backend) ?? log.snapshot.confState ?? emptyConfState();
    this.#node = openNode(options, { log, applied: position.index, confState }, () => this.#snapshots.take());
    const onFatal = (error: unknown): void => this.#stopBecause(error);
    this.#network = options.network?.(this.#newHost()) ?? noNetwork;
    this.#writer = new BackendWriter({
      ...{ backend, clock, store: () => state.store },
      ...{ intervalMs: options.backendBatchIntervalMs, limit: options.backendBatchLimit },
      position: () => this.#machine.applied,
      onWritten: (event) => observer?.onBackendWritten?.(event),
      onFatal,
      writtenIndex: position.index,
    });
    this.#ids = new RequestIds({ memberId: this.id, startedAtMs: clock.wallMs() });
    this.#proposer = new Proposer({
      ...{ ids: this.#ids, waiters: this.#waiters, clock, requestTimeoutMs: this.#requestTimeoutMs },
      ...{ maxRequestBytes: options.maxRequestBytes, priorityRequests: options.priorityRequests },
      propose: (data, suffix, onlyInTerm) => this.#driver.propose(data, suffix, onlyInTerm),
      proposeConfChange: (data) => this.#driver.proposeConfChange(data),
      ownIdentity: () => memberIdentity(state.auth),
      applyLag: () => this.#node.commit - this.#machine.applied.index,
      stoppedBecause: () => this.#fatal,
    });
    this.#alarms = new AlarmRaiser({ memberId: this.id, state, proposer: this.#proposer });
    this.#reads = new Reads({
      ...{ node: this.#node, clock, requestTimeoutMs: this.#requestTimeoutMs },
      newContext: () => uint64ToBytes(this.#ids.nextId()),
      applied: () => this.#machine.applied.index,
      wake: () => this.#driver.wake(),
      stoppedBecause: () => this.#fatal,
    });
    this.#gate = new Gate({
      ...{ state, proposer: this.#proposer, clock, requestTimeoutMs: this.#requestTimeoutMs },
      linearizable: () => this.#reads.linearizable(),
    });
    this.#leadership = newLeadership(this.#options, {
      ...{ id: this.id, state, node: this.#node, network: this.#network },
      linearizable: () => this.#reads.linearizable(),
    });
    this.#compactor = new Compactor({
      ...{ clock, sleepMs: options.compactionSleepMs, onFatal },
      store: () => state.store,
      changes: () => this.#writer.changes,
      flush: () => this.#writer.flush({ sync: false }),
      onCompacted: (event) => observer?.onCompacted?.(event),
      onSlice: (event) => observer?.onCompactionSlice?.(event),
    });
    this.#snapshots = new Snapshots({
      ...{ options, state, node: this.#node, wal: log.wal, network: this.#network, writer: this.#writer },
      driver: () => this.#driver,
      machine: () => this.#machine,
      markedIndex: log.snapshot.index,
      isStopped: () => this.#isStopped,
      onInstalled: (index) => this.#onSnapshotInstalled(index),
      onFatal,
    });
    this.#driver = this.#newDriver(onFatal);
    this.#applier = new Applier({
      ...{ state, observer },
      changes: () => this.#writer.changes,
      now: () => clock.now(),
      onOverQuota: () => this.#alarms.raiseNoSpace(),
      onCompaction: () => this.#compactor.wake(),
      onClusterVersion: (version) => this.#onClusterVersion(version),
      onAlarm: (event) => observer?.onAlarm?.(event),
      onAuthChange: () => clock.soon(() => state.hub.reauthorize()),
    });
    this.#machine = new StateMachine({
      state,
      position,
      confState,
      node: this.#node,
      applier: this.#applier,
      writer: () => this.#writer,
      ids: this.#ids,
      waiters: this.#waiters,
      learnerCountMax: options.learnerCountMax,
      onMemberChange: (event) => {
        this.#standing.onMemberChange(event);
        this.#peers.update();
      },
      onFirstOfTerm: (entry) => this.#onFirstOfTerm(entry),
    });
    this.#peers = new Peers({
      memberId: this.id,
      network: this.#network,
      membership: () => state.membership,
      remotes: options.initialClusterState === 'existing' ? (options.runningCluster?.members ?? []) : [],
      sendSnapshot: (message) => this.#snapshots.send(message),
    });
    this.#leaseKeeper = newLeaseKeeper(this.#options, {
      ...{ state, proposer: this.#proposer, node: this.#node, leadership: this.#leadership },
    });
    this.#autoCompactor = new AutoCompactor(options, this.#proposer);
    this.#firstElection = new FirstElection(options, {
      node: this.#node,
      isOtherReached: () => this.#peers.ids.some((id) => this.#network.activeForMs(id) !== undefined),
    });
    this.#standing = new OwnStanding({
      ...{ memberId: this.id, options, membership: () => state.membership },
      isStopped: () => this.#isStopped,
      stopBecause: onFatal,
    });
    const parts = this.#parts();
    this.#corruption = newCorruptionMonitor(parts);
    this.#versions = newVersionMonitor(parts);
    this.kv = newKvApi(parts);
    this.leases = newLeaseApi(parts);
    this.cluster = newClusterApi(parts);
    this.auth = newAuthApi(parts);
    this.maintenance = newMaintenanceApi(parts);
    this.#ready.promise.catch(() => {}); // Whoever waits for it has the error.
  }

  #newHost(): ReplicaHost {
    const { serverVersion, initialCluster, name, advertisePeerUrls } = this.#options;
    const configured = parseInitialCluster(initialCluster).find((member) => member.name === name);
    return new ReplicaHost({
      id: this.id,
      clusterId: this.clusterId,
      serverVersion,
      advertisePeerUrls: advertisePeerUrls ?? configured?.peerUrls ?? [],
      state: this.state,
      receive: (message) => this.#receive(message),
      receiveSnapshot: (message, db) => this.#snapshots.receive(message, db),
      reportUnreachable: (id) => this.#node.reportUnreachable(id),
      onRemoved: () => this.#standing.onRemoved(),
      cluster: () => this.cluster,
      leases: () => this.leases,
      linearizable: () => this.#reads.linearizable(),
    });
  }

  #newDriver(onFatal: (error: unknown) => void): RaftDriver {
    const { clock, observer, unsafeNoFsync } = this.#options;
    return new RaftDriver({
      node: this.#node,
      wal: this.#log.wal,
      clock,
      apply: (entries) => this.#applyAll(entries),
      onReadState: (index, context) =>
        this.#reads.rounds.onReadState(index, context, this.#machine.applied.index),
      onSoftState: (soft) => this.#onSoftState(soft),
      send: (messages) => this.#peers.send(messages),
      onTurn: () => this.#reads.rounds.startRound(),
      onSaved: (event) => observer?.onLogSaved?.(event),
      onFatal,
      isAwaited: (suffix) => this.#waiters.has(suffix),
      snapshots: this.#snapshots,
      unsafeNoFsync: unsafeNoFsync ?? false,
    });
  }

  #parts(): ReplicaParts {
    return {
      id: this.id,
      options: this.#options,
      state: this.state,
      node: this.#node,
      backend: this.#backend,
      network: this.#network,
      peers: this.#peers,
      proposer: this.#proposer,
      gate: this.#gate,
      leadership: this.#leadership,
      leaseKeeper: this.#leaseKeeper,
      requestTimeoutMs: this.#requestTimeoutMs,
      header: (revision) => this.header(revision),
      applied: () => this.#machine.applied.index,
      linearizable: () => this.#reads.linearizable(),
      caughtUp: () => this.#reads.caughtUp(),
      newRequestId: () => this.#ids.nextId(),
      onOverQuota: () => this.#alarms.raiseNoSpace(),
      raiseAlarm: (memberId, alarm) => this.#alarms.raise(memberId, alarm),
      compacted: () => this.#compactor.idle(),
      takeMoment: () => this.#snapshots.takeMoment(),
      flush: () => this.#writer.flush({ sync: false }),
      onCheckFailed: (error) => {
        if (error instanceof DamagedRowError) this.#stopBecause(error);
      },
      wake: () => this.#driver.wake(),
    };
  }

  /** Resolves when the member has published itself through the log and may serve clients. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get hasLeader(): boolean {
    return this.#node.leader !== noNode;
  }

  get isLeader(): boolean {
    return this.#node.isLeader;
  }

  get isLearner(): boolean {
    return this.state.membership.get(this.id)?.isLearner === true;
  }

  get alarmTypes(): string[] {
    return this.state.alarms.list().map(({ type }) => type);
  }

  /** The cluster version as `X.Y.Z`; undefined before it is decided. */
  get clusterVersion(): string | undefined {
    return this.state.membership.clusterVersion;
  }

  /** Where raft stands. */
  get raftStatus(): RaftNode['status'] {
    return this.#node.status;
  }

  /** A look at the core that changes nothing, for tests and simulation. */
  get raft(): RaftView {
    return this.#node;
  }

  /** Proposals whose outcome somebody waits for. */
  get pendingProposals(): number {
    return this.#waiters.count;
  }

  /** What this member has done since it started. */
  get counts(): ReplicaCounts {
    return countsOf({
      ...{ applier: this.#applier, kv: this.kv, leases: this.leases, waiters: this.#waiters },
      ...{ rounds: this.#reads.rounds, wal: this.#log.wal },
    });
  }

  /** Identity and term of now, with the given or the current revision. */
  header(revision: number = this.state.store.currentRevision): ResponseHeader {
    return { clusterId: this.clusterId, memberId: this.id, revision, raftTerm: this.#node.term };
  }

  /** Opens a watch stream for a caller; `onReadable` says that `take` may have something. */
  watch({ onReadable, caller = nobody, reasonOf = String }: WatchOptions): ReplicaWatch {
    const { clock, watchProgressIntervalMs: progressIntervalMs, maxRequestBytes } = this.#options;
    return new ReplicaWatch(this.state.hub, {
      ...{ onReadable, caller, reasonOf, gate: this.#gate },
      ...{ progressIntervalMs, maxRequestBytes, nowMs: clock.now() },
      headerOf: (revision) => this.header(revision),
    });
  }

  /**
   * Calls `listener` once when this member has known no leader for three election timeouts. The returned
   * function takes the listener back.
   */
  onLeaderLost(listener: () => void): () => void {
    return this.#leadership.onLeaderLost(listener);
  }

  /**
   * Hands the leadership to the voter that has been connected longest, if this member leads and there is one;
   * for a member that is about to stop. Resolves when another leads, or after the request timeout.
   */
  async handOver(): Promise<void> {
    if (!this.isLeader || this.#isStopped) return;
    await handOver({
      others: this.state.membership.voters().filter(({ id }) => id !== this.id),
      node: this.#node,
      network: this.#network,
      clock: this.#options.clock,
      timeoutMs: this.#requestTimeoutMs,
      wake: () => this.#driver.wake(),
    });
  }

  /** Costly checks of everything that has some, for tests and simulation. @throws InvariantError */
  checkInvariants(): void {
    this.#node.checkInvariants();
    this.state.lessor.checkInvariants();
    this.state.membership.checkInvariants();
  }

  /**
   * Stops: no request is taken any more, the write under way is finished, and the store holds everything that
   * was applied.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isStopped(): boolean {
    return this.#fatal !== undefined || this.#closed !== undefined;
  }

  #start(): void {
    this.state.auth.writeMissingRevision(this.#writer.changes);
    this.#compactor.wake();
    this.#tick();
    this.#peers.update();
    this.#driver.turn();
    // One voter needs nobody's consent, so it does not wait for an election timeout.
    if (this.#machine.isOnlyVoter(this.id)) this.#node.campaign();
    this.#driver.wake();
    this.#standing.check();
    this.#publish().then(this.#ready.resolve, this.#ready.reject);
  }

  async #publish(): Promise<void> {
    const { name, clientUrls, clock, initialCorruptionCheck } = this.#options;
    if (initialCorruptionCheck && !this.#log.isNew) {
      await this.#corruption.checkInitial().catch((error: unknown) => {
        this.#stopBecause(error);
        throw error;
      });
    }
    await publish({
      ...{ memberId: this.id, name, clientUrls, clock },
      proposer: this.#proposer,
      isStopped: () => this.#isStopped,
    });
    // Alone it also knows at once what the cluster's version is.
    if (this.#machine.isOnlyVoter(this.id)) await this.#versions.idle();
  }

  #tick(): void {
    const { clock, heartbeatIntervalMs } = this.#options;
    this.#ticker = clock.after(heartbeatIntervalMs, () => {
      if (this.#isStopped) return;
      this.#tick();
      this.#orStop(() => this.#onTick(clock.now()));
    });
  }

  #onTick(nowMs: number): void {
    const { store, hub, tokens } = this.state;
    this.#leadership.tick(nowMs);
    this.#node.tick();
    this.#firstElection.tick(nowMs);
    this.#waiters.sweep(nowMs, (startedAtMs) => this.#leadership.timeoutCode(startedAtMs));
    this.#reads.tick(nowMs);
    this.#leaseKeeper.tick(nowMs);
    this.#snapshots.tick(nowMs);
    this.#corruption.tick(nowMs);
    this.#versions.tick(nowMs);
    hub.tick(nowMs);
    tokens.sweep(nowMs);
    store.packIdleKeys();
    this.#autoCompactor.tick(nowMs, { isLeader: this.isLeader, revision: store.currentRevision });
    if (this.#node.hasReady()) this.#driver.turn();
  }

  #applyAll(entries: readonly Entry[]): void {
    const { clock, observer } = this.#options;
    const startedAtMs = clock.now();
    this.#machine.applyAll(entries);
    const durationMs = clock.now() - startedAtMs;
    observer?.onApplied?.({ entries: entries.length, durationMs, applied: entries });
    const { applied, confState } = this.#machine;
    this.#reads.onApplied(applied.index);
    this.#writer.noteApplied(entries.length);
    this.#snapshots.afterApply(applied, confState);
  }

  /** A leader's first entry is applied: from here on this member knows all that was committed before. */
  #onFirstOfTerm(entry: Entry): void {
    // Others are empty, too: what raft makes of a change that it refuses.
    if (entry.term === this.#begunTerm) return;
    this.#begunTerm = entry.term;
    if (!this.isLeader || entry.term !== this.#node.term) return;
    const nowMs = this.#options.clock.now();
    this.state.lessor.promote(nowMs);
    this.#versions.onFirstCommitOfTerm(nowMs);
  }

  #onClusterVersion(version: string): void {
    this.#options.observer?.onClusterVersion?.({ version });
    this.#writer.changes.put('meta', metaKeys.storageVersion, fromUtf8(version));
    this.#standing.checkVersion();
  }

  #onSoftState({ leader }: { readonly leader: bigint }): void {
    if (!this.isLeader) this.state.lessor.demote();
    if (this.#leadership.onLeader(leader)) this.#reads.rounds.onLeaderChanged();
    this.#options.observer?.onLeaderChange?.({ leader, term: this.#node.term });
  }

  #receive(message: Message): void {
    if (this.#isStopped) return;
    this.#orStop(() => this.#node.step(message));
    this.#driver.wake();
  }

  /** What a message or a tick breaks in the core is our bug: the member stops before it goes on with that. */
  #orStop(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#stopBecause(error);
    }
  }

  #onSnapshotInstalled(index: number): void {
    this.#reads.onApplied(index);
    this.#peers.update();
    this.#compactor.wake();
    // What it would have noticed entry by entry.
    this.#standing.check();
  }

  /** The member stops answering; whoever owns it ends the process. */
  #stopBecause(error: unknown): void {
    if (this.#isStopped) return;
    this.#fatal = error instanceof Error ? error : new Error(String(error));
    this.#ticker?.cancel();
    this.#writer.close();
    void this.#driver.stop();
    this.#giveUp(new ReplicaError('REPLICA_STOPPED', { cause: this.#fatal }));
    this.#options.observer?.onFatal?.(this.#fatal);
  }

  #giveUp(stopped: ReplicaError): void {
    this.#leadership.stop();
    void this.#snapshots.close(); // It never rejects.
    this.#waiters.rejectAll(stopped);
    this.#reads.rejectAll(stopped);
    this.#ready.reject(stopped);
  }

  async #close(): Promise<void> {
    const failedBefore = this.#fatal !== undefined;
    this.#fatal ??= new ReplicaError('REPLICA_STOPPED');
    this.#ticker?.cancel();
    const stopped = this.#driver.stop();
    // Whoever waits inside of this member is let go first: what is closed below may wait for them.
    this.#giveUp(new ReplicaError('REPLICA_STOPPED'));
    await this.#network.close();
    await Promise.all([this.#compactor.stop(), this.#corruption.close(), this.#versions.close(), stopped]);
    await this.#snapshots.close();
    try {
      if (failedBefore) return;
      await this.#driver.saveCommit();
      await this.#writer.flush({ sync: true });
      await saveImageAtStop(this.#options, this.state, this.#backend);
    } finally {
      this.#writer.close();
      await this.#log.wal[Symbol.asyncDispose]();
      await this.#backend[Symbol.asyncDispose]();
    }
  }
}
