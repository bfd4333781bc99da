/**
 * The messages of the hot path, with types of their own: what counts is a `number`, what identifies is a
 * `bigint`. Decoders clamp counts beyond +-(2^53 - 1) (no real revision lies there), and the byte fields of
 * what they return are views into the bytes they were given. Encoders write what etcd's generated code
 * writes, byte for byte; parts called "encoded" are spliced in as they are.
 */

/** mvccpb.KeyValue. */
export interface KeyValue {
  key: Uint8Array;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Uint8Array;
  lease: bigint;
}

/** etcdserverpb.ResponseHeader. */
export interface ResponseHeader {
  clusterId: bigint;
  memberId: bigint;
  revision: number;
  raftTerm: number;
}

/** etcdserverpb.RangeRequest. Enum fields hold whatever number the client sent. */
export interface RangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  limit: number;
  revision: number;
  sortOrder: number;
  sortTarget: number;
  serializable: boolean;
  keysOnly: boolean;
  countOnly: boolean;
  minModRevision: number;
  maxModRevision: number;
  minCreateRevision: number;
  maxCreateRevision: number;
}

/** etcdserverpb.PutRequest. */
export interface PutRequest {
  key: Uint8Array;
  value: Uint8Array;
  lease: bigint;
  prevKv: boolean;
  ignoreValue: boolean;
  ignoreLease: boolean;
}

/** etcdserverpb.DeleteRangeRequest. */
export interface DeleteRangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  prevKv: boolean;
}

/**
 * etcdserverpb.Compare. Of the `target_union` fields the one that came last on the wire is set, the others
 * are zero or empty, as a reader of the union sees them.
 */
export interface Compare {
  result: number;
  target: number;
  key: Uint8Array;
  rangeEnd: Uint8Array;
  version: number;
  createRevision: number;
  modRevision: number;
  value: Uint8Array;
  lease: bigint;
}

/** etcdserverpb.RequestOp; `none` when no request is set. */
export type RequestOp =
  | { readonly kind: 'range'; readonly range: RangeRequest }
  | { readonly kind: 'put'; readonly put: PutRequest }
  | { readonly kind: 'deleteRange'; readonly deleteRange: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly txn: TxnRequest }
  | { readonly kind: 'none' };

/** etcdserverpb.TxnRequest. */
export interface TxnRequest {
  compare: Compare[];
  success: RequestOp[];
  failure: RequestOp[];
}

/** What a RangeResponse is made of; `kvs` are encoded KeyValues. Header undefined leaves the field out. */
export interface RangeResponseParts {
  header: ResponseHeader | undefined;
  kvs: readonly Uint8Array[];
  more: boolean;
  count: number;
}

/** What a PutResponse is made of; `prevKv` is an encoded KeyValue. */
export interface PutResponseParts {
  header: ResponseHeader | undefined;
  prevKv: Uint8Array | undefined;
}

/** What a DeleteRangeResponse is made of; `prevKvs` are encoded KeyValues. */
export interface DeleteRangeResponseParts {
  header: ResponseHeader | undefined;
  deleted: number;
  prevKvs: readonly Uint8Array[];
}

/** etcdserverpb.ResponseOp. */
export type ResponseOp =
  | { readonly kind: 'range'; readonly range: RangeResponseParts }
  | { readonly kind: 'put'; readonly put: PutResponseParts }
  | { readonly kind: 'deleteRange'; readonly deleteRange: DeleteRangeResponseParts }
  | { readonly kind: 'txn'; readonly txn: TxnResponseParts };

/** What a TxnResponse is made of. */
export interface TxnResponseParts {
  header: ResponseHeader | undefined;
  succeeded: boolean;
  responses: readonly ResponseOp[];
}

/** What a WatchResponse is made of; `events` are encoded mvccpb.Events. */
export interface WatchResponseParts {
  header: ResponseHeader;
  watchId: bigint;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  fragment: boolean;
  events: readonly Uint8Array[];
}

/** What a LeaseKeepAliveResponse is made of. */
export interface LeaseKeepAliveResponseParts {
  header: ResponseHeader;
  id: bigint;
  /** 0 when there is no such lease. */
  ttlSeconds: number;
}

/** mvccpb.Event.EventType: 0 is PUT, 1 is DELETE. */
export type EventType = 0 | 1;

/** raftpb.EntryType: 0 normal, 1 ConfChange, 2 ConfChangeV2. */
export type EntryType = 0 | 1 | 2;

/** raftpb.Entry. */
export interface Entry {
  term: number;
  index: number;
  type: EntryType;
  data: Uint8Array;
}

/** raftpb.HardState. */
export interface HardState {
  term: number;
  vote: bigint;
  commit: number;
}

/** raftpb.ConfState. */
export interface ConfState {
  voters: bigint[];
  learners: bigint[];
  votersOutgoing: bigint[];
  learnersNext: bigint[];
  autoLeave: boolean;
}

/** raftpb.Snapshot. */
export interface Snapshot {
  data: Uint8Array;
  index: number;
  term: number;
  confState: ConfState;
}

/** raftpb.Message; `type` is a raftpb.MessageType number (see `raftpb.MessageType`). */
export interface Message {
  type: number;
  to: bigint;
  from: bigint;
  term: number;
  logTerm: number;
  index: number;
  entries: readonly Entry[];
  commit: number;
  vote: bigint;
  snapshot: Snapshot | undefined;
  reject: boolean;
  rejectHint: number;
  context: Uint8Array;
  responses: readonly Message[];
}

/** walpb.Record: what a frame of the log holds. Data undefined means that the field is not there. */
export interface WalRecord {
  type: number;
  crc: number;
  data: Uint8Array | undefined;
}

/** walpb.Snapshot: the mark of a snapshot in the log. */
export interface WalSnapshot {
  index: number;
  term: number;
  confState: ConfState | undefined;
}

/**
 * An etcdserverpb.InternalRaftRequest, opened but not unpacked. `requestField` is the field number of the one
 * request it carries (4 is put, 5 delete_range, 6 txn, …; 0 when there is none) and `request` its bytes. The
 * 64-bit request ID comes as two unsigned halves, since every apply looks one up.
 */
export interface RaftEnvelope {
  idHigh: number;
  idLow: number;
  username: string;
  authRevision: number;
  requestField: number;
  request: Uint8Array;
}
