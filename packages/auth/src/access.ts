import { keyRange, singleKey, toLatin1, type KeyRange } from '@quorate/std';
import {
  anyTextReader,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  raftRequestField,
  rpcpb,
  type DeleteRangeRequest,
  type PutRequest,
  type RaftRequestName,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '@quorate/wire';
import type { Access, Need } from './types.ts';

const open: Access = { level: 'open' };
const login: Access = { level: 'login' };
const admin: Access = { level: 'admin' };

/** To read keys. */
export function accessOfRange(request: Pick<RangeRequest, 'key' | 'rangeEnd'>): Access {
  return keys([readOf(request)]);
}

/** To put a key: to write it and what hangs on the lease it is attached to, and to read it where it is returned. */
export function accessOfPut(request: PutRequest): Access {
  const needs: Need[] = [];
  visitPut(request, needs);
  return keys(needs);
}

/** To delete keys: to write them, and to read them where they are returned. */
export function accessOfDeleteRange(request: DeleteRangeRequest): Access {
  const needs: Need[] = [];
  visitDeleteRange(request, needs);
  return keys(needs);
}

/** To run a transaction: all that its comparisons and both its branches need, and those nested in them. */
export function accessOfTxn(request: TxnRequest): Access {
  const needs: Need[] = [];
  visitTxn(request, needs);
  return keys(needs);
}

/** To watch keys. Takes the range that is then watched, so that it is understood once. */
export function accessOfWatch(range: KeyRange): Access {
  return keys([{ kind: 'read', range }]);
}

/** To revoke a lease: its keys are deleted. */
export function accessOfLeaseRevoke(id: bigint): Access {
  return keys([{ kind: 'writeLease', lease: id }]);
}

/** To keep a lease alive: its keys stay. */
export function accessOfLeaseKeepAlive(id: bigint): Access {
  return keys([{ kind: 'writeLease', lease: id }]);
}

/** To ask how long a lease lives; with its keys, to read them. */
export function accessOfLeaseTimeToLive(request: { readonly id: bigint; readonly keys: boolean }): Access {
  return request.keys ? keys([{ kind: 'readLease', lease: request.id }]) : login;
}

/** To list all leases. */
export function accessOfLeases(): Access {
  return keys([{ kind: 'readAllLeases' }]);
}

/** To see alarms, or to raise and clear them; what is not known to only look is for administrators. */
export function accessOfAlarm(action: rpcpb.AlarmRequest_AlarmAction): Access {
  return action === rpcpb.AlarmRequest_AlarmAction.GET ? login : admin;
}

/** To see the roles of a user. */
export function accessOfUserGet(user: string): Access {
  return { level: 'self', user };
}

/** To see the permissions of a role. */
export function accessOfRoleGet(role: string): Access {
  return { level: 'role', role };
}

/**
 * What applying a request of the log demands, as with etcd 3.5: what is open here was checked by the member that
 * proposed it, or comes from the cluster itself. A kind that we do not know is for administrators.
 *
 * @throws WireError, RangeError when the request is malformed
 */
export function accessOfLogEntry(requestField: number, request: Uint8Array): Access {
  return logRules.get(requestField)?.(request) ?? admin;
}

const ofLogRequest = {
  v2: () => open,
  range: (bytes) => accessOfRange(decodeRangeRequest(bytes)),
  put: (bytes) => accessOfPut(decodePutRequest(bytes)),
  deleteRange: (bytes) => accessOfDeleteRange(decodeDeleteRangeRequest(bytes)),
  txn: (bytes) => accessOfTxn(decodeTxnRequest(bytes)),
  compaction: () => open,
  leaseGrant: () => open,
  leaseRevoke: (bytes) => accessOfLeaseRevoke(rpcpb.LeaseRevokeRequest.decode(bytes).ID),
  alarm: () => open,
  leaseCheckpoint: () => open,
  authEnable: () => admin,
  authDisable: () => admin,
  authenticate: () => open,
  authStatus: () => admin,
  authUserAdd: () => admin,
  authUserDelete: () => admin,
  authUserGet: (bytes) => accessOfUserGet(rpcpb.AuthUserGetRequest.decode(anyTextReader(bytes)).name),
  authUserChangePassword: () => admin,
  authUserGrantRole: () => admin,
  authUserRevokeRole: () => admin,
  authUserList: () => admin,
  authRoleList: () => admin,
  authRoleAdd: () => admin,
  authRoleDelete: () => admin,
  authRoleGet: (bytes) => accessOfRoleGet(rpcpb.AuthRoleGetRequest.decode(anyTextReader(bytes)).role),
  authRoleGrantPermission: () => admin,
  authRoleRevokePermission: () => admin,
  clusterVersionSet: () => open,
  clusterMemberAttrSet: () => open,
  downgradeInfoSet: () => open,
  downgradeVersionTest: () => open,
} as const satisfies Record<RaftRequestName, (request: Uint8Array) => Access>;

const logRules: ReadonlyMap<number, (request: Uint8Array) => Access> = new Map(
  Object.entries(raftRequestField).map(([name, field]) => [
    field,
    // `Object.entries` forgets that the names are those of the table.
    ofLogRequest[name as RaftRequestName],
  ]),
);

function keys(needs: readonly Need[]): Access {
  return { level: 'keys', needs };
}

function visitTxn({ compare, success, failure }: TxnRequest, needs: Need[]): void {
  for (const { key, rangeEnd } of compare) needs.push(readOf({ key, rangeEnd }));
  for (const op of success) visitOp(op, needs);
  for (const op of failure) visitOp(op, needs);
}

/** Every kind of operation, by itself as in a transaction; one that is not visited here does not compile. */
function visitOp(op: RequestOp, needs: Need[]): void {
  switch (op.kind) {
    case 'range':
      needs.push(readOf(op.range));
      return;
    case 'put':
      visitPut(op.put, needs);
      return;
    case 'deleteRange':
      visitDeleteRange(op.deleteRange, needs);
      return;
    case 'txn':
      visitTxn(op.txn, needs);
      return;
    case 'none':
      return;
    default:
      return unvisited(op);
  }
}

function unvisited(op: never): never {
  throw new TypeError(`an operation of a transaction is of an unknown kind: ${JSON.stringify(op)}`);
}

function visitPut({ key, lease, prevKv }: PutRequest, needs: Need[]): void {
  const range = singleKey(toLatin1(key));
  needs.push({ kind: 'write', range });
  // Whoever could not revoke the lease may not hang a key on it either.
  if (lease !== 0n) needs.push({ kind: 'writeLease', lease });
  if (prevKv) needs.push({ kind: 'read', range });
}

function visitDeleteRange({ key, rangeEnd, prevKv }: DeleteRangeRequest, needs: Need[]): void {
  const range = keyRange(key, rangeEnd);
  needs.push({ kind: 'write', range });
  if (prevKv) needs.push({ kind: 'read', range });
}

function readOf({ key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array }): Need {
  return { kind: 'read', range: keyRange(key, rangeEnd) };
}
