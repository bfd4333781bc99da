import { accessOfAlarm, nobody, type Access, type Caller } from '@quorate/auth';
import type { Membership } from '@quorate/membership';
import type { MvccStore } from '@quorate/mvcc';
import type { RaftNode } from '@quorate/raft';
import {
  buckets,
  clampCount,
  crc32c,
  fromUtf8,
  idToHex,
  toUtf8,
  type Backend,
  type Clock,
} from '@quorate/std';
import { raftRequestField, rpcpb } from '@quorate/wire';
import type { Alarm, Alarms } from './alarms.ts';
import { metaKeys } from './backend-writer.ts';
import type { Downgrades } from './downgrades.ts';
import type { Gate } from './gate.ts';
import { ReplicaError } from './errors.ts';
import { hashPresentStore } from './present-hash.ts';
import type { Quota } from './quota.ts';
import type { StoreMoment } from './snapshot-sender.ts';
import { exportStore } from './store-export.ts';

export interface MaintenanceApiOptions {
  readonly memberId: bigint;
  readonly serverVersion: string;
  readonly store: MvccStore;
  readonly node: RaftNode;
  readonly backend: Backend;
  readonly alarms: Alarms;
  readonly membership: Membership;
  readonly quota: Quota;
  readonly gate: Gate;
  readonly header: (revision?: number) => rpcpb.ResponseHeader;
  readonly clock: Clock;
  readonly downgrades: Downgrades;
  readonly storageVersion: () => string;
  /** The store as of now, frozen. */
  readonly takeMoment: () => Promise<StoreMoment>;
  /** Makes raft's new messages leave. */
  readonly wake: () => void;
  readonly isStopped: () => boolean;
  /** Everything applied so far is in the backend. */
  readonly flush: () => Promise<unknown>;
}

/** Keys of bucket `meta` that differ between members with the same data. */
const unhashedMetaKeys = new Set(
  [metaKeys.consistentIndex, metaKeys.term, metaKeys.storageVersion].map(toUtf8),
);

/** A store on its way out. Whoever got it reads `chunks` to the end or ends them (`return`). */
export interface StoreSnapshot {
  /** Of all chunks together. */
  readonly sizeBytes: number;
  /** The storage version, e.g. `3.6.0`. */
  readonly version: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Each begins with a walk through the whole store, in slices that others' requests have to wait for. */
const snapshotsAtOnceMax = 8;

/** How often it is looked whether the target leads by now. */
const transferPollMs = 50;

/** What operators ask of a member. */
export class MaintenanceApi {
  readonly #options: MaintenanceApiOptions;
  #snapshotsUnderWay = 0;

  constructor(options: MaintenanceApiOptions) {
    this.#options = options;
  }

  /** @throws ReplicaError REPLICA_INVALID_ALARM and those of proposing */
  async alarm(request: rpcpb.AlarmRequest, caller: Caller = nobody): Promise<rpcpb.AlarmResponse> {
    checkAlarmRequest(request);
    const { gate, header } = this.#options;
    const access = (): Access => accessOfAlarm(request.action);
    const encoded = rpcpb.AlarmRequest.encode(request).finish();
    const field = raftRequestField.alarm;
    const alarms = await gate.propose<rpcpb.AlarmMember[]>(caller, { field, encoded, access });
    return { header: header(), alarms };
  }

  status(): rpcpb.StatusResponse {
    const { store, node, quota, membership, memberId, serverVersion, header, storageVersion } = this.#options;
    const { leader, commit, applied, term } = node.status;
    return {
      header: header(),
      version: serverVersion,
      dbSize: BigInt(store.sizeBytes),
      dbSizeInUse: BigInt(store.sizeBytes),
      leader,
      raftIndex: BigInt(commit),
      raftAppliedIndex: BigInt(applied),
      raftTerm: BigInt(term),
      errors: this.#errors(),
      isLearner: membership.get(memberId)?.isLearner ?? false,
      storageVersion: storageVersion(),
      dbSizeQuota: BigInt(Math.max(quota.limitBytes, 0)),
      downgradeInfo: {
        enabled: membership.downgrade.isEnabled,
        targetVersion: membership.downgrade.targetVersion,
      },
    };
  }

  /**
   * CRC-32C over names, keys and values of all buckets in order, as etcd defines it, the keys as rows of
   * their own. For looking at one member at two times; members are compared by `hashKv`.
   */
  async hash(): Promise<rpcpb.HashResponse> {
    const { backend, store, flush, header } = this.#options;
    await flush();
    let crc = 0;
    for (const bucket of buckets) {
      if (bucket === 'key') {
        crc = await store.hashAll(crc);
        continue;
      }
      crc = crc32c(fromUtf8(bucket), crc);
      for await (const rows of backend.scan(bucket)) {
        for (const [key, value] of rows) {
          if (bucket === 'meta' && unhashedMetaKeys.has(toUtf8(key))) continue;
          crc = crc32c(value, crc32c(key, crc));
        }
      }
    }
    return { header: header(), hash: crc };
  }

  /** @throws CompactedError, FutureRevisionError, ReplicaError REPLICA_LEADER_CHANGED */
  async hashKv(request: rpcpb.HashKVRequest): Promise<rpcpb.HashKVResponse> {
    const { header } = this.#options;
    const found = await hashPresentStore(this.#options, clampCount(request.revision));
    return {
      header: header(found.currentRevision),
      hash: found.hash,
      compactRevision: BigInt(found.compactRevision),
      hashRevision: BigInt(found.hashRevision),
    };
  }

  /** There is nothing to defragment: the store gives space back by itself. What is pending is written out. */
  async defragment(): Promise<void> {
    await this.#options.flush();
  }

  /**
   * Hands the leadership to another voter; resolves when that one leads.
   *
   * @throws ReplicaError REPLICA_NOT_LEADER, REPLICA_BAD_TRANSFEREE, REPLICA_TRANSFER_TIMEOUT, REPLICA_STOPPED
   */
  async moveLeader(
    { targetID }: rpcpb.MoveLeaderRequest,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<rpcpb.MoveLeaderResponse> {
    const { node, membership, clock, wake, isStopped } = this.#options;
    if (!node.isLeader) throw new ReplicaError('REPLICA_NOT_LEADER');
    const target = membership.get(targetID);
    if (target === undefined || target.isLearner) throw new ReplicaError('REPLICA_BAD_TRANSFEREE');
    node.transferLeadership(targetID);
    wake();
    while (node.leader !== targetID) {
      if (isStopped()) throw new ReplicaError('REPLICA_STOPPED');
      if (signal.aborted) throw new ReplicaError('REPLICA_TRANSFER_TIMEOUT');
      await new Promise<void>((resolve) => clock.after(transferPollMs, resolve));
    }
    // The one answer of etcd's that has no header (reference: response headers).
    return { header: undefined };
  }

  downgrade(request: rpcpb.DowngradeRequest): Promise<rpcpb.DowngradeResponse> {
    return this.#options.downgrades.downgrade(request);
  }

  /**
   * The whole store as a file of etcd's, as of now. It is read from a frozen view, at the pace of the reader.
   *
   * @throws ReplicaError REPLICA_TOO_MANY_REQUESTS while as many as may be are under way
   */
  async snapshot(): Promise<StoreSnapshot> {
    if (this.#snapshotsUnderWay >= snapshotsAtOnceMax) throw new ReplicaError('REPLICA_TOO_MANY_REQUESTS');
    this.#snapshotsUnderWay++;
    try {
      const { sizeBytes, version, chunks } = await this.#newSnapshot();
      return { sizeBytes, version, chunks: thenRun(chunks, () => this.#snapshotsUnderWay--) };
    } catch (error) {
      this.#snapshotsUnderWay--;
      throw error;
    }
  }

  async #newSnapshot(): Promise<StoreSnapshot> {
    const { takeMoment, clock, storageVersion } = this.#options;
    const { store } = await takeMoment();
    try {
      const yieldToLoop = (): Promise<void> => new Promise((resolve) => clock.soon(resolve));
      const file = await exportStore(store, { yieldToLoop });
      const dispose = (): PromiseLike<void> => store[Symbol.asyncDispose]();
      return {
        sizeBytes: file.sizeBytes,
        version: storageVersion(),
        chunks: thenRun(file.chunks(), dispose),
      };
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  #errors(): string[] {
    const { node, alarms } = this.#options;
    const texts = alarms.list().map(alarmText);
    return node.status.leader === 0n ? ['etcdserver: no leader', ...texts] : texts;
  }
}

/** An alarm as etcd 3.5 and 3.6 print the message: a blank after each field, and none that is zero. */
function alarmText({ memberId, type }: Alarm): string {
  const member = memberId === 0n ? '' : `memberID:${BigInt.asUintN(64, memberId)} `;
  return `${member}alarm:${type} `;
}

/** etcd 3.5 panics over some of these; here they are refused before they reach the log. */
function checkAlarmRequest({ action, alarm, memberID }: rpcpb.AlarmRequest): void {
  const actions: readonly number[] = Object.values(rpcpb.AlarmRequest_AlarmAction);
  const types: readonly number[] = Object.values(rpcpb.AlarmType);
  if (!actions.includes(action)) {
    throw new ReplicaError('REPLICA_INVALID_ALARM', {
      detail: `action ${action} is none of GET, ACTIVATE, DEACTIVATE`,
    });
  }
  const isKnown = types.includes(alarm);
  if (!isKnown && action === rpcpb.AlarmRequest_AlarmAction.ACTIVATE) {
    throw new ReplicaError('REPLICA_INVALID_ALARM', {
      detail: `alarm ${alarm} (member ${idToHex(memberID)}) is none of NONE, NOSPACE, CORRUPT`,
    });
  }
}

/** The chunks, and what is to be done once when they have come to an end, or nobody wants more, or any. */
function thenRun(
  chunks: AsyncIterable<Uint8Array>,
  last: () => unknown,
): AsyncIterableIterator<Uint8Array, void> {
  const iterator = chunks[Symbol.asyncIterator]();
  let isOver = false;
  const end = async (): Promise<void> => {
    if (isOver) return;
    isOver = true;
    await last();
  };
  // No generator: one that is ended before it began does nothing at all.
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const result = await iterator.next();
        if (result.done !== true) return result;
      } catch (error) {
        await end();
        throw error;
      }
      await end();
      return { done: true, value: undefined };
    },
    async return() {
      await iterator.return?.();
      await end();
      return { done: true, value: undefined };
    },
  };
}
