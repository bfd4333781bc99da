import { encodeConfState, MembershipError } from '@quorate/membership';
import { decodeConfChange, noConfChange, noNode, RaftNode } from '@quorate/raft';
import { fromUtf8, invariant, uint64ToBytes, type Backend, type Timer } from '@quorate/std';
import {
  decodeRaftEnvelope,
  membershippb,
  raftRequestField,
  rpcpb,
  type ConfState,
  type Entry,
  type ResponseHeader,
} from '@quorate/wire';
import { Applier, type MemberState } from './applier.ts';
import { AutoCompaction } from './auto-compaction.ts';
import { BackendWriter, metaKeys, readPosition } from './backend-writer.ts';
import { openLog, type OpenedLog } from './bootstrap.ts';
import { Compactor } from './compactor.ts';
import type { ReplicaCounts } from './counts.ts';
import { ReplicaError } from './errors.ts';
import { KvApi } from './kv-api.ts';
import { LeaseApi } from './lease-api.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { MaintenanceApi } from './maintenance-api.ts';
import { emptyConfState, openState, readConfState } from './open-state.ts';
import { withDefaults, type FullOptions, type ReplicaOptions } from './options.ts';
import { Proposer } from './proposer.ts';
import { RaftDriver } from './raft-driver.ts';
import { ReadIndexRounds } from './read-index.ts';
import { ReplicaWatch } from './replica-watch.ts';
import { RequestIds } from './request-ids.ts';
import { Snapshotter } from './snapshotter.ts';
import { Waiters } from './waiters.ts';

/** Where raft and the state machine stand. */
interface Applied {
  index: number;
  term: number;
}

/**
 * One member: the replicated state machine between its log and its store. The only place where raft, log,
 * store, leases, watchers and members meet; everything of the world comes in through the options, so the same
 * code runs under a simulator.
 */
export class Replica implements AsyncDisposable {
  readonly id: bigint;
  readonly clusterId: bigint;
  readonly kv: KvApi;
  readonly leases: LeaseApi;
  readonly maintenance: MaintenanceApi;
  readonly state: MemberState;

  readonly #options: FullOptions;
  readonly #node: RaftNode;
  readonly #log: OpenedLog;
  readonly #backend: Backend;
  readonly #driver: RaftDriver;
  readonly #writer: BackendWriter;
  readonly #applier: Applier;
  readonly #waiters = new Waiters();
  readonly #ids: RequestIds;
  readonly #proposer: Proposer;
  readonly #reads: ReadIndexRounds;
  readonly #compactor: Compactor;
  readonly #leaseKeeper: LeaseKeeper;
  readonly #snapshotter: Snapshotter;
  readonly #autoCompaction: AutoCompaction | undefined;
  readonly #applied: Applied;
  readonly #ready = Promise.withResolvers<void>();
  #confState: ConfState;
  #ticker: Timer | undefined;
  #fatal: Error | undefined;
  #closed: Promise<void> | undefined;
  #isPublished = false;
  #isRaisingNoSpace = false;

  /**
   * Opens the member's log and store, or makes new ones, and replays what the store has not seen.
   *
   * @throws StartError, and the errors of log and store, when they are damaged or do not fit together
   */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const full = withDefaults(options);
    const position = readPosition(full.backend);
    const log = await openLog(full, position);
    const state = await openState(full);
    const replica = new Replica(full, { log, state, position });
    replica.#start();
    return replica;
  }

  private constructor(
    options: FullOptions,
    opened: { readonly log: OpenedLog; readonly state: MemberState; readonly position: Applied },
  ) {
    const { log, state, position } = opened;
    const { backend, clock } = options;
    this.#options = options;
    this.#log = log;
    this.#backend = backend;
    this.id = log.memberId;
    this.clusterId = log.clusterId;
    this.state = state;
    this.#applied = { ...position };
    this.#confState = readConfState(backend) ?? log.snapshot.confState ?? emptyConfState();
    this.#node = new RaftNode({
      id: log.memberId,
      electionTicks: Math.max(2, Math.floor(options.electionTimeoutMs / options.heartbeatIntervalMs)),
      heartbeatTicks: 1,
      random: options.random,
      hardState: log.hardState,
      snapshot: {
        index: log.snapshot.index,
        term: log.snapshot.term,
        confState: log.snapshot.confState ?? emptyConfState(),
      },
      entries: log.entries,
      applied: position.index,
      confState: this.#confState,
      preVote: options.preVote,
    });
    const onFatal = (error: unknown): void => this.#stopBecause(error);
    this.#writer = new BackendWriter({
      backend,
      store: state.store,
      clock,
      intervalMs: options.backendBatchIntervalMs,
      limit: options.backendBatchLimit,
      position: () => this.#applied,
      onWritten: (event) => options.observer?.onBackendWritten?.(event),
      onFatal,
    });
    this.#driver = new RaftDriver({
      node: this.#node,
      wal: log.wal,
      clock,
      apply: (entries) => this.#applyAll(entries),
      onReadState: (index, context) => this.#reads.onReadState(index, context, this.#applied.index),
      onSoftState: (soft) => this.#onSoftState(soft),
      send: (messages) => invariant(messages.length === 0, 'a single member has nobody to write to'),
      onTurn: () => this.#reads.startRound(),
      onSaved: (event) => options.observer?.onLogSaved?.(event),
      onFatal,
      unsafeNoFsync: options.unsafeNoFsync ?? false,
    });
    this.#ids = new RequestIds({ memberId: this.id, startedAtMs: clock.wallMs() });
    const requestTimeoutMs = 5_000 + 2 * options.electionTimeoutMs;
    this.#proposer = new Proposer({
      ids: this.#ids,
      waiters: this.#waiters,
      clock,
      requestTimeoutMs,
      maxRequestBytes: options.maxRequestBytes,
      propose: (data) => this.#driver.propose(data),
      stoppedBecause: () => this.#fatal,
    });
    this.#reads = new ReadIndexRounds({
      ask: (context) => this.#node.readIndex(context),
      newContext: () => this.#newReadContext(),
      now: () => clock.now(),
      timeoutMs: requestTimeoutMs,
    });
    this.#compactor = new Compactor({
      store: state.store,
      clock,
      changes: () => this.#writer.changes,
      flush: () => this.#writer.flush({ sync: false }),
      sleepMs: options.compactionSleepMs,
      onCompacted: (event) => options.observer?.onCompacted?.(event),
      onFatal,
    });
    this.#snapshotter = new Snapshotter({
      wal: log.wal,
      writer: this.#writer,
      driver: this.#driver,
      markedIndex: log.snapshot.index,
      snapshotCount: options.snapshotCount,
      catchUpEntries: options.snapshotCatchUpEntries,
      maxWals: options.maxWals,
      compactRaft: (index) => this.#node.compact(index),
      isStopped: () => this.#fatal !== undefined || this.#closed !== undefined,
      onSnapshot: (event) => options.observer?.onSnapshot?.(event),
      onFatal,
    });
    this.#applier = new Applier({
      state,
      changes: () => this.#writer.changes,
      now: () => clock.now(),
      onOverQuota: () => this.#raiseNoSpace(),
      onCompaction: () => this.#compactor.wake(),
      onAlarm: (event) => options.observer?.onAlarm?.(event),
    });
    this.#leaseKeeper = new LeaseKeeper({
      lessor: state.lessor,
      proposer: this.#proposer,
      onExpired: (count) => options.observer?.onLeaseExpired?.({ count }),
    });
    this.#autoCompaction = options.autoCompaction && new AutoCompaction(options.autoCompaction, clock.now());
    this.kv = this.#newKvApi();
    this.leases = this.#newLeaseApi();
    this.maintenance = this.#newMaintenanceApi();
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
    return this.state.membership.get(this.id)?.isLearner ?? false;
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

  /** Proposals whose outcome somebody waits for. */
  get pendingProposals(): number {
    return this.#waiters.count;
  }

  /** What this member has done since it started. */
  get counts(): ReplicaCounts {
    const applied = this.#applier.counts;
    return {
      ...applied,
      txns: applied.txns + this.kv.readOnlyTxnCount,
      ranges: this.kv.rangeCount,
      leasesRenewed: this.leases.renewedCount,
      proposalsFailed: this.#waiters.expiredCount,
      readIndexesSlow: this.#reads.slowCount,
      readIndexesFailed: this.#reads.failedCount,
      logBytes: this.#log.wal.stats.bytesWritten,
    };
  }

  /** Identity and term of now, with the given or the current revision. */
  header(revision: number = this.state.store.currentRevision): ResponseHeader {
    return { clusterId: this.clusterId, memberId: this.id, revision, raftTerm: this.#node.term };
  }

  /** Opens a watch stream; `onReadable` says that `take` may have something. */
  watch(options: { readonly onReadable: () => void }): ReplicaWatch {
    const { clock, watchProgressIntervalMs, maxRequestBytes } = this.#options;
    return new ReplicaWatch(
      this.state.hub.openStream({
        headerOf: (revision) => this.header(revision),
        onReadable: options.onReadable,
        maxFragmentBytes: maxRequestBytes + 512 * 1024,
        progressIntervalMs: watchProgressIntervalMs,
        nowMs: clock.now(),
      }),
    );
  }

  /** All members, by ID. With `linearizable` as of now, else as this member has heard. */
  async memberList(request: rpcpb.MemberListRequest): Promise<rpcpb.MemberListResponse> {
    if (request.linearizable) await this.#linearizable();
    const members = this.state.membership.list().map((member) => ({
      ID: member.id,
      name: member.name,
      peerURLs: [...member.peerUrls],
      clientURLs: [...member.clientUrls],
      isLearner: member.isLearner,
    }));
    return { header: this.#generatedHeader(0), members };
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

  #start(): void {
    this.#compactor.wake();
    this.#tick();
    this.#driver.turn();
    // One voter needs nobody's consent, so it does not wait for an election timeout.
    if (this.#isOnlyVoter()) this.#node.campaign();
    this.#driver.wake();
  }

  #isOnlyVoter(): boolean {
    const { voters, votersOutgoing } = this.#confState;
    return voters.length === 1 && voters[0] === this.id && votersOutgoing.length === 0;
  }

  #tick(): void {
    const { clock, heartbeatIntervalMs } = this.#options;
    this.#ticker = clock.after(heartbeatIntervalMs, () => {
      if (this.#fatal !== undefined || this.#closed !== undefined) return;
      this.#tick();
      const nowMs = clock.now();
      this.#node.tick();
      this.#waiters.sweep(nowMs);
      this.#reads.tick();
      this.#leaseKeeper.tick(nowMs);
      this.state.hub.tick(nowMs);
      this.#compactWhenDue(nowMs);
      if (this.#node.hasReady()) this.#driver.turn();
    });
  }

  #compactWhenDue(nowMs: number): void {
    const auto = this.#autoCompaction;
    if (auto === undefined) return;
    if (!this.isLeader) return auto.pause(nowMs);
    const revision = auto.due(nowMs, this.state.store.currentRevision);
    if (revision === undefined) return;
    const request = rpcpb.CompactionRequest.encode({ revision: BigInt(revision), physical: false }).finish();
    this.#proposer.propose(raftRequestField.compaction, request).then(
      () => auto.done(revision),
      () => {}, // Somebody else has compacted, or the next sample tries again.
    );
  }

  #applyAll(entries: readonly Entry[]): void {
    const { clock, observer } = this.#options;
    const isTimed = observer?.onApplied !== undefined;
    const startedAtMs = isTimed ? clock.now() : 0;
    for (const entry of entries) this.#applyOne(entry);
    if (isTimed) observer.onApplied?.({ entries: entries.length, durationMs: clock.now() - startedAtMs });
    this.#reads.onApplied(this.#applied.index);
    this.#writer.noteApplied(entries.length);
    this.#snapshotter.afterApply(this.#applied, this.#confState);
  }

  #applyOne(entry: Entry): void {
    invariant(entry.index === this.#applied.index + 1, 'entries are applied one after the other');
    if (entry.type !== 0) this.#applyConfChange(entry);
    else if (entry.data.length > 0) this.#applyRequest(entry.data);
    this.#applied.index = entry.index;
    this.#applied.term = entry.term;
    if (entry.type === 0 && entry.data.length === 0) this.#onFirstOfTerm(entry);
  }

  #applyRequest(data: Uint8Array): void {
    const envelope = decodeRaftEnvelope(data);
    const outcome = this.#applier.apply(envelope);
    const suffix = this.#ids.suffixOf(envelope.idHigh, envelope.idLow);
    if (suffix < 0) return;
    if (outcome.ok) this.#waiters.resolve(suffix, outcome.result);
    else this.#waiters.reject(suffix, outcome.error);
  }

  #applyConfChange(entry: Entry): void {
    const change = decodeConfChange(entry);
    const [single] = change.changes;
    invariant(single !== undefined && change.changes.length === 1, 'etcd changes one member at a time');
    const memberChange = { ...single, context: change.context };
    const refusal = refusalOf(() => this.state.membership.validate(memberChange));
    if (refusal === undefined) this.state.membership.apply(memberChange, this.#writer.changes);
    // A refused change still passes through raft, as one that changes nobody.
    this.#confState = this.#node.applyConfChange(refusal === undefined ? change : noConfChange);
    this.#writer.changes.put('meta', metaKeys.confState, encodeConfState(this.#confState));
  }

  /** A leader's first entry is applied: from here on this member knows all that was committed before. */
  #onFirstOfTerm(entry: Entry): void {
    if (!this.isLeader || entry.term !== this.#node.term) return;
    this.state.lessor.promote(this.#options.clock.now());
    if (!this.#isPublished) {
      this.#isPublished = true;
      this.#publish().then(this.#ready.resolve, this.#ready.reject);
    }
  }

  /** Tells the cluster this member's name and client URLs, and settles the version they all speak. */
  async #publish(): Promise<void> {
    const { name, clientUrls, serverVersion } = this.#options;
    const attributes = membershippb.ClusterMemberAttrSetRequest.encode({
      memberID: this.id,
      memberAttributes: { name, clientUrls: [...clientUrls] },
    }).finish();
    await this.#proposer.propose(raftRequestField.clusterMemberAttrSet, attributes);
    const ver = clusterVersionOf(serverVersion);
    if (this.clusterVersion === ver) return;
    await this.#proposer.propose(
      raftRequestField.clusterVersionSet,
      membershippb.ClusterVersionSetRequest.encode({ ver }).finish(),
    );
    this.#writer.changes.put('meta', metaKeys.storageVersion, fromUtf8(ver));
  }

  #onSoftState({ leader }: { readonly leader: bigint }): void {
    if (!this.isLeader) this.state.lessor.demote();
    this.#options.observer?.onLeaderChange?.({ leader, term: this.#node.term });
  }

  #raiseNoSpace(): void {
    if (this.#isRaisingNoSpace || this.state.alarms.has('NOSPACE')) return;
    this.#isRaisingNoSpace = true;
    const request = rpcpb.AlarmRequest.encode({
      action: rpcpb.AlarmRequest_AlarmAction.ACTIVATE,
      memberID: this.id,
      alarm: rpcpb.AlarmType.NOSPACE,
    }).finish();
    this.#proposer
      .propose(raftRequestField.alarm, request)
      .catch(() => {}) // The next request over the quota raises it again.
      .finally(() => {
        this.#isRaisingNoSpace = false;
      });
  }

  /** Resolves when a read of the store sees every write acknowledged before this call. */
  #linearizable(): Promise<void> {
    if (this.#fatal !== undefined)
      return Promise.reject(new ReplicaError('REPLICA_STOPPED', { cause: this.#fatal }));
    const joined = this.#reads.join();
    this.#driver.wake();
    return joined;
  }

  #newReadContext(): Uint8Array {
    const suffix = this.#ids.next();
    return uint64ToBytes((BigInt(this.#ids.high(suffix)) << 32n) | BigInt(this.#ids.low(suffix)));
  }

  /** The member stops answering; whoever owns it ends the process. */
  #stopBecause(error: unknown): void {
    if (this.#fatal !== undefined || this.#closed !== undefined) return;
    this.#fatal = error instanceof Error ? error : new Error(String(error));
    this.#ticker?.cancel();
    this.#writer.close();
    void this.#driver.stop();
    const stopped = new ReplicaError('REPLICA_STOPPED', { cause: this.#fatal });
    this.#waiters.rejectAll(stopped);
    this.#reads.rejectAll(stopped);
    this.#ready.promise.catch(() => {});
    this.#ready.reject(stopped);
    this.#options.observer?.onFatal?.(this.#fatal);
  }

  async #close(): Promise<void> {
    const failedBefore = this.#fatal !== undefined;
    this.#fatal ??= new ReplicaError('REPLICA_STOPPED');
    this.#ticker?.cancel();
    await this.#compactor.stop();
    await this.#driver.stop();
    if (!failedBefore) {
      await this.#driver.saveCommit();
      await this.#writer.flush({ sync: true });
    }
    this.#writer.close();
    const stopped = new ReplicaError('REPLICA_STOPPED');
    this.#waiters.rejectAll(stopped);
    this.#reads.rejectAll(stopped);
    this.#ready.promise.catch(() => {});
    this.#ready.reject(stopped);
    await this.#log.wal[Symbol.asyncDispose]();
    await this.#backend[Symbol.asyncDispose]();
  }

  #generatedHeader(revision?: number): rpcpb.ResponseHeader {
    const header = this.header(revision);
    return {
      clusterId: header.clusterId,
      memberId: header.memberId,
      revision: BigInt(header.revision),
      raftTerm: BigInt(header.raftTerm),
    };
  }

  #newKvApi(): KvApi {
    return new KvApi({
      store: this.state.store,
      quota: this.state.quota,
      proposer: this.#proposer,
      clock: this.#options.clock,
      maxTxnOps: this.#options.maxTxnOps,
      maxRequestBytes: this.#options.maxRequestBytes,
      linearizable: () => this.#linearizable(),
      header: (revision) => this.header(revision),
      onOverQuota: () => this.#raiseNoSpace(),
      compacted: () => this.#compactor.idle(),
    });
  }

  #newLeaseApi(): LeaseApi {
    return new LeaseApi({
      lessor: this.state.lessor,
      quota: this.state.quota,
      proposer: this.#proposer,
      clock: this.#options.clock,
      header: () => this.#generatedHeader(),
      newLeaseId: () => this.#newLeaseId(),
      confirmLeadership: () => this.#linearizable(),
      onOverQuota: () => this.#raiseNoSpace(),
    });
  }

  #newLeaseId(): bigint {
    const suffix = this.#ids.next();
    const id = (BigInt(this.#ids.high(suffix)) << 32n) | BigInt(this.#ids.low(suffix));
    return id & 0x7fff_ffff_ffff_ffffn;
  }

  #newMaintenanceApi(): MaintenanceApi {
    return new MaintenanceApi({
      memberId: this.id,
      serverVersion: this.#options.serverVersion,
      store: this.state.store,
      node: this.#node,
      backend: this.#backend,
      alarms: this.state.alarms,
      membership: this.state.membership,
      quota: this.state.quota,
      proposer: this.#proposer,
      header: (revision) => this.#generatedHeader(revision),
      storageVersion: () => this.clusterVersion ?? '',
      flush: () => this.#writer.flush({ sync: false }),
    });
  }
}

/** Why the rules of membership refuse a change; undefined when they let it through. */
function refusalOf(validate: () => void): MembershipError | undefined {
  try {
    validate();
    return undefined;
  } catch (error) {
    if (error instanceof MembershipError) return error;
    throw error;
  }
}

/** Clusters agree on major and minor. */
function clusterVersionOf(serverVersion: string): string {
  return `${serverVersion.split('.').slice(0, 2).join('.')}.0`;
}
