import { emptyBytes } from '@quorate/std';
import { WireReader } from './reader.ts';
import type { DeleteRangeRequest, PutRequest, RangeRequest } from './types.ts';
import {
  allocate,
  bytesFieldSize,
  countFieldSize,
  flagFieldSize,
  idFieldSize,
  sealed,
  writeBytesField,
  writeCountField,
  writeFlagField,
  writeIdField,
} from './writer.ts';

/**
 * Range, Put and DeleteRange. The `…Size`, `write…` and `merge…` functions serve the operations of a
 * transaction too; `merge…` reads fields into what is there, as protobuf does with a message that comes twice.
 */

const rangeKeyTag = 0x0a;
const rangeEndTag = 0x12;
const rangeLimitTag = 0x18;
const rangeRevisionTag = 0x20;
const rangeSortOrderTag = 0x28;
const rangeSortTargetTag = 0x30;
const rangeSerializableTag = 0x38;
const rangeKeysOnlyTag = 0x40;
const rangeCountOnlyTag = 0x48;
const rangeMinModRevisionTag = 0x50;
const rangeMaxModRevisionTag = 0x58;
const rangeMinCreateRevisionTag = 0x60;
const rangeMaxCreateRevisionTag = 0x68;
const rangeLastField = 13;

const putKeyTag = 0x0a;
const putValueTag = 0x12;
const putLeaseTag = 0x18;
const putPrevKvTag = 0x20;
const putIgnoreValueTag = 0x28;
const putIgnoreLeaseTag = 0x30;
const putLastField = 6;

const deleteKeyTag = 0x0a;
const deleteRangeEndTag = 0x12;
const deletePrevKvTag = 0x18;
const deleteLastField = 3;

/** The bytes of an etcdserverpb.RangeRequest. */
export function encodeRangeRequest(request: RangeRequest): Uint8Array {
  const target = allocate(rangeRequestSize(request));
  return sealed(target, writeRangeRequest(request, target, 0));
}

/** Opens an etcdserverpb.RangeRequest; its byte fields are views. @throws WireError */
export function decodeRangeRequest(bytes: Uint8Array, start?: number, endExclusive?: number): RangeRequest {
  return mergeRangeRequest(new WireReader(bytes, start, endExclusive), newRangeRequest());
}

/** A RangeRequest with no field set. */
export function newRangeRequest(): RangeRequest {
  return {
    key: emptyBytes,
    rangeEnd: emptyBytes,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

/** How many bytes `writeRangeRequest` writes. */
export function rangeRequestSize(request: RangeRequest): number {
  return (
    bytesFieldSize(request.key) +
    bytesFieldSize(request.rangeEnd) +
    countFieldSize(request.limit) +
    countFieldSize(request.revision) +
    countFieldSize(request.sortOrder) +
    countFieldSize(request.sortTarget) +
    flagFieldSize(request.serializable) +
    flagFieldSize(request.keysOnly) +
    flagFieldSize(request.countOnly) +
    countFieldSize(request.minModRevision) +
    countFieldSize(request.maxModRevision) +
    countFieldSize(request.minCreateRevision) +
    countFieldSize(request.maxCreateRevision)
  );
}

/** Writes a RangeRequest; returns the offset behind it. */
export function writeRangeRequest(request: RangeRequest, target: Uint8Array, start: number): number {
  let offset = writeBytesField(rangeKeyTag, request.key, target, start);
  offset = writeBytesField(rangeEndTag, request.rangeEnd, target, offset);
  offset = writeCountField(rangeLimitTag, request.limit, target, offset);
  offset = writeCountField(rangeRevisionTag, request.revision, target, offset);
  offset = writeCountField(rangeSortOrderTag, request.sortOrder, target, offset);
  offset = writeCountField(rangeSortTargetTag, request.sortTarget, target, offset);
  offset = writeFlagField(rangeSerializableTag, request.serializable, target, offset);
  offset = writeFlagField(rangeKeysOnlyTag, request.keysOnly, target, offset);
  offset = writeFlagField(rangeCountOnlyTag, request.countOnly, target, offset);
  offset = writeCountField(rangeMinModRevisionTag, request.minModRevision, target, offset);
  offset = writeCountField(rangeMaxModRevisionTag, request.maxModRevision, target, offset);
  offset = writeCountField(rangeMinCreateRevisionTag, request.minCreateRevision, target, offset);
  return writeCountField(rangeMaxCreateRevisionTag, request.maxCreateRevision, target, offset);
}

/** Reads the RangeRequest that was entered into `request`. */
export function mergeRangeRequest(reader: WireReader, request: RangeRequest): RangeRequest {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case rangeKeyTag:
        request.key = reader.bytesView();
        break;
      case rangeEndTag:
        request.rangeEnd = reader.bytesView();
        break;
      case rangeLimitTag:
        request.limit = reader.signedCount();
        break;
      case rangeRevisionTag:
        request.revision = reader.signedCount();
        break;
      case rangeSortOrderTag:
        request.sortOrder = reader.enumNumber();
        break;
      case rangeSortTargetTag:
        request.sortTarget = reader.enumNumber();
        break;
      case rangeSerializableTag:
        request.serializable = reader.flag();
        break;
      case rangeKeysOnlyTag:
        request.keysOnly = reader.flag();
        break;
      case rangeCountOnlyTag:
        request.countOnly = reader.flag();
        break;
      case rangeMinModRevisionTag:
        request.minModRevision = reader.signedCount();
        break;
      case rangeMaxModRevisionTag:
        request.maxModRevision = reader.signedCount();
        break;
      case rangeMinCreateRevisionTag:
        request.minCreateRevision = reader.signedCount();
        break;
      case rangeMaxCreateRevisionTag:
        request.maxCreateRevision = reader.signedCount();
        break;
      default:
        reader.skip(tag, rangeLastField);
    }
  }
  return request;
}

/** The bytes of an etcdserverpb.PutRequest. */
export function encodePutRequest(request: PutRequest): Uint8Array {
  const target = allocate(putRequestSize(request));
  return sealed(target, writePutRequest(request, target, 0));
}

/** Opens an etcdserverpb.PutRequest; its byte fields are views. @throws WireError */
export function decodePutRequest(bytes: Uint8Array, start?: number, endExclusive?: number): PutRequest {
  return mergePutRequest(new WireReader(bytes, start, endExclusive), newPutRequest());
}

/** A PutRequest with no field set. */
export function newPutRequest(): PutRequest {
  return {
    key: emptyBytes,
    value: emptyBytes,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

/** How many bytes `writePutRequest` writes. */
export function putRequestSize(request: PutRequest): number {
  return (
    bytesFieldSize(request.key) +
    bytesFieldSize(request.value) +
    idFieldSize(request.lease) +
    flagFieldSize(request.prevKv) +
    flagFieldSize(request.ignoreValue) +
    flagFieldSize(request.ignoreLease)
  );
}

/** Writes a PutRequest; returns the offset behind it. */
export function writePutRequest(request: PutRequest, target: Uint8Array, start: number): number {
  let offset = writeBytesField(putKeyTag, request.key, target, start);
  offset = writeBytesField(putValueTag, request.value, target, offset);
  offset = writeIdField(putLeaseTag, request.lease, target, offset);
  offset = writeFlagField(putPrevKvTag, request.prevKv, target, offset);
  offset = writeFlagField(putIgnoreValueTag, request.ignoreValue, target, offset);
  return writeFlagField(putIgnoreLeaseTag, request.ignoreLease, target, offset);
}

/** Reads the PutRequest that was entered into `request`. */
export function mergePutRequest(reader: WireReader, request: PutRequest): PutRequest {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case putKeyTag:
        request.key = reader.bytesView();
        break;
      case putValueTag:
        request.value = reader.bytesView();
        break;
      case putLeaseTag:
        request.lease = reader.signedId();
        break;
      case putPrevKvTag:
        request.prevKv = reader.flag();
        break;
      case putIgnoreValueTag:
        request.ignoreValue = reader.flag();
        break;
      case putIgnoreLeaseTag:
        request.ignoreLease = reader.flag();
        break;
      default:
        reader.skip(tag, putLastField);
    }
  }
  return request;
}

/** The bytes of an etcdserverpb.DeleteRangeRequest. */
export function encodeDeleteRangeRequest(request: DeleteRangeRequest): Uint8Array {
  const target = allocate(deleteRangeRequestSize(request));
  return sealed(target, writeDeleteRangeRequest(request, target, 0));
}

/** Opens an etcdserverpb.DeleteRangeRequest; its byte fields are views. @throws WireError */
export function decodeDeleteRangeRequest(
  bytes: Uint8Array,
  start?: number,
  endExclusive?: number,
): DeleteRangeRequest {
  return mergeDeleteRangeRequest(new WireReader(bytes, start, endExclusive), newDeleteRangeRequest());
}

/** A DeleteRangeRequest with no field set. */
export function newDeleteRangeRequest(): DeleteRangeRequest {
  return { key: emptyBytes, rangeEnd: emptyBytes, prevKv: false };
}

/** How many bytes `writeDeleteRangeRequest` writes. */
export function deleteRangeRequestSize(request: DeleteRangeRequest): number {
  return bytesFieldSize(request.key) + bytesFieldSize(request.rangeEnd) + flagFieldSize(request.prevKv);
}

/** Writes a DeleteRangeRequest; returns the offset behind it. */
export function writeDeleteRangeRequest(
  request: DeleteRangeRequest,
  target: Uint8Array,
  start: number,
): number {
  let offset = writeBytesField(deleteKeyTag, request.key, target, start);
  offset = writeBytesField(deleteRangeEndTag, request.rangeEnd, target, offset);
  return writeFlagField(deletePrevKvTag, request.prevKv, target, offset);
}

/** Reads the DeleteRangeRequest that was entered into `request`. */
export function mergeDeleteRangeRequest(reader: WireReader, request: DeleteRangeRequest): DeleteRangeRequest {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case deleteKeyTag:
        request.key = reader.bytesView();
        break;
      case deleteRangeEndTag:
        request.rangeEnd = reader.bytesView();
        break;
      case deletePrevKvTag:
        request.prevKv = reader.flag();
        break;
      default:
        reader.skip(tag, deleteLastField);
    }
  }
  return request;
}
