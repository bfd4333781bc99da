import type {
  DeleteRangeResponseParts,
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
  /** Identity and term of now; revision is the store's unless given. */
  header(revision?: number): ResponseHeader;
  watch(options: { readonly onReadable: () => void }): MemberWatch;
  /**
   * Calls `listener` once when this member has known no leader for three election timeouts, at once when that is
   * so already. The returned function takes the listener back.
   */
  onLeaderLost(listener: () => void): () => void;
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
  range(request: RangeRequest): Promise<RangeResponseParts>;
  /** Chunks of one consistent range; header, count and more are in the last one. */
  rangeStream(request: RangeRequest): AsyncIterable<RangeResponseParts>;
  /** Takes the encoded PutRequest, which goes into the log as it is. So do those below. */
  put(request: Uint8Array): Promise<PutResponseParts>;
  deleteRange(request: Uint8Array): Promise<DeleteRangeResponseParts>;
  txn(request: Uint8Array): Promise<TxnResponseParts>;
  compact(request: Uint8Array): Promise<ResponseHeader>;
}

/** The lease operations of a member. */
export interface MemberLeases {
  grant(request: rpcpb.LeaseGrantRequest): Promise<rpcpb.LeaseGrantResponse>;
  revoke(request: rpcpb.LeaseRevokeRequest): Promise<rpcpb.LeaseRevokeResponse>;
  /** The new time to live in seconds, 0 when there is no such lease. */
  keepAlive(id: bigint): Promise<number>;
  timeToLive(request: rpcpb.LeaseTimeToLiveRequest): Promise<rpcpb.LeaseTimeToLiveResponse>;
  leases(): rpcpb.LeaseLeasesResponse;
}

/** What operators ask of a member. */
export interface MemberMaintenance {
  alarm(request: rpcpb.AlarmRequest): Promise<rpcpb.AlarmResponse>;
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
  request(request: rpcpb.WatchRequest): void;
  /** Encoded responses, up to about that many bytes; empty when there is nothing to say. */
  take(maxBytes: number): readonly Uint8Array[];
  close(): void;
}
