import { emptyBytes } from '@quorate/std';
import type { WireReader } from './reader.ts';
import type { Compare } from './types.ts';
import {
  bytesFieldSize,
  countFieldSize,
  splicedSize,
  writeBytesField,
  writeCount,
  writeCountField,
  writeId,
  writeRaw,
  writeSpliced,
} from './writer.ts';
import { bigVarintSize, varintSize, writeVarint } from './varint.ts';

const resultTag = 0x08;
const targetTag = 0x10;
const keyTag = 0x1a;
const versionTag = 0x20;
const createRevisionTag = 0x28;
const modRevisionTag = 0x30;
const valueTag = 0x3a;
const leaseTag = 0x40;
const lastPlainField = 8;

const rangeEndField = 64;
const rangeEndTag = (rangeEndField << 3) | 2;
const rangeEndTagSize = 2;

/** Which union field a compare of each target reads: version, create, mod, value, lease. */
const unionTags: readonly number[] = [versionTag, createRevisionTag, modRevisionTag, valueTag, leaseTag];

/** How many bytes `writeCompare` writes. */
export function compareSize(compare: Compare): number {
  const { rangeEnd } = compare;
  return (
    countFieldSize(compare.result) +
    countFieldSize(compare.target) +
    bytesFieldSize(compare.key) +
    unionSize(compare, unionTag(compare)) +
    (rangeEnd.length === 0 ? 0 : rangeEndTagSize - 1 + splicedSize(rangeEnd.length))
  );
}

/** Writes an etcdserverpb.Compare; returns the offset behind it. */
export function writeCompare(compare: Compare, target: Uint8Array, start: number): number {
  let offset = writeCountField(resultTag, compare.result, target, start);
  offset = writeCountField(targetTag, compare.target, target, offset);
  offset = writeBytesField(keyTag, compare.key, target, offset);
  offset = writeUnion(compare, unionTag(compare), target, offset);
  const { rangeEnd } = compare;
  if (rangeEnd.length === 0) return offset;
  offset = writeVarint(rangeEndTag, target, offset);
  offset = writeVarint(rangeEnd.length, target, offset);
  return writeRaw(rangeEnd, target, offset);
}

/**
 * The union field to write: the one that holds something, else the one that the target speaks of. Clients send
 * that one even when it is zero (`version = 0` asks whether a key is absent), and so do we. 0 means none.
 */
function unionTag(compare: Compare): number {
  if (compare.version !== 0) return versionTag;
  if (compare.createRevision !== 0) return createRevisionTag;
  if (compare.modRevision !== 0) return modRevisionTag;
  if (compare.value.length !== 0) return valueTag;
  if (compare.lease !== 0n) return leaseTag;
  return unionTags[compare.target] ?? 0;
}

function unionSize(compare: Compare, tag: number): number {
  switch (tag) {
    case versionTag:
      return 1 + varintSize(compare.version);
    case createRevisionTag:
      return 1 + varintSize(compare.createRevision);
    case modRevisionTag:
      return 1 + varintSize(compare.modRevision);
    case valueTag:
      return splicedSize(compare.value.length);
    case leaseTag:
      return 1 + bigVarintSize(compare.lease);
    default:
      return 0;
  }
}

function writeUnion(compare: Compare, tag: number, target: Uint8Array, offset: number): number {
  switch (tag) {
    case versionTag:
      return writeCount(tag, compare.version, target, offset);
    case createRevisionTag:
      return writeCount(tag, compare.createRevision, target, offset);
    case modRevisionTag:
      return writeCount(tag, compare.modRevision, target, offset);
    case valueTag:
      return writeSpliced(tag, compare.value, target, offset);
    case leaseTag:
      return writeId(tag, compare.lease, target, offset);
    default:
      return offset;
  }
}

/** Reads the Compare that was entered. */
export function readCompare(reader: WireReader): Compare {
  const compare: Compare = {
    result: 0,
    target: 0,
    key: emptyBytes,
    rangeEnd: emptyBytes,
    version: 0,
    createRevision: 0,
    modRevision: 0,
    value: emptyBytes,
    lease: 0n,
  };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case resultTag:
        compare.result = reader.enumNumber();
        break;
      case targetTag:
        compare.target = reader.enumNumber();
        break;
      case keyTag:
        compare.key = reader.bytesView();
        break;
      case versionTag:
        clearUnion(compare);
        compare.version = reader.signedCount();
        break;
      case createRevisionTag:
        clearUnion(compare);
        compare.createRevision = reader.signedCount();
        break;
      case modRevisionTag:
        clearUnion(compare);
        compare.modRevision = reader.signedCount();
        break;
      case valueTag:
        clearUnion(compare);
        compare.value = reader.bytesView();
        break;
      case leaseTag:
        clearUnion(compare);
        compare.lease = reader.signedId();
        break;
      case rangeEndTag:
        compare.rangeEnd = reader.bytesView();
        break;
      default:
        reader.skip(tag, lastPlainField, rangeEndField);
    }
  }
  return compare;
}

function clearUnion(compare: Compare): void {
  compare.version = 0;
  compare.createRevision = 0;
  compare.modRevision = 0;
  compare.value = emptyBytes;
  compare.lease = 0n;
}
