import { emptyBytes } from '@quorate/std';
import { WireReader } from './reader.ts';
import type { EventType, KeyValue } from './types.ts';
import {
  allocate,
  bytesFieldSize,
  countFieldSize,
  idFieldSize,
  sealed,
  splicedSize,
  writeBytesField,
  writeCountField,
  writeIdField,
  writeSpliced,
} from './writer.ts';

const keyTag = 0x0a;
const createRevisionTag = 0x10;
const modRevisionTag = 0x18;
const versionTag = 0x20;
const valueTag = 0x2a;
const leaseTag = 0x30;
const lastField = 6;

const eventTypeTag = 0x08;
const eventKvTag = 0x12;
const eventPrevKvTag = 0x1a;

/** The bytes of an mvccpb.KeyValue: made once, at apply, and from then on only spliced. */
export function encodeKeyValue(kv: KeyValue): Uint8Array {
  const target = allocate(keyValueSize(kv));
  return sealed(target, writeKeyValue(kv, target, 0));
}

/** How many bytes `writeKeyValue` writes. */
export function keyValueSize(kv: KeyValue): number {
  return (
    bytesFieldSize(kv.key) +
    countFieldSize(kv.createRevision) +
    countFieldSize(kv.modRevision) +
    countFieldSize(kv.version) +
    bytesFieldSize(kv.value) +
    idFieldSize(kv.lease)
  );
}

/** Writes a KeyValue into `target`, which has room for `keyValueSize` bytes; returns the offset behind it. */
export function writeKeyValue(kv: KeyValue, target: Uint8Array, start: number): number {
  let offset = writeBytesField(keyTag, kv.key, target, start);
  offset = writeCountField(createRevisionTag, kv.createRevision, target, offset);
  offset = writeCountField(modRevisionTag, kv.modRevision, target, offset);
  offset = writeCountField(versionTag, kv.version, target, offset);
  offset = writeBytesField(valueTag, kv.value, target, offset);
  return writeIdField(leaseTag, kv.lease, target, offset);
}

/** Opens an mvccpb.KeyValue; key and value are views. @throws WireError */
export function decodeKeyValue(bytes: Uint8Array, start?: number, endExclusive?: number): KeyValue {
  const reader = new WireReader(bytes, start, endExclusive);
  const kv: KeyValue = {
    key: emptyBytes,
    createRevision: 0,
    modRevision: 0,
    version: 0,
    value: emptyBytes,
    lease: 0n,
  };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case keyTag:
        kv.key = reader.bytesView();
        break;
      case createRevisionTag:
        kv.createRevision = reader.signedCount();
        break;
      case modRevisionTag:
        kv.modRevision = reader.signedCount();
        break;
      case versionTag:
        kv.version = reader.signedCount();
        break;
      case valueTag:
        kv.value = reader.bytesView();
        break;
      case leaseTag:
        kv.lease = reader.signedId();
        break;
      default:
        reader.skip(tag, lastField);
    }
  }
  return kv;
}

/** The bytes of an mvccpb.Event around encoded KeyValues: made once, and spliced for every watcher. */
export function encodeEvent(type: EventType, kv: Uint8Array, prevKv: Uint8Array | undefined): Uint8Array {
  const size =
    countFieldSize(type) + splicedSize(kv.length) + (prevKv === undefined ? 0 : splicedSize(prevKv.length));
  const target = allocate(size);
  let offset = writeCountField(eventTypeTag, type, target, 0);
  offset = writeSpliced(eventKvTag, kv, target, offset);
  if (prevKv !== undefined) offset = writeSpliced(eventPrevKvTag, prevKv, target, offset);
  return sealed(target, offset);
}
