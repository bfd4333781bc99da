import type { PutRequest, RequestOp, TxnRequest } from '@quorate/wire';

/** Bytes that a put takes beyond its key and value, as etcd's quota counts them. */
const putOverheadSize = 256;

/** Bytes that a Put counts against the backend quota. */
export function putCost(request: PutRequest): number {
  return putOverheadSize + request.key.length + request.value.length;
}

/** Bytes that a Txn counts against the backend quota: those of its dearer branch. */
export function txnCost(request: TxnRequest): number {
  return Math.max(opsCost(request.success), opsCost(request.failure));
}

function opsCost(ops: readonly RequestOp[]): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === 'put') cost += putCost(op.put);
    else if (op.kind === 'txn') cost += txnCost(op.txn);
  }
  return cost;
}
