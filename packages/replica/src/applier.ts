import {
  accessOfDeleteRange,
  accessOfLeaseRevoke,
  accessOfPut,
  accessOfTxn,
  accessOfLogEntry,
  isAuthRequest,
  simpleTokenOf,
  type Access,
  type AuthErrorCode,
  type AuthOutcome,
  type AuthStore,
  type SimpleTokens,
  type User,
} from '@quorate/auth';
import {
  executeDeleteRange,
  executePut,
  executeTxn,
  keyRange,
  putCost,
  txnCost,
  type KvErrorCode,
  type MvccErrorCode,
  type MvccStore,
  type WriteTxn,
} from '@quorate/mvcc';
import type { LeaseErrorCode, Lessor } from '@quorate/lease';
import type { Membership } from '@quorate/membership';
import { clampCount, emptyBytes, fromLatin1, invariant, type BucketChanges } from '@quorate/std';
import type { WatchHub } from '@quorate/watch';
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeTxnRequest,
  membershippb,
  raftRequestField,
  rpcpb,
  type RaftEnvelope,
  type WireError,
} from '@quorate/wire';
import type { LoggedIn } from './auth-api.ts';
import { alarmMember, alarmTypeOf, type Alarms } from './alarms.ts';
import { ReplicaError } from './errors.ts';
import type { ReplicaObserver } from './options.ts';
import { leaseGrantCostBytes, type Quota } from './quota.ts';
import { readV2Request } from './v2-request.ts';
import { storesLeaseCheckpoints } from './versions.ts';

/**
 * The replicated state of a member: what applying the log changes, and nothing else does. A snapshot of the
 * leader puts other objects in their places, all in one step; whoever keeps one of them keeps the past.
 */
export interface MemberState {
  store: MvccStore;
  lessor: Lessor;
  alarms: Alarms;
  membership: Membership;
  auth: AuthStore;
  /** Who is logged in by a simple token: known to all members, as what applying the log told them, and to no store. */
  readonly tokens: SimpleTokens;
  readonly hub: WatchHub;
  readonly quota: Quota;
}

/** What applying needs besides the state. */
export interface ApplierOptions {
  readonly state: MemberState;
  /** Where changes of the entry being applied are written down. */
  readonly changes: () => BucketChanges;
  /** Time for lease expiries, which are no replicated state. */
  readonly now: () => number;
  /** A request was applied although the quota does not allow it: the alarm is due. */
  readonly onOverQuota: () => void;
  readonly onCompaction: (revision: number) => void;
  readonly onClusterVersion: (version: string) => void;
  readonly onAlarm: (event: {
    readonly member: bigint;
    readonly type: string;
    readonly active: boolean;
  }) => void;
  /** Users, roles or permissions have changed: what was allowed may not be any more. */
  readonly onAuthChange: () => void;
  readonly observer?: Pick<ReplicaObserver, 'onOperation' | 'onLeaseGranted'> | undefined;
}

/** What granting a lease came to. */
export interface LeaseGranted {
  readonly ttlSeconds: number;
  /** Of the store when the lease was granted. */
  readonly revision: number;
}

/** What a request came to: a result for whoever proposed it, or an error for him. Never both. */
export type Outcome =
  { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: unknown };

/**
 * Applies requests of the log to the state, one after the other. Pure in the sense that matters: the outcome
 * depends on the state and the request only, so that members with the same log have the same state.
 *
 * An error is an outcome for the one who asked and leaves the state as it was; a broken invariant, or a
 * request of a kind that this version does not know, stops the member instead.
 */
export class Applier {
  /** What was applied since the start, refused requests aside. */
  readonly counts = { puts: 0, putBytes: 0, deletes: 0, txns: 0, leasesGranted: 0, leasesRevoked: 0 };
  readonly #options: ApplierOptions;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /**
   * Applies the request of the entry with this index.
   *
   * @throws InvariantError when the request's kind is unknown: applying on would make members differ
   */
  apply(envelope: RaftEnvelope, index: number): Outcome {
    const { observer, now } = this.#options;
    if (observer?.onOperation === undefined) return this.#outcomeOf(envelope, index);
    const startedAtMs = now();
    const outcome = this.#outcomeOf(envelope, index);
    observer.onOperation(envelope.requestField, outcome.ok, now() - startedAtMs);
    return outcome;
  }

  #outcomeOf(envelope: RaftEnvelope, index: number): Outcome {
    try {
      return { ok: true, result: this.#dispatch(envelope, index) };
    } catch (error) {
      if (isOutcome(error)) return { ok: false, error };
      throw error;
    }
  }

  #dispatch(envelope: RaftEnvelope, index: number): unknown {
    const { requestField, request } = envelope;
    switch (requestField) {
      case raftRequestField.put:
        return this.#put(envelope);
      case raftRequestField.txn:
        return this.#txn(envelope);
      case raftRequestField.deleteRange:
        return this.#deleteRange(envelope);
      case raftRequestField.compaction:
        return this.#compact(request);
      case raftRequestField.leaseGrant:
        return this.#leaseGrant(request);
      case raftRequestField.leaseRevoke:
        return this.#leaseRevoke(envelope);
      case raftRequestField.leaseCheckpoint:
        return this.#leaseCheckpoint(request);
      case raftRequestField.alarm:
        return this.#alarm(request);
      case raftRequestField.clusterMemberAttrSet:
        return this.#setMemberAttributes(request);
      case raftRequestField.clusterVersionSet:
        return this.#setClusterVersion(request);
      case raftRequestField.downgradeInfoSet:
        return this.#setDowngrade(request);
      case raftRequestField.v2:
        return this.#v2(request);
      case raftRequestField.downgradeVersionTest:
        return undefined; // etcd writes it for its own tests; it changes nothing.
      case raftRequestField.range:
        return undefined; // Read-only: whoever proposed it reads for himself.
      default:
        if (isAuthRequest(requestField)) return this.#auth(envelope, index);
        invariant(false, `the log has a request of kind ${requestField}, which this version cannot apply`);
    }
  }

  #put(envelope: RaftEnvelope): unknown {
    const { lessor, quota } = this.#options.state;
    const request = decodePutRequest(envelope.request);
    this.#refuseWhenCorrupt();
    const cost = putCost(request);
    this.#refuseWhenCapped(cost);
    this.#refuseUnlessAllowed(envelope, () => accessOfPut(request));
    const fits = quota.allows(cost);
    const response = this.#write((txn) => executePut(txn, request, lessor));
    this.#refuseOverQuota(fits);
    return response;
  }

  #deleteRange(envelope: RaftEnvelope): unknown {
    const request = decodeDeleteRangeRequest(envelope.request);
    this.#refuseWhenCorrupt();
    this.#refuseUnlessAllowed(envelope, () => accessOfDeleteRange(request));
    return this.#write((txn) => executeDeleteRange(txn, request));
  }

  #txn(envelope: RaftEnvelope): unknown {
    const { lessor, quota } = this.#options.state;
    const request = decodeTxnRequest(envelope.request);
    this.#refuseWhenCorrupt();
    const cost = txnCost(request);
    this.#refuseWhenCapped(cost);
    this.#refuseUnlessAllowed(envelope, () => accessOfTxn(request));
    const fits = quota.allows(cost);
    const response = this.#write((txn) => executeTxn(txn, request, lessor));
    this.counts.txns++;
    this.#refuseOverQuota(fits);
    return response;
  }

  /** One write transaction around one operation; what it changed goes to the watchers. */
  #write<R>(operation: (txn: WriteTxn) => R): R {
    const txn = this.#options.state.store.beginWrite();
    let isDone = false;
    try {
      const result = operation(txn);
      isDone = true;
      return result;
    } finally {
      const { revision, changes } = txn.end();
      invariant(isDone || changes.length === 0, 'a refused operation changes nothing');
      if (changes.length > 0) this.#options.state.hub.append(revision, changes);
      for (const { type, kv } of changes) {
        if (type === 0) {
          this.counts.puts++;
          this.counts.putBytes += kv.length;
        } else this.counts.deletes++;
      }
    }
  }

  /** The revision as of now: that of the answer's header, as with the two below. */
  #compact(bytes: Uint8Array): number {
    const { store } = this.#options.state;
    this.#refuseWhenCorrupt();
    const revision = clampCount(rpcpb.CompactionRequest.decode(bytes).revision);
    store.scheduleCompaction(revision, this.#options.changes());
    this.#options.onCompaction(revision);
    return store.currentRevision;
  }

  #leaseGrant(bytes: Uint8Array): LeaseGranted {
    const { store, lessor, quota } = this.#options.state;
    const { ID, TTL } = rpcpb.LeaseGrantRequest.decode(bytes);
    this.#refuseWhenCorrupt();
    this.#refuseWhenCapped(leaseGrantCostBytes);
    const fits = quota.allows(leaseGrantCostBytes);
    const lease = lessor.grant(
      { id: ID, ttlSeconds: clampCount(TTL) },
      this.#options.now(),
      this.#options.changes(),
    );
    this.counts.leasesGranted++;
    this.#options.observer?.onLeaseGranted?.({ ttlSeconds: lease.ttlSeconds });
    this.#refuseOverQuota(fits);
    return { ttlSeconds: lease.ttlSeconds, revision: store.currentRevision };
  }

  /** The keys of a lease go in one transaction, then the lease itself. */
  #leaseRevoke(envelope: RaftEnvelope): number {
    const { store, lessor } = this.#options.state;
    const { ID } = rpcpb.LeaseRevokeRequest.decode(envelope.request);
    this.#refuseWhenCorrupt();
    this.#refuseUnlessAllowed(envelope, () => accessOfLeaseRevoke(ID));
    const keys = lessor.revoke(ID, this.#options.changes());
    this.counts.leasesRevoked++;
    this.#write((txn) => {
      for (const key of keys) txn.deleteRange(keyRange(fromLatin1(key), emptyBytes));
    });
    return store.currentRevision;
  }

  /**
   * One that cannot be stored does not count, unlike in etcd 3.5: a member that restarts would have forgotten it, its
   * renewals would not take it back, and another one would end the lease by it. Taking one back always counts.
   */
  #leaseCheckpoint(bytes: Uint8Array): unknown {
    const { lessor, membership } = this.#options.state;
    const areStored = storesLeaseCheckpoints(membership.clusterVersion);
    for (const { ID, remainingTTL } of rpcpb.LeaseCheckpointRequest.decode(bytes).checkpoints) {
      if (!areStored && remainingTTL > 0n) continue;
      lessor.applyCheckpoint(
        { id: ID, remainingTtlSeconds: clampCount(remainingTTL) },
        { nowMs: this.#options.now(), changes: this.#options.changes(), persist: true },
      );
    }
    return undefined;
  }

  #alarm(bytes: Uint8Array): rpcpb.AlarmMember[] {
    const { alarms } = this.#options.state;
    const { action, memberID, alarm } = rpcpb.AlarmRequest.decode(bytes);
    const type = alarmTypeOf(alarm);
    switch (action) {
      case rpcpb.AlarmRequest_AlarmAction.GET:
        // Of a type that does not exist there are none, unlike of NONE, which asks for all.
        if (type === undefined && alarm !== rpcpb.AlarmType.NONE) return [];
        return alarms.list(type).map(alarmMember);
      case rpcpb.AlarmRequest_AlarmAction.ACTIVATE: {
        if (type === undefined) return [];
        const raised = alarms.activate(memberID, type, this.#options.changes());
        this.#options.onAlarm({ member: memberID, type, active: true });
        return [alarmMember(raised)];
      }
      case rpcpb.AlarmRequest_AlarmAction.DEACTIVATE: {
        const lowered = type && alarms.deactivate(memberID, type, this.#options.changes());
        if (lowered === undefined) return [];
        this.#options.onAlarm({ member: memberID, type: lowered.type, active: false });
        return [alarmMember(lowered)];
      }
    }
  }

  #setMemberAttributes(bytes: Uint8Array): undefined {
    const { memberID, memberAttributes } = membershippb.ClusterMemberAttrSetRequest.decode(bytes);
    this.#options.state.membership.setAttributes(
      memberID,
      { name: memberAttributes?.name ?? '', clientUrls: memberAttributes?.clientUrls ?? [] },
      this.#options.changes(),
    );
  }

  #setClusterVersion(bytes: Uint8Array): undefined {
    this.#clusterVersionIs(membershippb.ClusterVersionSetRequest.decode(bytes).ver);
  }

  #clusterVersionIs(version: string): void {
    this.#options.state.membership.setClusterVersion(version, this.#options.changes());
    this.#options.onClusterVersion(version);
  }

  /** What members of etcd 3.5 say of themselves. */
  #v2(bytes: Uint8Array): undefined {
    const effect = readV2Request(bytes);
    if (effect.kind === 'clusterVersion') this.#clusterVersionIs(effect.version);
    if (effect.kind !== 'attributes') return;
    const { state, changes } = this.#options;
    state.membership.setAttributes(effect.memberId, effect.attributes, changes());
  }

  #setDowngrade(bytes: Uint8Array): undefined {
    const { enabled, ver } = membershippb.DowngradeInfoSetRequest.decode(bytes);
    this.#options.state.membership.setDowngrade(
      { isEnabled: enabled, targetVersion: ver },
      this.#options.changes(),
    );
  }

  /** Changes of users, roles and permissions, and logins. */
  #auth(envelope: RaftEnvelope, index: number): AuthOutcome | LoggedIn {
    const { state, changes, now, onAuthChange } = this.#options;
    const { requestField, request } = envelope;
    this.#refuseUnlessAllowed(envelope, () => accessOfLogEntry(requestField, request));
    const before = state.auth.revision;
    const wasEnabled = state.auth.isEnabled;
    const outcome = state.auth.apply(requestField, request, changes());
    if (state.auth.revision !== before || state.auth.isEnabled !== wasEnabled) onAuthChange();
    if (outcome.kind !== 'authenticated') return outcome;
    const { user: name, revision: provenAt, tokenPrefix } = outcome;
    const user: User = { kind: 'user', name, provenAt };
    // A cluster whose tokens are signed puts none into the log.
    if (tokenPrefix !== '') state.tokens.assign(simpleTokenOf(tokenPrefix, index), user, now());
    return { user, index };
  }

  /** Decided by state and header alone, so that all members decide alike. */
  #refuseUnlessAllowed({ username, authRevision }: RaftEnvelope, access: () => Access): void {
    const { auth, lessor } = this.#options.state;
    if (auth.isEnabled) auth.check({ name: username, revision: authRevision }, access(), lessor);
  }

  #refuseWhenCorrupt(): void {
    if (this.#options.state.alarms.has('CORRUPT')) throw new ReplicaError('REPLICA_CORRUPT');
  }

  #refuseWhenCapped(cost: number): void {
    if (cost > 0 && this.#options.state.alarms.has('NOSPACE')) throw new ReplicaError('REPLICA_NO_SPACE');
  }

  /** What was applied stays; the caller learns that there is no space left, and the alarm goes up. */
  #refuseOverQuota(fits: boolean): void {
    if (fits) return;
    this.#options.onOverQuota();
    throw new ReplicaError('REPLICA_NO_SPACE');
  }
}

/**
 * The errors that are outcomes: they follow from state and request alone, so every member comes to them. All
 * else (a damaged row, a failing store, a bug) is this member's own trouble and must stop it.
 */
const outcomes = {
  KV_EMPTY_KEY: true,
  KV_INVALID_SORT: true,
  KV_STREAM_SORT: true,
  KV_STREAM_FILTERS: true,
  KV_VALUE_PROVIDED: true,
  KV_LEASE_PROVIDED: true,
  KV_TOO_MANY_OPS: true,
  KV_DUPLICATE_KEY: true,
  KV_KEY_NOT_FOUND: true,
  KV_LEASE_NOT_FOUND: true,
  MVCC_COMPACTED: true,
  MVCC_FUTURE_REVISION: true,
  MVCC_DAMAGED_ROW: false,
  LEASE_NOT_FOUND: true,
  LEASE_EXISTS: true,
  LEASE_TTL_TOO_LARGE: true,
  LEASE_NOT_PRIMARY: false,
  LEASE_EXPIRED: false,
  LEASE_DAMAGED_ROW: false,
  REPLICA_NO_SPACE: true,
  REPLICA_CORRUPT: true,
  AUTH_ROOT_USER_NOT_EXIST: true,
  AUTH_ROOT_ROLE_NOT_EXIST: true,
  AUTH_USER_EXISTS: true,
  AUTH_USER_EMPTY: true,
  AUTH_USER_NOT_FOUND: true,
  AUTH_ROLE_EXISTS: true,
  AUTH_ROLE_NOT_FOUND: true,
  AUTH_ROLE_EMPTY: true,
  AUTH_FAILED: true,
  AUTH_NO_PASSWORD_USER: true,
  AUTH_PERMISSION_NOT_GIVEN: true,
  AUTH_PERMISSION_DENIED: true,
  AUTH_ROLE_NOT_GRANTED: true,
  AUTH_PERMISSION_NOT_GRANTED: true,
  AUTH_NOT_ENABLED: true,
  AUTH_INVALID_TOKEN: true,
  AUTH_INVALID_MANAGEMENT: true,
  AUTH_OLD_REVISION: true,
  AUTH_TOKEN_NOT_SIGNED: false,
  AUTH_TOO_MANY_PASSWORDS: false,
  AUTH_PASSWORD_TOO_LONG: false,
  AUTH_DAMAGED_ROW: false,
  WIRE_MALFORMED: true,
} as const satisfies Record<
  | AuthErrorCode
  | KvErrorCode
  | MvccErrorCode
  | LeaseErrorCode
  | 'REPLICA_NO_SPACE'
  | 'REPLICA_CORRUPT'
  | WireError['code'],
  boolean
>;

function isOutcome(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  const known: Readonly<Record<string, boolean>> = outcomes;
  return Object.hasOwn(known, error.code) && known[error.code] === true;
}
