import { fromLatin1 } from '@quorate/std';
import { electionpb, lockpb, rpcpb } from '@quorate/wire';
import type { Span } from './keys.ts';

/** To read keys. */
export interface RangeAsk extends Span {
  readonly kind: 'range';
  readonly options?: Partial<rpcpb.RangeRequest>;
}

/** To put a key. */
export interface PutAsk {
  readonly kind: 'put';
  readonly key: string;
  /** `'new'` unless given. */
  readonly value?: string;
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}

/** To delete keys. */
export interface DeleteAsk extends Span {
  readonly kind: 'deleteRange';
  readonly prevKv?: boolean;
}

/** A transaction; what its comparisons compare with is of no importance here. */
export interface TxnAsk {
  readonly kind: 'txn';
  readonly compare: readonly Span[];
  readonly success: readonly OpAsk[];
  readonly failure: readonly OpAsk[];
}

/** An operation of a transaction; `empty` is one in which nothing is set. */
export type OpAsk = RangeAsk | PutAsk | DeleteAsk | TxnAsk | { readonly kind: 'empty' };

/** To watch keys. */
export interface WatchAsk extends Span {
  readonly kind: 'watch';
  readonly options?: Partial<rpcpb.WatchCreateRequest>;
}

/** To see, raise or clear alarms, by the numbers of the wire. */
export interface AlarmAsk {
  readonly kind: 'alarm';
  readonly action: number;
  readonly alarm: number;
}

/** What a case asks for, in plain data. */
export type Ask =
  | RangeAsk
  | PutAsk
  | DeleteAsk
  | TxnAsk
  | WatchAsk
  | ({ readonly kind: 'rangeStream' } & Span)
  | { readonly kind: 'leaseGrant'; readonly id: bigint }
  | { readonly kind: 'leaseRevoke'; readonly id: bigint }
  | { readonly kind: 'leaseKeepAlive'; readonly id: bigint }
  | { readonly kind: 'leaseTimeToLive'; readonly id: bigint; readonly keys: boolean }
  | { readonly kind: 'leases' }
  | AlarmAsk
  | { readonly kind: 'userGet'; readonly name: string }
  | { readonly kind: 'roleGet'; readonly role: string }
  | { readonly kind: 'authenticate'; readonly name: string; readonly password: string }
  | QueueAsk
  | PlainAsk;

/** To lock or to stand for election, and what goes with it. A lease of 0 is one that the server makes. */
export type QueueAsk =
  | { readonly kind: 'lock'; readonly name: string; readonly lease: bigint }
  | { readonly kind: 'unlock'; readonly key: string }
  | { readonly kind: 'campaign'; readonly name: string; readonly lease: bigint }
  /** Without a key nobody is named. */
  | { readonly kind: 'proclaim'; readonly key: string | undefined; readonly lease: bigint }
  | { readonly kind: 'leader'; readonly name: string }
  | { readonly kind: 'observe'; readonly name: string }
  | { readonly kind: 'resign'; readonly key: string | undefined };

/** A request whose content does not matter for who may make it. */
export interface PlainAsk {
  readonly kind: 'plain';
  readonly path: string;
  readonly bytes: Uint8Array;
  /** What is asked, for people. */
  readonly what: string;
  /**
   * `changes`: whoever may make it changes something by it. `ruins`: so much that only those may make it here
   * who are refused.
   */
  readonly effect: 'none' | 'changes' | 'ruins';
}

/** A request as it goes to a server. */
export interface EncodedAsk {
  readonly path: string;
  readonly messages: readonly Uint8Array[];
}

const paths = {
  range: '/etcdserverpb.KV/Range',
  rangeStream: '/etcdserverpb.KV/RangeStream',
  put: '/etcdserverpb.KV/Put',
  deleteRange: '/etcdserverpb.KV/DeleteRange',
  txn: '/etcdserverpb.KV/Txn',
  watch: '/etcdserverpb.Watch/Watch',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseRevoke: '/etcdserverpb.Lease/LeaseRevoke',
  leaseKeepAlive: '/etcdserverpb.Lease/LeaseKeepAlive',
  leaseTimeToLive: '/etcdserverpb.Lease/LeaseTimeToLive',
  leases: '/etcdserverpb.Lease/LeaseLeases',
  alarm: '/etcdserverpb.Maintenance/Alarm',
  userGet: '/etcdserverpb.Auth/UserGet',
  roleGet: '/etcdserverpb.Auth/RoleGet',
  authenticate: '/etcdserverpb.Auth/Authenticate',
  lock: '/v3lockpb.Lock/Lock',
  unlock: '/v3lockpb.Lock/Unlock',
  campaign: '/v3electionpb.Election/Campaign',
  proclaim: '/v3electionpb.Election/Proclaim',
  leader: '/v3electionpb.Election/Leader',
  observe: '/v3electionpb.Election/Observe',
  resign: '/v3electionpb.Election/Resign',
} as const satisfies Record<Exclude<Ask['kind'], 'plain'>, string>;

/** The path of the RPC that it is a request of. */
export function pathOf(ask: Ask): string {
  return ask.kind === 'plain' ? ask.path : paths[ask.kind];
}

/** Encodes by the generated code, which the server's own decoders of hot requests owe nothing. */
export function encodeAsk(ask: Ask): EncodedAsk {
  return { path: pathOf(ask), messages: [bytesOf(ask)] };
}

function bytesOf(ask: Ask): Uint8Array {
  switch (ask.kind) {
    case 'plain':
      return ask.bytes;
    case 'range':
    case 'rangeStream':
      return rpcpb.RangeRequest.encode(rangeOf(ask)).finish();
    case 'put':
      return rpcpb.PutRequest.encode(putOf(ask)).finish();
    case 'deleteRange':
      return rpcpb.DeleteRangeRequest.encode(deleteOf(ask)).finish();
    case 'txn':
      return rpcpb.TxnRequest.encode(txnOf(ask)).finish();
    case 'watch':
      return rpcpb.WatchRequest.encode(watchOf(ask)).finish();
    case 'leaseGrant':
      return rpcpb.LeaseGrantRequest.encode({ ID: ask.id, TTL: 1_000_000n }).finish();
    case 'leaseRevoke':
      return rpcpb.LeaseRevokeRequest.encode({ ID: ask.id }).finish();
    case 'leaseKeepAlive':
      return rpcpb.LeaseKeepAliveRequest.encode({ ID: ask.id }).finish();
    case 'leaseTimeToLive':
      return rpcpb.LeaseTimeToLiveRequest.encode({ ID: ask.id, keys: ask.keys }).finish();
    case 'leases':
      return rpcpb.LeaseLeasesRequest.encode({}).finish();
    case 'alarm':
      return encodeAlarm(ask);
    case 'userGet':
      return rpcpb.AuthUserGetRequest.encode({ name: ask.name }).finish();
    case 'roleGet':
      return rpcpb.AuthRoleGetRequest.encode({ role: ask.role }).finish();
    case 'authenticate':
      return rpcpb.AuthenticateRequest.encode({ name: ask.name, password: ask.password }).finish();
    default:
      return queueBytesOf(ask);
  }
}

function queueBytesOf(ask: QueueAsk): Uint8Array {
  const value = fromLatin1('a proposal');
  switch (ask.kind) {
    case 'lock':
      return lockpb.LockRequest.encode({ name: fromLatin1(ask.name), lease: ask.lease }).finish();
    case 'unlock':
      return lockpb.UnlockRequest.encode({ key: fromLatin1(ask.key) }).finish();
    case 'campaign': {
      const request = { name: fromLatin1(ask.name), lease: ask.lease, value };
      return electionpb.CampaignRequest.encode(request).finish();
    }
    case 'proclaim': {
      const leader = leaderKeyOf(ask.key, ask.lease);
      return electionpb.ProclaimRequest.encode({ leader, value }).finish();
    }
    case 'leader':
    case 'observe':
      return electionpb.LeaderRequest.encode({ name: fromLatin1(ask.name) }).finish();
    case 'resign':
      return electionpb.ResignRequest.encode({ leader: leaderKeyOf(ask.key, 0n) }).finish();
  }
}

/** Of a leader who has long been another. */
function leaderKeyOf(key: string | undefined, lease: bigint): electionpb.LeaderKey | undefined {
  return key === undefined ? undefined : { name: fromLatin1(''), key: fromLatin1(key), rev: 1n, lease };
}

function rangeOf({
  key,
  end,
  options,
}: Span & { readonly options?: RangeAsk['options'] }): rpcpb.RangeRequest {
  const empty = rpcpb.RangeRequest.decode(new Uint8Array(0));
  return { ...empty, ...options, key: fromLatin1(key), rangeEnd: fromLatin1(end) };
}

function putOf(ask: PutAsk): rpcpb.PutRequest {
  return {
    key: fromLatin1(ask.key),
    value: fromLatin1(ask.value ?? (ask.ignoreValue === true ? '' : 'new')),
    lease: ask.lease ?? 0n,
    prevKv: ask.prevKv ?? false,
    ignoreValue: ask.ignoreValue ?? false,
    ignoreLease: ask.ignoreLease ?? false,
  };
}

function deleteOf({ key, end, prevKv = false }: DeleteAsk): rpcpb.DeleteRangeRequest {
  return { key: fromLatin1(key), rangeEnd: fromLatin1(end), prevKv };
}

function txnOf({ compare, success, failure }: TxnAsk): rpcpb.TxnRequest {
  return { compare: compare.map(compareOf), success: success.map(opOf), failure: failure.map(opOf) };
}

/** Whether the key was ever put: so both branches are taken by some comparison. */
function compareOf({ key, end }: Span): rpcpb.Compare {
  const { GREATER } = rpcpb.Compare_CompareResult;
  const { VERSION } = rpcpb.Compare_CompareTarget;
  const targetUnion = { $case: 'version', value: 0n } as const;
  return { key: fromLatin1(key), rangeEnd: fromLatin1(end), result: GREATER, target: VERSION, targetUnion };
}

function opOf(op: OpAsk): rpcpb.RequestOp {
  switch (op.kind) {
    case 'range':
      return { request: { $case: 'requestRange', value: rangeOf(op) } };
    case 'put':
      return { request: { $case: 'requestPut', value: putOf(op) } };
    case 'deleteRange':
      return { request: { $case: 'requestDeleteRange', value: deleteOf(op) } };
    case 'txn':
      return { request: { $case: 'requestTxn', value: txnOf(op) } };
    case 'empty':
      return { request: undefined };
  }
}

function watchOf({ key, end, options }: WatchAsk): rpcpb.WatchRequest {
  const empty = rpcpb.WatchCreateRequest.decode(new Uint8Array(0));
  const value = { ...empty, ...options, key: fromLatin1(key), rangeEnd: fromLatin1(end) };
  return { requestUnion: { $case: 'createRequest', value } };
}

/** Actions and types that are not of the enums are sent as well. */
function encodeAlarm({ action, alarm }: AlarmAsk): Uint8Array {
  return rpcpb.AlarmRequest.encode({
    // A number on the wire, which any client may send.
    action: action as rpcpb.AlarmRequest_AlarmAction,
    memberID: 0n,
    alarm: alarm as rpcpb.AlarmType,
  }).finish();
}

/** Whether a request changes something when it is served. */
export function changesOf(ask: Ask): boolean {
  switch (ask.kind) {
    case 'plain':
      return ask.effect !== 'none';
    case 'put':
    case 'deleteRange':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseKeepAlive':
    case 'lock':
    case 'unlock':
    case 'campaign':
    case 'proclaim':
    case 'resign':
      return true;
    case 'txn':
      return writes(ask);
    case 'alarm':
      return ask.action !== 0;
    default:
      return false;
  }
}

/**
 * Whether a request may have done something before it is refused, as with etcd: who locks, stands or proclaims has his
 * lease renewed first, or is given one, and a candidate stands before he looks who else does. Each of these steps is
 * one that he may do by himself.
 */
export function goesInSteps({ kind }: Ask): boolean {
  return kind === 'lock' || kind === 'campaign' || kind === 'proclaim';
}

function writes(op: OpAsk): boolean {
  if (op.kind === 'txn') return [...op.success, ...op.failure].some(writes);
  return op.kind === 'put' || op.kind === 'deleteRange';
}

/** A request for people. */
export function describeAsk(ask: Ask): string {
  if (ask.kind === 'plain') return `${ask.path}: ${ask.what}`;
  return JSON.stringify(ask, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  ).replace(/[^\x20-\x7e]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
