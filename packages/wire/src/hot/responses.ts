import type { ByteSource } from '@quorate/std';
import {
  RangeResponseSource,
  rangeKvsTag,
  rangeResponseSize,
  writeRangeTail,
} from './range-response-source.ts';
import { headerFieldSize, writeHeaderField } from './response-header.ts';
import { SizePlan } from './size-plan.ts';
import type {
  DeleteRangeResponseParts,
  PutResponseParts,
  RangeResponseParts,
  ResponseOp,
  TxnResponseParts,
} from './types.ts';
import {
  allocate,
  allocateBriefly,
  countFieldSize,
  flagFieldSize,
  sealed,
  splicedListSize,
  splicedSize,
  writeCountField,
  writeFlagField,
  writeHead,
  writeSpliced,
  writeSplicedList,
} from './writer.ts';

const streamRangeTag = 0x0a;

const putPrevKvTag = 0x12;

const deleteDeletedTag = 0x10;
const deletePrevKvsTag = 0x1a;

const txnSucceededTag = 0x10;
const txnResponsesTag = 0x1a;

const opRangeTag = 0x0a;
const opPutTag = 0x12;
const opDeleteRangeTag = 0x1a;
const opTxnTag = 0x22;

/** The bytes of an etcdserverpb.RangeResponse; each encoded KeyValue is copied once, and never opened. */
export function encodeRangeResponse(parts: RangeResponseParts): Uint8Array {
  const target = allocateBriefly(rangeResponseSize(parts));
  return sealed(target, writeRangeResponse(parts, target, 0));
}

/** From this size on an answer is cheaper to send piece by piece than as an array. */
const sourceSizeMin = 8 * 1024;

/**
 * The same bytes for whoever sends them: of a large answer as a source, which copies the key-values when they are sent.
 * Their memory must not change until then.
 */
export function packRangeResponse(parts: RangeResponseParts): Uint8Array | ByteSource {
  const size = rangeResponseSize(parts);
  if (size >= sourceSizeMin) return new RangeResponseSource(parts, size);
  const target = allocateBriefly(size);
  return sealed(target, writeRangeResponse(parts, target, 0));
}

/** The bytes of an etcdserverpb.RangeStreamResponse: a RangeResponse that is a part of a whole. */
export function encodeRangeStreamResponse(parts: RangeResponseParts): Uint8Array {
  const size = rangeResponseSize(parts);
  const target = allocate(splicedSize(size));
  return sealed(target, writeRangeResponse(parts, target, writeHead(streamRangeTag, size, target, 0)));
}

function writeRangeResponse(parts: RangeResponseParts, target: Uint8Array, start: number): number {
  const offset = writeHeaderField(parts.header, target, start);
  return writeRangeTail(parts, target, writeSplicedList(rangeKvsTag, parts.kvs, target, offset));
}

/** The bytes of an etcdserverpb.PutResponse. */
export function encodePutResponse(parts: PutResponseParts): Uint8Array {
  const target = allocateBriefly(putResponseSize(parts));
  return sealed(target, writePutResponse(parts, target, 0));
}

function putResponseSize({ header, prevKv }: PutResponseParts): number {
  return headerFieldSize(header) + (prevKv === undefined ? 0 : splicedSize(prevKv.length));
}

function writePutResponse({ header, prevKv }: PutResponseParts, target: Uint8Array, start: number): number {
  const offset = writeHeaderField(header, target, start);
  return prevKv === undefined ? offset : writeSpliced(putPrevKvTag, prevKv, target, offset);
}

/** The bytes of an etcdserverpb.DeleteRangeResponse. */
export function encodeDeleteRangeResponse(parts: DeleteRangeResponseParts): Uint8Array {
  const target = allocateBriefly(deleteRangeResponseSize(parts));
  return sealed(target, writeDeleteRangeResponse(parts, target, 0));
}

function deleteRangeResponseSize(parts: DeleteRangeResponseParts): number {
  return headerFieldSize(parts.header) + countFieldSize(parts.deleted) + splicedListSize(parts.prevKvs);
}

function writeDeleteRangeResponse(
  parts: DeleteRangeResponseParts,
  target: Uint8Array,
  start: number,
): number {
  let offset = writeHeaderField(parts.header, target, start);
  offset = writeCountField(deleteDeletedTag, parts.deleted, target, offset);
  return writeSplicedList(deletePrevKvsTag, parts.prevKvs, target, offset);
}

/** The bytes of an etcdserverpb.TxnResponse, with the responses of nested transactions inside. */
export function encodeTxnResponse(parts: TxnResponseParts): Uint8Array {
  const plan = new SizePlan();
  const target = allocateBriefly(planTxnResponse(parts, plan));
  return sealed(target, writeTxnResponse(parts, plan, target, 0));
}

function planTxnResponse(parts: TxnResponseParts, plan: SizePlan): number {
  let size = headerFieldSize(parts.header) + flagFieldSize(parts.succeeded);
  for (const op of parts.responses) {
    const place = plan.reserve();
    const responsePlace = plan.reserve();
    const responseSize = plan.set(responsePlace, planResponse(op, plan));
    size += splicedSize(plan.set(place, splicedSize(responseSize)));
  }
  return size;
}

function planResponse(op: ResponseOp, plan: SizePlan): number {
  switch (op.kind) {
    case 'range':
      return rangeResponseSize(op.range);
    case 'put':
      return putResponseSize(op.put);
    case 'deleteRange':
      return deleteRangeResponseSize(op.deleteRange);
    case 'txn':
      return planTxnResponse(op.txn, plan);
  }
}

function writeTxnResponse(
  parts: TxnResponseParts,
  plan: SizePlan,
  target: Uint8Array,
  start: number,
): number {
  let offset = writeHeaderField(parts.header, target, start);
  offset = writeFlagField(txnSucceededTag, parts.succeeded, target, offset);
  for (const op of parts.responses) {
    offset = writeHead(txnResponsesTag, plan.take(), target, offset);
    offset = writeResponseOp(op, plan, target, offset);
  }
  return offset;
}

function writeResponseOp(op: ResponseOp, plan: SizePlan, target: Uint8Array, start: number): number {
  const size = plan.take();
  switch (op.kind) {
    case 'range':
      return writeRangeResponse(op.range, target, writeHead(opRangeTag, size, target, start));
    case 'put':
      return writePutResponse(op.put, target, writeHead(opPutTag, size, target, start));
    case 'deleteRange': {
      const offset = writeHead(opDeleteRangeTag, size, target, start);
      return writeDeleteRangeResponse(op.deleteRange, target, offset);
    }
    case 'txn':
      return writeTxnResponse(op.txn, plan, target, writeHead(opTxnTag, size, target, start));
  }
}
