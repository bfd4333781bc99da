import type { Access, Caller } from '@quorate/auth';
import type { Later } from '@quorate/std';
import type {
  DeleteRangeResponseParts,
  MessageBatch,
  PutResponseParts,
  RangeRequest,
  RangeResponseParts,
  ResponseHeader,
  rpcpb,
  TxnResponseParts,
} from '@quorate/wire';

/** What the services ask of a member; `Replica` of `@quorate/replica` is one. */
export interface Member {
  readonly id: bigint;
  readonly isLearner: boolean;
  /** Whether this member knows a leader. */
  readonly hasLeader: boolean;
  /** Types of the active alarms, e.g. `NOSPACE`. */
  readonly alarmTypes: readonly string[];
  readonly kv: MemberKv;
  readonly leases: MemberLeases;
  readonly maintenance: MemberMaintenance;
  readonly cluster: MemberCluster;
  readonly auth: MemberAuth;
  /** Identity and term of now; revision is the store's unless given. */
  header(revision?: number): ResponseHeader;
  watch(options: {
    readonly onReadable: () => void;
    readonly caller: Caller;
    /** What a client is told of the error for which it may not watch. */
    readonly reasonOf: (refusal: unknown) => string;
  }): MemberWatch;
  /**
   * Calls `listener` once when this member has known no leader for three election timeouts, at once when that is
   * so already. The returned function takes the listener back.
   */
  onLeaderLost(listener: () => void): () => void;
}

/**
 * Who callers are and what they may do. Where a rule of `rpcRules` says `member`, the operations below decide for the
 * caller that they are given.
 */
export interface MemberAuth {
  /** @throws AuthError when the token is not valid */
  identify(credentials: {
    readonly token: string | undefined;
    readonly commonName: string | undefined;
  }): Caller | Promise<Caller>;
  /** Decides for a call as a whole; undefined when that is done already. @throws AuthError */
  permit(
    caller: Caller,
    access: Access,
    options: { readonly asOf: 'now' | 'local' },
  ): Promise<void> | undefined;
  authenticate(
    request: rpcpb.AuthenticateRequest,
    options: { readonly address: string | undefined; readonly signal: AbortSignal },
  ): Promise<rpcpb.AuthenticateResponse>;
  status(): Promise<rpcpb.AuthStatusResponse>;
  enable(caller: Caller): Promise<Headed>;
  disable(caller: Caller): Promise<Headed>;
  userAdd(request: rpcpb.AuthUserAddRequest, caller: Caller): Promise<Headed>;
  userDelete(request: rpcpb.AuthUserDeleteRequest, caller: Caller): Promise<Headed>;
  userChangePassword(request: rpcpb.AuthUserChangePasswordRequest, caller: Caller): Promise<Headed>;
  userGrantRole(request: rpcpb.AuthUserGrantRoleRequest, caller: Caller): Promise<Headed>;
  userRevokeRole(request: rpcpb.AuthUserRevokeRoleRequest, caller: Caller): Promise<Headed>;
  userGet(request: rpcpb.AuthUserGetRequest, caller: Caller): Promise<rpcpb.AuthUserGetResponse>;
  userList(caller: Caller): Promise<rpcpb.AuthUserListResponse>;
  roleAdd(request: rpcpb.AuthRoleAddRequest, caller: Caller): Promise<Headed>;
  roleDelete(request: rpcpb.AuthRoleDeleteRequest, caller: Caller): Promise<Headed>;
  roleGrantPermission(request: rpcpb.AuthRoleGrantPermissionRequest, caller: Caller): Promise<Headed>;
  roleRevokePermission(request: rpcpb.AuthRoleRevokePermissionRequest, caller: Caller): Promise<Headed>;
  roleGet(request: rpcpb.AuthRoleGetRequest, caller: Caller): Promise<rpcpb.AuthRoleGetResponse>;
  roleList(caller: Caller): Promise<rpcpb.AuthRoleListResponse>;
}

/** An answer that says nothing but that it was done. */
export interface Headed {
  readonly header: rpcpb.ResponseHeader;
}

/** The members of the cluster and how they change. */
export interface MemberCluster {
  add(request: rpcpb.MemberAddRequest): Promise<rpcpb.MemberAddResponse>;
  remove(request: rpcpb.MemberRemoveRequest): Promise<rpcpb.MemberRemoveResponse>;
  update(request: rpcpb.MemberUpdateRequest): Promise<rpcpb.MemberUpdateResponse>;
  promote(request: rpcpb.MemberPromoteRequest): Promise<rpcpb.MemberPromoteResponse>;
  list(request: rpcpb.MemberListRequest): Promise<rpcpb.MemberListResponse>;
}

/** The key-value operations of a member. */
export interface MemberKv {
  range(request: RangeRequest, caller: Caller): Later<RangeResponseParts>;
  /** Chunks of one consistent range; header, count and more are in the last one. */
  rangeStream(request: RangeRequest, caller: Caller): AsyncIterable<RangeResponseParts>;
  /** Takes the encoded PutRequest, which goes into the log as it is. So do those below. */
  put(request: Uint8Array, caller: Caller): Later<PutResponseParts>;
  deleteRange(request: Uint8Array, caller: Caller): Later<DeleteRangeResponseParts>;
  txn(request: Uint8Array, caller: Caller): Later<TxnResponseParts>;
  compact(request: Uint8Array, caller: Caller): Promise<ResponseHeader>;
}

/** The lease operations of a member. */
export interface MemberLeases {
  grant(request: rpcpb.LeaseGrantRequest, caller: Caller): Promise<rpcpb.LeaseGrantResponse>;
  revoke(request: rpcpb.LeaseRevokeRequest, caller: Caller): Promise<rpcpb.LeaseRevokeResponse>;
  /** What `keepAlive` comes to if that is known at once; undefined, and then nothing has happened, if it is not. */
  keepAliveNow(id: bigint, caller: Caller): number | undefined;
  /** The new time to live in seconds, 0 when there is no such lease. */
  keepAlive(id: bigint, caller: Caller): Promise<number>;
  timeToLive(request: rpcpb.LeaseTimeToLiveRequest, caller: Caller): Promise<rpcpb.LeaseTimeToLiveResponse>;
  leases(caller: Caller): Promise<rpcpb.LeaseLeasesResponse>;
}

/** What operators ask of a member. */
export interface MemberMaintenance {
  alarm(request: rpcpb.AlarmRequest, caller: Caller): Promise<rpcpb.AlarmResponse>;
  status(): rpcpb.StatusResponse;
  hash(): Promise<rpcpb.HashResponse>;
  hashKv(request: rpcpb.HashKVRequest): Promise<rpcpb.HashKVResponse>;
  defragment(): Promise<void>;
  /** Ends when the target leads, or with an error when `signal` is aborted first. */
  moveLeader(
    request: rpcpb.MoveLeaderRequest,
    options: { readonly signal: AbortSignal },
  ): Promise<rpcpb.MoveLeaderResponse>;
  downgrade(request: rpcpb.DowngradeRequest): Promise<rpcpb.DowngradeResponse>;
  /** The whole store as a file of etcd's format, as of now. */
  snapshot(): Promise<MemberSnapshot>;
}

/** A store on its way to a client. Whoever got it reads `chunks` or ends it (`return`). */
export interface MemberSnapshot {
  /** Of all chunks together. */
  readonly sizeBytes: number;
  /** The storage version, e.g. `3.6.0`. */
  readonly version: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** One watch stream of a member. */
export interface MemberWatch {
  /** While false no `request` may be made; a `take` makes it true again. */
  readonly accepting: boolean;
  /** Whether `take` has work, even if the last one had nothing to hand out. */
  readonly hasPending: boolean;
  /** A promise, which never rejects, when it takes a while: the next request waits for it. */
  request(request: rpcpb.WatchRequest): void | Promise<void>;
  /** Encoded responses, up to about that many bytes; empty when there is nothing to say. */
  takeBatch(maxBytes: number): MessageBatch;
  close(): void;
}
