import { confStateSize, mergeConfState, newConfState, writeConfState } from './raft-state.ts';
import { WireReader } from './reader.ts';
import type { WalRecord, WalSnapshot } from './types.ts';
import { varintSize } from './varint.ts';
import { allocate, sealed, splicedSize, writeCount, writeHead, writeSpliced } from './writer.ts';

const typeTag = 0x08;
const crcTag = 0x10;
const dataTag = 0x1a;
const recordLastField = 3;

const snapshotIndexTag = 0x08;
const snapshotTermTag = 0x10;
const snapshotConfStateTag = 0x1a;
const snapshotLastField = 3;

/**
 * Bytes of a walpb.Record with `dataSize` bytes of data, `undefined` meaning no data field at all. Type and crc
 * are always written.
 */
export function walRecordSize(type: number, crc: number, dataSize: number | undefined): number {
  const head = 2 + varintSize(type) + varintSize(crc);
  return dataSize === undefined ? head : head + splicedSize(dataSize);
}

/**
 * Writes a walpb.Record up to its data, whose `dataSize` bytes the caller writes at the returned offset: so an
 * entry goes into the buffer of the log without a copy between.
 */
export function writeWalRecordHead(
  record: { readonly type: number; readonly crc: number; readonly dataSize: number | undefined },
  target: Uint8Array,
  offset: number,
): number {
  let at = writeCount(typeTag, record.type, target, offset);
  at = writeCount(crcTag, record.crc, target, at);
  return record.dataSize === undefined ? at : writeHead(dataTag, record.dataSize, target, at);
}

/** The bytes of a walpb.Record. */
export function encodeWalRecord(record: WalRecord): Uint8Array {
  const { type, crc, data } = record;
  const target = allocate(walRecordSize(type, crc, data?.length));
  let offset = writeCount(typeTag, type, target, 0);
  offset = writeCount(crcTag, crc, target, offset);
  if (data !== undefined) offset = writeSpliced(dataTag, data, target, offset);
  return sealed(target, offset);
}

/** Opens a walpb.Record; its data is a view. @throws WireError */
export function decodeWalRecord(bytes: Uint8Array, start?: number, endExclusive?: number): WalRecord {
  const reader = new WireReader(bytes, start, endExclusive);
  const record: WalRecord = { type: 0, crc: 0, data: undefined };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case typeTag:
        record.type = reader.signedCount();
        break;
      case crcTag:
        // A uint32: the low half counts.
        record.crc = reader.enumNumber() >>> 0;
        break;
      case dataTag:
        record.data = reader.bytesView();
        break;
      default:
        reader.skip(tag, recordLastField);
    }
  }
  return record;
}

/** The bytes of a walpb.Snapshot. Index and term are always written. */
export function encodeWalSnapshot(snapshot: WalSnapshot): Uint8Array {
  const { index, term, confState } = snapshot;
  const confSize = confState === undefined ? 0 : confStateSize(confState);
  const size =
    2 + varintSize(index) + varintSize(term) + (confState === undefined ? 0 : splicedSize(confSize));
  const target = allocate(size);
  let offset = writeCount(snapshotIndexTag, index, target, 0);
  offset = writeCount(snapshotTermTag, term, target, offset);
  if (confState !== undefined) {
    offset = writeHead(snapshotConfStateTag, confSize, target, offset);
    offset = writeConfState(confState, target, offset);
  }
  return sealed(target, offset);
}

/** Opens a walpb.Snapshot. @throws WireError */
export function decodeWalSnapshot(bytes: Uint8Array, start?: number, endExclusive?: number): WalSnapshot {
  const reader = new WireReader(bytes, start, endExclusive);
  const snapshot: WalSnapshot = { index: 0, term: 0, confState: undefined };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case snapshotIndexTag:
        snapshot.index = reader.count();
        break;
      case snapshotTermTag:
        snapshot.term = reader.count();
        break;
      case snapshotConfStateTag: {
        const outerEnd = reader.enter();
        snapshot.confState = mergeConfState(reader, snapshot.confState ?? newConfState());
        reader.leave(outerEnd);
        break;
      }
      default:
        reader.skip(tag, snapshotLastField);
    }
  }
  return snapshot;
}
