import { rpcpb } from '@quorate/wire';

/** A unary method as the generated code knows it. */
interface MethodDefinition<Request, Response> {
  readonly name: string;
  readonly requestType: rpcpb.MessageFns<Request>;
  readonly responseType: rpcpb.MessageFns<Response>;
}

/** One unary request of a script, ready to be sent to both servers. */
export interface Operation {
  /** `KV/Range` and the like. */
  readonly method: string;
  readonly path: string;
  /** The message as it is, for known differences and for people. */
  readonly request: unknown;
  readonly bytes: Uint8Array;
  /** Changes nothing, so that its place among other reads does not matter. */
  readonly isRead: boolean;
  /** A response decoded, and encoded again. */
  readonly responseType: rpcpb.MessageFns<unknown>;
}

type Service = { readonly fullName: string };

/** Makes an operation from the fields of its request that are not zero. */
export function operation<Request, Response>(
  service: Service,
  method: MethodDefinition<Request, Response>,
  fields: Partial<Request>,
  { isRead = false } = {},
): Operation {
  const request = { ...method.requestType.create(), ...fields };
  const [, serviceName = ''] = service.fullName.split('.');
  return {
    method: `${serviceName}/${method.name}`,
    path: `/${service.fullName}/${method.name}`,
    request,
    bytes: method.requestType.encode(request).finish(),
    isRead,
    responseType: method.responseType,
  };
}

const kv = rpcpb.KVDefinition;
const lease = rpcpb.LeaseDefinition;
const cluster = rpcpb.ClusterDefinition;
const maintenance = rpcpb.MaintenanceDefinition;
const reads = { isRead: true };

/** Operations by name; what is left out of a request is zero. */
export const op = {
  range: (fields: Partial<rpcpb.RangeRequest>) => operation(kv, kv.methods.range, fields, reads),
  put: (fields: Partial<rpcpb.PutRequest>) => operation(kv, kv.methods.put, fields),
  deleteRange: (fields: Partial<rpcpb.DeleteRangeRequest>) => operation(kv, kv.methods.deleteRange, fields),
  txn: (fields: Partial<rpcpb.TxnRequest>) => operation(kv, kv.methods.txn, fields),
  compact: (fields: Partial<rpcpb.CompactionRequest>) => operation(kv, kv.methods.compact, fields),
  leaseGrant: (fields: Partial<rpcpb.LeaseGrantRequest>) =>
    operation(lease, lease.methods.leaseGrant, fields),
  leaseRevoke: (fields: Partial<rpcpb.LeaseRevokeRequest>) =>
    operation(lease, lease.methods.leaseRevoke, fields),
  leaseTimeToLive: (fields: Partial<rpcpb.LeaseTimeToLiveRequest>) =>
    operation(lease, lease.methods.leaseTimeToLive, fields, reads),
  leases: () => operation(lease, lease.methods.leaseLeases, {}, reads),
  memberList: (fields: Partial<rpcpb.MemberListRequest>) =>
    operation(cluster, cluster.methods.memberList, fields, reads),
  alarm: (fields: Partial<rpcpb.AlarmRequest>) => operation(maintenance, maintenance.methods.alarm, fields),
  status: () => operation(maintenance, maintenance.methods.status, {}),
  hash: () => operation(maintenance, maintenance.methods.hash, {}),
  hashKv: (fields: Partial<rpcpb.HashKVRequest>) =>
    operation(maintenance, maintenance.methods.hashKV, fields, reads),
  defragment: () => operation(maintenance, maintenance.methods.defragment, {}),
} as const;

/** A message as a text that shows every byte; long byte strings are cut. */
export function show(message: unknown): string {
  return JSON.stringify(message, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (Buffer.isBuffer(value)) return showBytes(value);
    if (value instanceof Uint8Array) return showBytes(value);
    // A Buffer is JSON already when a replacer sees it.
    if (isBufferJson(value)) return showBytes(Uint8Array.from(value.data));
    return value;
  });
}

function isBufferJson(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
  );
}

function showBytes(bytes: Uint8Array): string {
  const latin1 = Buffer.from(bytes).toString('latin1');
  return latin1.length <= 80 ? latin1 : `${latin1.slice(0, 60)}... (${latin1.length} bytes)`;
}
