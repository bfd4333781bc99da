import { fromUtf8, emptyBytes } from '@quorate/std';
import { headerFieldSize, writeHeaderField } from './response-header.ts';
import type { ResponseHeader, WatchResponseParts } from './types.ts';
import {
  allocate,
  bytesFieldSize,
  countFieldSize,
  flagFieldSize,
  idFieldSize,
  sealed,
  splicedListSize,
  writeBytesField,
  writeCountField,
  writeFlagField,
  writeIdField,
  writeSplicedList,
} from './writer.ts';

const watchIdTag = 0x10;
const createdTag = 0x18;
const canceledTag = 0x20;
const compactRevisionTag = 0x28;
const cancelReasonTag = 0x32;
const fragmentTag = 0x38;
const eventsTag = 0x5a;

/** The bytes of an etcdserverpb.WatchResponse; each encoded Event is copied once, and never opened. */
export function encodeWatchResponse(parts: WatchResponseParts): Uint8Array {
  const target = allocate(watchResponseSize(parts));
  return sealed(target, writeWatchResponse(parts, target, 0));
}

/** How many bytes `writeWatchResponse` writes. */
export function watchResponseSize(parts: WatchResponseParts): number {
  return (
    headerFieldSize(parts.header) +
    idFieldSize(parts.watchId) +
    flagFieldSize(parts.created) +
    flagFieldSize(parts.canceled) +
    countFieldSize(parts.compactRevision) +
    bytesFieldSize(reasonOf(parts)) +
    flagFieldSize(parts.fragment) +
    splicedListSize(parts.events)
  );
}

/** Writes the bytes of an etcdserverpb.WatchResponse; returns the offset behind them. */
export function writeWatchResponse(parts: WatchResponseParts, target: Uint8Array, start: number): number {
  let offset = writeHeaderField(parts.header, target, start);
  offset = writeIdField(watchIdTag, parts.watchId, target, offset);
  offset = writeFlagField(createdTag, parts.created, target, offset);
  offset = writeFlagField(canceledTag, parts.canceled, target, offset);
  offset = writeCountField(compactRevisionTag, parts.compactRevision, target, offset);
  offset = writeBytesField(cancelReasonTag, reasonOf(parts), target, offset);
  offset = writeFlagField(fragmentTag, parts.fragment, target, offset);
  return writeSplicedList(eventsTag, parts.events, target, offset);
}

/** Where the ID stands in any response with this header. */
export function watchIdOffset(header: ResponseHeader): number {
  return headerFieldSize(header);
}

/** How many bytes `writeWatchId` writes. */
export function watchIdSize(watchId: bigint): number {
  return idFieldSize(watchId);
}

/** Writes an ID, over another one of its size, too. */
export function writeWatchId(watchId: bigint, target: Uint8Array, offset: number): void {
  writeIdField(watchIdTag, watchId, target, offset);
}

function reasonOf({ cancelReason }: WatchResponseParts): Uint8Array {
  return cancelReason === '' ? emptyBytes : fromUtf8(cancelReason);
}
