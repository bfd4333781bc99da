import { invariant } from '@quorate/std';
import { compareSize, readCompare, writeCompare } from './compare.ts';
import { Cutter } from './cutter.ts';
import { nestingMax, WireReader } from './reader.ts';
import {
  deleteRangeRequestSize,
  mergeDeleteRangeRequest,
  mergePutRequest,
  mergeRangeRequest,
  newDeleteRangeRequest,
  newPutRequest,
  newRangeRequest,
  putRequestSize,
  rangeRequestSize,
  writeDeleteRangeRequest,
  writePutRequest,
  writeRangeRequest,
} from './requests.ts';
import { SizePlan } from './size-plan.ts';
import type { RequestOp, TxnRequest } from './types.ts';
import { sealed, splicedSize, writeHead } from './writer.ts';

const compareTag = 0x0a;
const successTag = 0x12;
const failureTag = 0x1a;
const txnLastField = 3;

const opRangeTag = 0x0a;
const opPutTag = 0x12;
const opDeleteRangeTag = 0x1a;
const opTxnTag = 0x22;
const opLastField = 4;

/** Encoded transactions go at once, into the envelopes of the log. */
const cutter = new Cutter();

/** The bytes of an etcdserverpb.TxnRequest, nested no deeper than its decoder follows; its memory may hold others, too. */
export function encodeTxnRequest(request: TxnRequest): Uint8Array {
  const plan = new SizePlan();
  const target = cutter.cut(planTxn(request, plan, 0));
  return sealed(target, writeTxn(request, plan, target, 0));
}

/**
 * Opens an etcdserverpb.TxnRequest with all that is nested in it; byte fields are views.
 * @throws WireError, also when operations are nested deeper than 512 messages
 */
export function decodeTxnRequest(bytes: Uint8Array, start?: number, endExclusive?: number): TxnRequest {
  return mergeTxn(new WireReader(bytes, start, endExclusive), newTxn());
}

function newTxn(): TxnRequest {
  return { compare: [], success: [], failure: [] };
}

function planTxn(txn: TxnRequest, plan: SizePlan, depth: number): number {
  invariant(depth <= nestingMax, 'a transaction that is encoded can be decoded again');
  let size = 0;
  for (const compare of txn.compare) size += splicedSize(plan.set(plan.reserve(), compareSize(compare)));
  for (const op of txn.success) size += splicedSize(planOp(op, plan, depth + 1));
  for (const op of txn.failure) size += splicedSize(planOp(op, plan, depth + 1));
  return size;
}

function planOp(op: RequestOp, plan: SizePlan, depth: number): number {
  const place = plan.reserve();
  if (op.kind === 'none') return plan.set(place, 0);
  const requestPlace = plan.reserve();
  const size = plan.set(requestPlace, planRequest(op, plan, depth));
  return plan.set(place, splicedSize(size));
}

function planRequest(op: Exclude<RequestOp, { kind: 'none' }>, plan: SizePlan, depth: number): number {
  switch (op.kind) {
    case 'range':
      return rangeRequestSize(op.range);
    case 'put':
      return putRequestSize(op.put);
    case 'deleteRange':
      return deleteRangeRequestSize(op.deleteRange);
    case 'txn':
      return planTxn(op.txn, plan, depth + 1);
  }
}

function writeTxn(txn: TxnRequest, plan: SizePlan, target: Uint8Array, start: number): number {
  let offset = start;
  for (const compare of txn.compare) {
    offset = writeHead(compareTag, plan.take(), target, offset);
    offset = writeCompare(compare, target, offset);
  }
  for (const op of txn.success) offset = writeOp(successTag, op, plan, target, offset);
  for (const op of txn.failure) offset = writeOp(failureTag, op, plan, target, offset);
  return offset;
}

function writeOp(tag: number, op: RequestOp, plan: SizePlan, target: Uint8Array, start: number): number {
  const offset = writeHead(tag, plan.take(), target, start);
  switch (op.kind) {
    case 'range':
      return writeRangeRequest(op.range, target, writeHead(opRangeTag, plan.take(), target, offset));
    case 'put':
      return writePutRequest(op.put, target, writeHead(opPutTag, plan.take(), target, offset));
    case 'deleteRange': {
      const body = writeHead(opDeleteRangeTag, plan.take(), target, offset);
      return writeDeleteRangeRequest(op.deleteRange, target, body);
    }
    case 'txn':
      return writeTxn(op.txn, plan, target, writeHead(opTxnTag, plan.take(), target, offset));
    case 'none':
      return offset;
  }
}

function mergeTxn(reader: WireReader, txn: TxnRequest): TxnRequest {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case compareTag: {
        const outerEnd = reader.enter();
        txn.compare.push(readCompare(reader));
        reader.leave(outerEnd);
        break;
      }
      case successTag:
        txn.success.push(readOp(reader));
        break;
      case failureTag:
        txn.failure.push(readOp(reader));
        break;
      default:
        reader.skip(tag, txnLastField);
    }
  }
  return txn;
}

/**
 * One operation. The last request of the union wins; one that follows another of its own kind is merged into
 * it, as protobuf has it for messages.
 */
function readOp(reader: WireReader): RequestOp {
  let op: RequestOp = { kind: 'none' };
  const outerEnd = reader.enter();
  while (reader.hasMore) {
    const tag = reader.tag();
    if (tag !== opRangeTag && tag !== opPutTag && tag !== opDeleteRangeTag && tag !== opTxnTag) {
      reader.skip(tag, opLastField);
      continue;
    }
    const opEnd = reader.enter();
    op = readRequest(reader, tag, op);
    reader.leave(opEnd);
  }
  reader.leave(outerEnd);
  return op;
}

function readRequest(reader: WireReader, tag: number, before: RequestOp): RequestOp {
  switch (tag) {
    case opRangeTag: {
      const range = before.kind === 'range' ? before.range : newRangeRequest();
      return { kind: 'range', range: mergeRangeRequest(reader, range) };
    }
    case opPutTag: {
      const put = before.kind === 'put' ? before.put : newPutRequest();
      return { kind: 'put', put: mergePutRequest(reader, put) };
    }
    case opDeleteRangeTag: {
      const deleteRange = before.kind === 'deleteRange' ? before.deleteRange : newDeleteRangeRequest();
      return { kind: 'deleteRange', deleteRange: mergeDeleteRangeRequest(reader, deleteRange) };
    }
    default: {
      const txn = before.kind === 'txn' ? before.txn : newTxn();
      return { kind: 'txn', txn: mergeTxn(reader, txn) };
    }
  }
}
