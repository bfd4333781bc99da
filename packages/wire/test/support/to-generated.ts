import type {
  Compare,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  ResponseHeader,
  TxnRequest,
} from '../../src/index.ts';
import { mvccpb, rpcpb } from '../../src/index.ts';

/** Our hot messages in the shape of the generated code, which then encodes them independently. */

export function generatedKeyValue(kv: KeyValue): mvccpb.KeyValue {
  return mvccpb.KeyValue.fromPartial({
    ...kv,
    createRevision: BigInt(kv.createRevision),
    modRevision: BigInt(kv.modRevision),
    version: BigInt(kv.version),
  });
}

export function generatedHeader(header: ResponseHeader): rpcpb.ResponseHeader {
  return rpcpb.ResponseHeader.fromPartial({
    ...header,
    revision: BigInt(header.revision),
    raftTerm: BigInt(header.raftTerm),
  });
}

export function generatedRange(request: RangeRequest): rpcpb.RangeRequest {
  return rpcpb.RangeRequest.fromPartial({
    ...request,
    // Enums hold whatever number was sent; the generated code writes it as it is.
    sortOrder: request.sortOrder as rpcpb.RangeRequest_SortOrder,
    sortTarget: request.sortTarget as rpcpb.RangeRequest_SortTarget,
    limit: BigInt(request.limit),
    revision: BigInt(request.revision),
    minModRevision: BigInt(request.minModRevision),
    maxModRevision: BigInt(request.maxModRevision),
    minCreateRevision: BigInt(request.minCreateRevision),
    maxCreateRevision: BigInt(request.maxCreateRevision),
  });
}

export function generatedPut(request: PutRequest): rpcpb.PutRequest {
  return rpcpb.PutRequest.fromPartial(request);
}

export function generatedDeleteRange(request: DeleteRangeRequest): rpcpb.DeleteRangeRequest {
  return rpcpb.DeleteRangeRequest.fromPartial(request);
}

export function generatedTxn(request: TxnRequest): rpcpb.TxnRequest {
  return {
    compare: request.compare.map(generatedCompare),
    success: request.success.map(generatedOp),
    failure: request.failure.map(generatedOp),
  };
}

function generatedCompare(compare: Compare): rpcpb.Compare {
  return {
    // As above: any number may come.
    result: compare.result as rpcpb.Compare_CompareResult,
    target: compare.target as rpcpb.Compare_CompareTarget,
    key: compare.key,
    rangeEnd: compare.rangeEnd,
    targetUnion: targetUnion(compare),
  };
}

function targetUnion(compare: Compare): rpcpb.Compare['targetUnion'] {
  switch (compare.target) {
    case 0:
      return { $case: 'version', value: BigInt(compare.version) };
    case 1:
      return { $case: 'createRevision', value: BigInt(compare.createRevision) };
    case 2:
      return { $case: 'modRevision', value: BigInt(compare.modRevision) };
    case 3:
      return { $case: 'value', value: compare.value };
    default:
      return { $case: 'lease', value: compare.lease };
  }
}

function generatedOp(op: RequestOp): rpcpb.RequestOp {
  switch (op.kind) {
    case 'range':
      return { request: { $case: 'requestRange', value: generatedRange(op.range) } };
    case 'put':
      return { request: { $case: 'requestPut', value: generatedPut(op.put) } };
    case 'deleteRange':
      return { request: { $case: 'requestDeleteRange', value: generatedDeleteRange(op.deleteRange) } };
    case 'txn':
      return { request: { $case: 'requestTxn', value: generatedTxn(op.txn) } };
    case 'none':
      return { request: undefined };
  }
}
