import type { MvccStore } from '@quorate/mvcc';
import type { PeerNetwork } from '@quorate/peer';
import type { RaftNode } from '@quorate/raft';
import type { Backend, Later } from '@quorate/std';
import { membershippb, raftRequestField, rpcpb, type ResponseHeader } from '@quorate/wire';
import type { MemberState } from './applier.ts';
import { AuthApi } from './auth-api.ts';
import { ClusterApi } from './cluster-api.ts';
import { CorruptionMonitor } from './corruption-monitor.ts';
import { Downgrades } from './downgrades.ts';
import type { Gate } from './gate.ts';
import { KvApi } from './kv-api.ts';
import { Leadership } from './leadership.ts';
import { LeaseApi } from './lease-api.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { MaintenanceApi } from './maintenance-api.ts';
import type { FullOptions } from './options.ts';
import type { Peers } from './peers.ts';
import type { Proposer } from './proposer.ts';
import type { StoreMoment } from './snapshot-sender.ts';
import { VersionMonitor } from './version-monitor.ts';

/** What a replica gives to the parts that answer requests and watch over the cluster. */
export interface ReplicaParts {
  readonly id: bigint;
  readonly options: FullOptions;
  readonly state: MemberState;
  readonly node: RaftNode;
  readonly backend: Backend;
  readonly network: PeerNetwork;
  readonly peers: Peers;
  readonly proposer: Proposer;
  readonly gate: Gate;
  readonly leadership: Leadership;
  readonly leaseKeeper: LeaseKeeper;
  readonly requestTimeoutMs: number;
  readonly header: (revision?: number) => ResponseHeader;
  /** Index of the last entry that was applied. */
  readonly applied: () => number;
  readonly linearizable: () => Later<void>;
  readonly caughtUp: () => Promise<void>;
  readonly newRequestId: () => bigint;
  readonly onOverQuota: () => void;
  readonly raiseAlarm: (memberId: bigint, alarm: rpcpb.AlarmType) => Promise<unknown>;
  readonly compacted: () => Promise<void>;
  readonly takeMoment: () => Promise<StoreMoment>;
  readonly flush: () => Promise<unknown>;
  /** A check of the data could not be made; what it found damaged stops the member. */
  readonly onCheckFailed: (error: unknown) => void;
  readonly wake: () => void;
}

export function newLeadership(
  options: FullOptions,
  parts: Pick<ReplicaParts, 'id' | 'state' | 'node' | 'network' | 'linearizable'>,
): Leadership {
  const { id: memberId, state, node, network, linearizable } = parts;
  const { clock, heartbeatIntervalMs, electionTimeoutMs } = options;
  return new Leadership({
    ...{ node, memberId, clock, heartbeatIntervalMs, electionTimeoutMs, linearizable },
    isConnectedSince: (id, sinceMs) => (network.activeForMs(id) ?? -1) >= clock.now() - sinceMs,
    voters: () => state.membership.voters().map(({ id }) => id),
  });
}

export function newLeaseKeeper(
  { observer }: FullOptions,
  parts: Pick<ReplicaParts, 'state' | 'proposer' | 'node' | 'leadership'>,
): LeaseKeeper {
  const { state, proposer, node, leadership } = parts;
  return new LeaseKeeper({
    get lessor() {
      return state.lessor;
    },
    clusterVersion: () => state.membership.clusterVersion,
    onExpired: (count) => observer?.onLeaseExpired?.({ count }),
    ...{ proposer, node, leadership },
  });
}

export function newKvApi(parts: ReplicaParts): KvApi {
  const { state, options, gate, linearizable, header, onOverQuota, compacted, leadership } = parts;
  return new KvApi({
    get store(): MvccStore {
      return state.store;
    },
    quota: state.quota,
    clock: options.clock,
    maxTxnOps: options.maxTxnOps,
    maxRequestBytes: options.maxRequestBytes,
    readSliceWork: options.readSliceWork,
    isStopped: () => leadership.isStopped,
    ...{ gate, linearizable, header, onOverQuota, compacted },
    observer: options.observer,
  });
}

export function newLeaseApi(parts: ReplicaParts): LeaseApi {
  const { state, options, gate, proposer, node, network, leadership, requestTimeoutMs, caughtUp } = parts;
  return new LeaseApi({
    get lessor() {
      return state.lessor;
    },
    quota: state.quota,
    clock: options.clock,
    header: (revision) => generatedHeader(parts, revision),
    newLeaseId: () => parts.newRequestId() & 0x7fff_ffff_ffff_ffffn,
    confirmLeadership: () => leadership.confirm(),
    confirmLeadershipNow: () => leadership.confirmNow(),
    isCaughtUp: () => parts.applied() >= node.commit,
    onOverQuota: parts.onOverQuota,
    isCheckpointing: (id) => parts.leaseKeeper.isCheckpointing(id),
    ...{ gate, proposer, node, network, requestTimeoutMs, caughtUp },
  });
}

export function newClusterApi(parts: ReplicaParts): ClusterApi {
  const { id, state, options, node, network, proposer, requestTimeoutMs, linearizable } = parts;
  return new ClusterApi({
    get membership() {
      return state.membership;
    },
    clock: options.clock,
    memberId: id,
    isStrict: options.strictReconfiguration,
    header: () => generatedHeader(parts, 0),
    ...{ node, network, proposer, requestTimeoutMs, linearizable },
  });
}

export function newMaintenanceApi(parts: ReplicaParts): MaintenanceApi {
  const { id, options, state, node, backend, gate, flush, takeMoment, wake } = parts;
  return new MaintenanceApi({
    memberId: id,
    serverVersion: options.serverVersion,
    get store() {
      return state.store;
    },
    get alarms() {
      return state.alarms;
    },
    get membership() {
      return state.membership;
    },
    quota: state.quota,
    clock: options.clock,
    header: (revision) => generatedHeader(parts, revision),
    storageVersion: () => state.membership.clusterVersion ?? '',
    isStopped: () => parts.leadership.isStopped,
    downgrades: newDowngrades(parts),
    ...{ node, backend, gate, flush, takeMoment, wake },
  });
}

export function newAuthApi(parts: ReplicaParts): AuthApi {
  const { state, options, gate, proposer, requestTimeoutMs, linearizable, applied } = parts;
  const { clock, random, passwords, logins, tokens } = options;
  return new AuthApi({
    header: () => generatedHeader(parts),
    ...{ state, gate, proposer, requestTimeoutMs, linearizable, applied },
    ...{ clock, random, passwords, logins, tokens },
    onLogin: (event) => options.observer?.onLogin?.(event),
  });
}

export function newCorruptionMonitor(parts: ReplicaParts): CorruptionMonitor {
  const { id, options, state, node, network, peers, linearizable, raiseAlarm } = parts;
  return new CorruptionMonitor({
    memberId: id,
    store: () => state.store,
    peers: () => peers.ids,
    hashKv: (peer, revision, { signal }) => network.hashKv(peer, revision, { signal }),
    isLeader: () => node.isLeader,
    raiseAlarm: (memberId) => raiseAlarm(memberId, rpcpb.AlarmType.CORRUPT),
    hasCorruptAlarm: (memberId) => state.alarms.list('CORRUPT').some((alarm) => alarm.memberId === memberId),
    periodicMs: options.corruptionCheckMs,
    compactHashMs: options.compactHashCheckMs,
    observer: {
      onInconsistency: ({ memberId, reason }) =>
        options.observer?.onCorruption?.({ member: memberId, reason }),
      onCorruptionCheckFailed: ({ error }) => parts.onCheckFailed(error),
    },
    linearizable,
  });
}

export function newVersionMonitor(parts: ReplicaParts): VersionMonitor {
  const { options, state, node, network, peers, proposer } = parts;
  return new VersionMonitor({
    serverVersion: options.serverVersion,
    peers: () => peers.ids,
    versions: (peer, { signal }) => network.versions(peer, { signal }),
    clusterVersion: () => state.membership.clusterVersion,
    downgrade: () => state.membership.downgrade,
    isLeader: () => node.isLeader,
    proposeClusterVersion: (ver) =>
      proposer.propose(
        raftRequestField.clusterVersionSet,
        membershippb.ClusterVersionSetRequest.encode({ ver }).finish(),
      ),
    proposeDowngradeCancel: () => proposeDowngrade(proposer, { enabled: false, ver: '' }),
    downgradeCheckMs: options.downgradeCheckMs,
  });
}

function newDowngrades(parts: ReplicaParts): Downgrades {
  const { state, proposer, linearizable } = parts;
  return new Downgrades({
    linearizable,
    clusterVersion: () => state.membership.clusterVersion,
    downgrade: () => state.membership.downgrade,
    propose: (info) => proposeDowngrade(proposer, info),
    header: () => generatedHeader(parts),
  });
}

function proposeDowngrade(
  proposer: Proposer,
  info: { readonly enabled: boolean; readonly ver: string },
): Promise<unknown> {
  const request = membershippb.DowngradeInfoSetRequest.encode(info).finish();
  return proposer.propose(raftRequestField.downgradeInfoSet, request);
}

function generatedHeader(parts: ReplicaParts, revision?: number): rpcpb.ResponseHeader {
  const header = parts.header(revision);
  return {
    clusterId: header.clusterId,
    memberId: header.memberId,
    revision: BigInt(header.revision),
    raftTerm: BigInt(header.raftTerm),
  };
}
