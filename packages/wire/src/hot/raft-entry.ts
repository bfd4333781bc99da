import { emptyBytes } from '@quorate/std';
import { varintSize } from './varint.ts';
import { WireReader } from './reader.ts';
import type { Entry, EntryType } from './types.ts';
import { allocate, bytesFieldSize, sealed, writeBytesField, writeCount } from './writer.ts';
import { WireError } from './wire-error.ts';

const typeTag = 0x08;
const termTag = 0x10;
const indexTag = 0x18;
const dataTag = 0x22;
const lastField = 4;

/** The bytes of a raftpb.Entry. Type, term and index are always written; data unless it is empty. */
export function encodeEntry(entry: Entry): Uint8Array {
  const target = allocate(entrySize(entry));
  return sealed(target, writeEntry(entry, target, 0));
}

/** How many bytes `writeEntry` writes. */
export function entrySize(entry: Entry): number {
  // The type is at most 2, so it and the three tags take a byte each.
  return 4 + varintSize(entry.term) + varintSize(entry.index) + bytesFieldSize(entry.data);
}

/** Writes an entry into `target`, which has room for `entrySize` bytes; returns the offset behind it. */
export function writeEntry(entry: Entry, target: Uint8Array, offset: number): number {
  let at = writeCount(typeTag, entry.type, target, offset);
  at = writeCount(termTag, entry.term, target, at);
  at = writeCount(indexTag, entry.index, target, at);
  return writeBytesField(dataTag, entry.data, target, at);
}

/** Opens a raftpb.Entry; its data is a view. @throws WireError, also for an entry type that raft does not have */
export function decodeEntry(bytes: Uint8Array, start?: number, endExclusive?: number): Entry {
  return readEntry(new WireReader(bytes, start, endExclusive));
}

/** Reads the Entry that was entered; its data is a view. */
export function readEntry(reader: WireReader): Entry {
  const entry: Entry = { term: 0, index: 0, type: 0, data: emptyBytes };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case typeTag:
        entry.type = readEntryType(reader);
        break;
      case termTag:
        entry.term = reader.count();
        break;
      case indexTag:
        entry.index = reader.count();
        break;
      case dataTag:
        entry.data = reader.bytesView();
        break;
      default:
        reader.skip(tag, lastField);
    }
  }
  return entry;
}

function readEntryType(reader: WireReader): EntryType {
  const at = reader.position;
  const type = reader.enumNumber();
  if (type === 0 || type === 1 || type === 2) return type;
  throw new WireError(at, `entry type ${type} is none of raft's`);
}
