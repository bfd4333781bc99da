import { compareBytes, equalBytes } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { Operation } from './operation.ts';
import type { Reply } from './grpc-caller.ts';

/**
 * Everything in which Quorate's answer may differ from etcd 3.5.30's, each with its reason. Both replies go
 * through here before they are compared; what is equal already never comes here.
 */
export function normalised(reply: Reply, operation: Operation): Reply {
  if (reply.code !== 0) return { ...reply, message: normalisedText(reply.message) };
  const response = operation.responseType.decode(reply.bytes);
  const bytes = operation.responseType.encode(normalisedResponse(response, operation)).finish();
  return { ...reply, bytes };
}

/**
 * Whether two encoded events (each alone in a WatchResponse) are the same. Quorate still gives the `prev_kv` of an
 * event in its log when a compaction has taken that key-value from the store; etcd then gives none.
 */
export function isSameEvent(
  encoded: { readonly quorate: Uint8Array; readonly etcd: Uint8Array },
  compacted: bigint,
): boolean {
  if (equalBytes(encoded.quorate, encoded.etcd)) return true;
  const response = rpcpb.WatchResponse.decode(encoded.quorate);
  const [event] = response.events;
  if (event?.kv === undefined || event.kv.modRevision > compacted) return false;
  const withoutPrev = { ...response, events: [{ ...event, prevKv: undefined }] };
  return equalBytes(rpcpb.WatchResponse.encode(withoutPrev).finish(), encoded.etcd);
}

function normalisedText(message: string): string {
  // A request beyond what the transport accepts is refused by the gRPC library, in its own words.
  return /^(grpc: )?received message larger than max/i.test(message)
    ? 'received message larger than max'
    : message;
}

/** Responses and requests below have the types that the method of the operation says. */
function normalisedResponse(response: unknown, { method, request }: Operation): unknown {
  switch (method) {
    case 'Maintenance/HashKV':
      // The field came with etcd 3.6.
      return { ...(response as rpcpb.HashKVResponse), hashRevision: 0n };
    case 'Maintenance/Hash':
      // The hash covers the whole file of each, down to when it last wrote its term.
      return { ...(response as rpcpb.HashResponse), hash: 0 };
    case 'Maintenance/Status':
      return normalisedStatus(response as rpcpb.StatusResponse);
    case 'Lease/LeaseTimeToLive':
      // etcd keeps the keys of a lease in a hash map and lists them in any order.
      return withSortedKeys(response as rpcpb.LeaseTimeToLiveResponse);
    case 'Lease/LeaseLeases':
      // Sorted by expiry; those of the same time to live have the same after a restart, and then any order.
      return withSortedIds(response as rpcpb.LeaseLeasesResponse);
    case 'KV/Range':
      return normalisedRange(response as rpcpb.RangeResponse, request as rpcpb.RangeRequest);
    case 'KV/Txn':
      return normalisedTxn(response as rpcpb.TxnResponse, request as rpcpb.TxnRequest);
    default:
      return response;
  }
}

function normalisedStatus(status: rpcpb.StatusResponse): rpcpb.StatusResponse {
  return {
    ...status,
    // The version of the server, and the size of files of a different format.
    version: '',
    dbSize: 0n,
    dbSizeInUse: 0n,
    // These three came with etcd 3.6.
    storageVersion: '',
    dbSizeQuota: 0n,
    downgradeInfo: undefined,
  };
}

function withSortedKeys(response: rpcpb.LeaseTimeToLiveResponse): rpcpb.LeaseTimeToLiveResponse {
  return { ...response, keys: response.keys.toSorted(compareBytes) };
}

function withSortedIds(response: rpcpb.LeaseLeasesResponse): rpcpb.LeaseLeasesResponse {
  return { ...response, leases: response.leases.toSorted((a, b) => (a.ID < b.ID ? -1 : 1)) };
}

/** etcd sorts up to this many key-values stably, and more of them with equals in any order. */
const stableSortMax = 12;

/** Equals of a sort are by key in Quorate and in any order in etcd: both are put in the order of keys. */
function normalisedRange(response: rpcpb.RangeResponse, request: rpcpb.RangeRequest): rpcpb.RangeResponse {
  const { sortOrder, sortTarget } = request;
  const isSorted = sortTarget !== 0 || sortOrder === rpcpb.RangeRequest_SortOrder.DESCEND;
  if (!isSorted || response.count <= stableSortMax) return response;
  const sortKey = (kv: { readonly [field in keyof rpcpb.RangeResponse['kvs'][number]]: unknown }): unknown =>
    [kv.key, kv.version, kv.createRevision, kv.modRevision, kv.value][sortTarget];
  const groups: rpcpb.RangeResponse['kvs'][] = [];
  let previous: unknown;
  for (const kv of response.kvs) {
    const key = sortKey(kv);
    if (groups.length === 0 || !isEqual(key, previous)) groups.push([]);
    groups.at(-1)!.push(kv);
    previous = key;
  }
  const kvs = groups.flatMap((group) => group.toSorted((a, b) => compareBytes(a.key, b.key)));
  if (!response.more) return { ...response, kvs };
  // The limit may have cut through equals: which of them are left is as free as their order.
  const cut = groups.at(-1)?.length ?? 0;
  const anyone = rpcpb.RangeResponse.create().kvs;
  const whole = kvs.slice(0, kvs.length - cut);
  const last = kvs.at(-1);
  if (last !== undefined)
    for (let i = 0; i < cut; i++) anyone.push({ ...last, ...withoutIdentity(sortTarget) });
  return { ...response, kvs: [...whole, ...anyone] };
}

/** Fields that tell equals of a sort apart, emptied. */
function withoutIdentity(sortTarget: number): Partial<rpcpb.RangeResponse['kvs'][number]> {
  const empty = {
    key: new Uint8Array(),
    version: 0n,
    createRevision: 0n,
    modRevision: 0n,
    value: new Uint8Array(),
  };
  const kept = (['key', 'version', 'createRevision', 'modRevision', 'value'] as const)[sortTarget];
  return {
    lease: 0n,
    ...Object.fromEntries(Object.entries(empty).filter(([field]) => field !== kept)),
  };
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b) === 0;
  return a === b;
}

/** Ranges inside of transactions are sorted as any. The branch that ran says which requests were answered. */
function normalisedTxn(response: rpcpb.TxnResponse, request: rpcpb.TxnRequest): rpcpb.TxnResponse {
  const branch = response.succeeded ? request.success : request.failure;
  const responses = response.responses.map((answer, index): rpcpb.ResponseOp => {
    const [asked, answered] = [branch[index]?.request, answer.response];
    if (asked?.$case === 'requestRange' && answered?.$case === 'responseRange') {
      return { response: { $case: 'responseRange', value: normalisedRange(answered.value, asked.value) } };
    }
    if (asked?.$case === 'requestTxn' && answered?.$case === 'responseTxn') {
      return { response: { $case: 'responseTxn', value: normalisedTxn(answered.value, asked.value) } };
    }
    return answer;
  });
  return { ...response, responses };
}
