/**
 * What clients saw of a cluster, written down in a form that the checkers read. Nothing here knows of gRPC, of a
 * process or of a simulator: whoever ran the clients fills it in.
 *
 * Conventions:
 * - Keys and values are latin1 strings, one char code a byte (`toLatin1` of `std`), so `<` orders them as etcd does.
 * - Range ends have etcd's wire form: `''` (or left out) is the single key, `'\0'` is every key from `key` on.
 * - A field left out has its protobuf default. Revisions, versions and TTLs are numbers, lease ids bigints.
 * - All times are readings of ONE monotone clock in milliseconds (fractions allowed). A call time is taken before the
 *   request leaves the client, a return time after the answer arrived and before anybody's code looks at it: an
 *   interval that is too long hides a bug, one that is too short invents one.
 */
import type { CallContext, LogIdentity } from './auth.ts';

/** A key or a value, one char code a byte. */
export type ByteString = string;

/** mvccpb.KeyValue as a client received it. */
export interface KeyValue {
  readonly key: ByteString;
  readonly value: ByteString;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0n is none. */
  readonly lease: bigint;
}

// ---------------------------------------------------------------------------------------------- requests

/** Which field of the key-values a range is sorted by. */
export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

/** Range of keys at one revision. */
export interface RangeRequest {
  readonly kind: 'range';
  readonly key: ByteString;
  readonly rangeEnd?: ByteString;
  /** At most so many key-values; 0 is no limit. */
  readonly limit?: number;
  /** 0 or less is the newest. */
  readonly revision?: number;
  readonly sortOrder?: 'none' | 'ascend' | 'descend';
  readonly sortTarget?: SortTarget;
  /** Answered from the member's own state, which may be old. */
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: number;
  readonly maxModRevision?: number;
  readonly minCreateRevision?: number;
  readonly maxCreateRevision?: number;
}

/** Sets a key. */
export interface PutRequest {
  readonly kind: 'put';
  readonly key: ByteString;
  readonly value: ByteString;
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}

/** Deletes the keys of a range. */
export interface DeleteRangeRequest {
  readonly kind: 'deleteRange';
  readonly key: ByteString;
  readonly rangeEnd?: ByteString;
  readonly prevKv?: boolean;
}

/** One condition of a transaction; `operand` is compared with the target of every key in the range. */
export type Compare = {
  readonly key: ByteString;
  readonly rangeEnd?: ByteString;
  readonly result: 'equal' | 'notEqual' | 'greater' | 'less';
} & (
  | { readonly target: 'version' | 'create' | 'mod'; readonly operand: number }
  | { readonly target: 'value'; readonly operand: ByteString }
  | { readonly target: 'lease'; readonly operand: bigint }
);

/** Compares, then one of two lists of requests, in one revision. */
export interface TxnRequest {
  readonly kind: 'txn';
  readonly compare: readonly Compare[];
  readonly success: readonly KvRequest[];
  readonly failure: readonly KvRequest[];
}

/** What may stand in a transaction. */
export type KvRequest = RangeRequest | PutRequest | DeleteRangeRequest | TxnRequest;

/** Makes revisions below `revision` unreadable. */
export interface CompactRequest {
  readonly kind: 'compact';
  readonly revision: number;
}

/** Makes a lease. */
export interface LeaseGrantRequest {
  readonly kind: 'leaseGrant';
  /** 0n lets the server choose; in an applied entry it is the id that the lease got. */
  readonly id: bigint;
  readonly ttlSeconds: number;
}

/** Ends a lease; its keys go with it. */
export interface LeaseRevokeRequest {
  readonly kind: 'leaseRevoke';
  readonly id: bigint;
}

/** Renews a lease. */
export interface LeaseKeepAliveRequest {
  readonly kind: 'leaseKeepAlive';
  readonly id: bigint;
}

/** Asks how long a lease still has. */
export interface LeaseTimeToLiveRequest {
  readonly kind: 'leaseTimeToLive';
  readonly id: bigint;
  readonly keys?: boolean;
}

/** Every operation that the checkers understand. */
export type Request =
  | KvRequest
  | CompactRequest
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | LeaseKeepAliveRequest
  | LeaseTimeToLiveRequest;

/** What goes through the replicated log and can change keys, leases or the compacted revision. */
export type LoggedRequest =
  PutRequest | DeleteRangeRequest | TxnRequest | CompactRequest | LeaseGrantRequest | LeaseRevokeRequest;

// --------------------------------------------------------------------------------------------- responses

/** Answer to a range; `count` is of all keys in the range, `kvs` obey limit, filters and order. */
export interface RangeResponse {
  readonly kind: 'range';
  readonly kvs: readonly KeyValue[];
  readonly count: number;
  readonly more: boolean;
}

/** Answer to a put. */
export interface PutResponse {
  readonly kind: 'put';
  readonly prevKv?: KeyValue;
}

/** Answer to a delete; `prevKvs` is empty unless they were asked for. */
export interface DeleteRangeResponse {
  readonly kind: 'deleteRange';
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

/** Answer to a transaction; `responses` belong to the branch that ran. */
export interface TxnResponse {
  readonly kind: 'txn';
  readonly succeeded: boolean;
  readonly responses: readonly KvResponse[];
}

/** Answers that may stand in a transaction's answer. */
export type KvResponse = RangeResponse | PutResponse | DeleteRangeResponse | TxnResponse;

/** Answer to a compaction. */
export interface CompactResponse {
  readonly kind: 'compact';
}

/** Answer to a grant. */
export interface LeaseGrantResponse {
  readonly kind: 'leaseGrant';
  readonly id: bigint;
  /** The time to live that the server chose, at least what was asked. */
  readonly ttlSeconds: number;
}

/** Answer to a revoke. */
export interface LeaseRevokeResponse {
  readonly kind: 'leaseRevoke';
}

/** Answer to a renewal; TTL 0 (or less) says that there is no such lease. */
export interface LeaseKeepAliveResponse {
  readonly kind: 'leaseKeepAlive';
  readonly ttlSeconds: number;
}

/** What is left of a lease; TTL -1 says that there is no such lease. */
export interface LeaseTimeToLiveResponse {
  readonly kind: 'leaseTimeToLive';
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Only when asked for. */
  readonly keys?: readonly ByteString[];
}

/** Every answer; its kind is the request's. */
export type Response =
  | KvResponse
  | CompactResponse
  | LeaseGrantResponse
  | LeaseRevokeResponse
  | LeaseKeepAliveResponse
  | LeaseTimeToLiveResponse;

// -------------------------------------------------------------------------------------------- operations

/**
 * Why an operation was surely not carried out. The first five follow from the state that it met, and the checkers
 * hold the server to them; the rest (`invalid`: the request itself is bad; `other`: no space, no permission, too
 * many requests, no leader before it was proposed) only say that nothing happened.
 */
export type RefusalCode =
  'compacted' | 'futureRevision' | 'leaseNotFound' | 'leaseExists' | 'keyNotFound' | 'invalid' | 'other';

/** How an operation ended, as its client knows it. */
export type Outcome =
  | {
      readonly kind: 'ok';
      /** Revision of the response header; 0 when it is not known. */
      readonly revision: number;
      readonly response: Response;
    }
  | {
      /** Surely not carried out, now or later. When in doubt, it is `unknown`. */
      readonly kind: 'refused';
      readonly code: RefusalCode;
      readonly message?: string;
    }
  | {
      /** Timed out, cut off, crashed: carried out once, at any time after the call, or never. */
      readonly kind: 'unknown';
    };

/** One call of one client. */
export interface Operation {
  /** Unique in its history, at least 0. */
  readonly id: number;
  /** Who called; only for messages. */
  readonly client: number;
  /**
   * One connection to one living process: a new number after each reconnect and each restart of the member. On one
   * connection header revisions never go back. Left out: nothing is known of connections.
   */
  readonly connection?: number;
  readonly calledAt: number;
  /** Infinity exactly when the outcome is unknown. */
  readonly returnedAt: number;
  readonly request: Request;
  readonly outcome: Outcome;
  /** Who called, in a cluster with users. */
  readonly context?: CallContext;
}

/** What was in the store before the first operation. */
export interface InitialState {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly kvs: readonly KeyValue[];
  readonly leases: readonly { readonly id: bigint; readonly ttlSeconds: number }[];
}

/** All operations of a run, in any order. */
export interface History {
  readonly operations: readonly Operation[];
  /** Left out: a fresh store, empty at revision 1. */
  readonly initial?: InitialState;
}

// ------------------------------------------------------------------------------------------------- truth

/**
 * An entry of the replicated log as a member applied it, also when it was refused at apply or changed nothing.
 * Entries that touch neither keys, leases nor compaction are left out.
 */
export interface AppliedEntry {
  /** Raft index; strictly ascending in a log. */
  readonly index: number;
  readonly request: LoggedRequest;
  /** Id of the operation that proposed it, where that is known. Else the checkers match it by what it says. */
  readonly operation?: number;
  /** `server` for the revoke of an expired lease. Left out: not known. */
  readonly origin?: 'client' | 'server';
  /** The store's revision after it, where the source says so; it must agree with the replay. */
  readonly revision?: number;
  /** When the first member applied it. Lease bounds need it for revokes. */
  readonly at?: number;
  /** Who it says that it is from; left out in a cluster without users. */
  readonly from?: LogIdentity;
}

/** What one revision changed, as a watcher of all keys sees it: the truth where no log can be had. */
export interface RevisionEvents {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
  /** When it was first seen. */
  readonly at?: number;
}

// ----------------------------------------------------------------------------------------------- watches

/** One event of a watch. A delete's `kv` has only key and mod revision, the rest is empty. */
export interface WatchEvent {
  readonly type: 'put' | 'delete';
  readonly kv: KeyValue;
  readonly prevKv?: KeyValue;
}

/** What a watcher asked for. */
export interface WatchCreateRequest {
  readonly key: ByteString;
  readonly rangeEnd?: ByteString;
  /** 0 is "from now on". */
  readonly startRevision?: number;
  readonly noPut?: boolean;
  readonly noDelete?: boolean;
  readonly prevKv?: boolean;
  readonly fragment?: boolean;
  readonly progressNotify?: boolean;
}

/** One WatchResponse that concerns the watcher: its own, or a progress answer to the whole stream. */
export interface WatchMessage {
  readonly at: number;
  /** Revision of the header. */
  readonly revision: number;
  readonly created?: boolean;
  readonly canceled?: boolean;
  /** Above 0 in the cancel of a watcher whose revisions are gone. */
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  /** More of the same revision follows in the next message. */
  readonly fragment?: boolean;
  readonly events: readonly WatchEvent[];
  /** What was known when the member sent it, in a cluster with users. */
  readonly context?: MessageContext;
}

/** Indexes of the log: what its member had looked at again, and what some member had applied, when a message left. */
export interface MessageContext {
  readonly known: number;
  readonly committed: number;
}

/** One server-side watcher: from a create request on one stream until the stream or the watcher ends. */
export interface WatchAttempt {
  readonly request: WatchCreateRequest;
  /** When the create request was sent. */
  readonly calledAt: number;
  /** In the order of receipt. */
  readonly messages: readonly WatchMessage[];
  /**
   * Set when the watcher was still alive at the end and the run waited until the cluster was quiet: everything up to
   * this revision must have arrived.
   */
  readonly settledRevision?: number;
  /** Who watches, in a cluster with users; `committedAfter` is of the end of the attempt. */
  readonly context?: CallContext;
}

/**
 * A client's watch: its first attempt and those that resumed it after the stream broke, in order. A client resumes at
 * the revision after the last event or progress answer; each attempt says itself where it started.
 */
export interface WatchHistory {
  readonly id: number;
  readonly client: number;
  readonly attempts: readonly WatchAttempt[];
}

// ------------------------------------------------------------------------------------------------ leases

/**
 * A time in which one leader was in office and able to work: promoted (first entry of its term applied) at `from`, in
 * touch with a majority, running and not paused until `until` (Infinity: still so at the end).
 */
export interface LeaderPeriod {
  readonly term: number;
  readonly from: number;
  readonly until: number;
}

/** What the lease checker needs beside the log: who asked what, and when a leader could act. */
export interface LeaseTimeline {
  /** All operations of the run; grants, revokes, keep-alives, time-to-live calls and puts with leases matter. */
  readonly operations: readonly Operation[];
  /** All that are known, not necessarily all there were. Left out: no bound on lateness is checked. */
  readonly leaders?: readonly LeaderPeriod[];
  /** When the run ended: a lease that could have lived longer need not be gone. */
  readonly endedAt: number;
}
