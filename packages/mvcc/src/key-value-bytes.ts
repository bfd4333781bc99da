import { toLatin1 } from '@quorate/std';
import type { Key } from './types.ts';
import { VarintReader, varintSize, writeVarint } from './varint.ts';

/**
 * mvccpb.KeyValue, written once and from then on passed around as bytes. Two shapes exist:
 *
 *      put        0a key  10 create  18 mod  20 version  2a value (unless empty)  30 lease (unless 0)
 *      tombstone  0a key  18 mod
 *
 * etcd's own backend keeps of a tombstone only the key field; that is the start of ours (`storedSize`).
 */
const keyTag = 0x0a;
const createTag = 0x10;
const modTag = 0x18;
const versionTag = 0x20;
const valueTag = 0x2a;
const leaseTag = 0x30;

/** Up to this many bytes a loop copies faster than the native `set`. */
const loopCopyMax = 24;

/** The unsigned halves of a lease ID: one bigint taken apart, and put together, without making others. */
const leaseScratch = new BigUint64Array(1);
const leaseHalves = new Uint32Array(leaseScratch.buffer);
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const lowHalf = littleEndian ? 0 : 1;
const highHalf = 1 - lowHalf;

/** The counters of a put. */
export interface PutCounts {
  createRevision: number;
  modRevision: number;
  version: number;
}

/** How many bytes `writePut` takes. */
export function putSize(key: Uint8Array, value: Uint8Array, counts: PutCounts, lease: bigint): number {
  let size = 4 + varintSize(key.length) + key.length;
  size += varintSize(counts.createRevision) + varintSize(counts.modRevision) + varintSize(counts.version);
  if (value.length !== 0) size += 1 + varintSize(value.length) + value.length;
  return lease === 0n ? size : size + 1 + leaseSize(lease);
}

/** Writes the KeyValue of a put at `offset`; returns the offset behind it. */
export function writePut(
  key: Uint8Array,
  value: Uint8Array,
  counts: PutCounts,
  lease: bigint,
  target: Uint8Array,
  offset: number,
): number {
  let at = writeBytes(keyTag, key, target, offset);
  target[at++] = createTag;
  at = writeVarint(counts.createRevision, target, at);
  target[at++] = modTag;
  at = writeVarint(counts.modRevision, target, at);
  target[at++] = versionTag;
  at = writeVarint(counts.version, target, at);
  if (value.length !== 0) at = writeBytes(valueTag, value, target, at);
  return lease === 0n ? at : writeLease(lease, target, at);
}

/** How many bytes `writeTombstone` takes. */
export function tombstoneSize(keySize: number, modRevision: number): number {
  return 2 + varintSize(keySize) + keySize + varintSize(modRevision);
}

/** Writes the KeyValue of a deletion at `offset`; returns the offset behind it. */
export function writeTombstone(key: Key, modRevision: number, target: Uint8Array, offset: number): number {
  target[offset] = keyTag;
  let at = writeVarint(key.length, target, offset + 1);
  for (let i = 0; i < key.length; i++) target[at++] = key.charCodeAt(i);
  target[at++] = modTag;
  return writeVarint(modRevision, target, at);
}

/** Of the bytes of a KeyValue, how many etcd's backend would hold: all of a put, the key field of a tombstone. */
export function storedSize(size: number, tombstone: boolean, modRevision: number): number {
  return tombstone ? size - 1 - varintSize(modRevision) : size;
}

/** What the store itself reads of a KeyValue; made once and refilled, so that a put allocates none. */
export class KeyValueFields implements PutCounts {
  keyStart = 0;
  keyEnd = 0;
  createRevision = 0;
  modRevision = 0;
  version = 0;
  leaseLow = 0;
  leaseHigh = 0;
  readonly #reader = new VarintReader(new Uint8Array(0));

  /** Reads the KeyValue in `bytes[start, endExclusive)`. @throws RangeError when it is none. */
  read(bytes: Uint8Array, start: number, endExclusive: number): void {
    this.createRevision = this.modRevision = this.version = this.leaseLow = this.leaseHigh = 0;
    this.keyStart = this.keyEnd = start;
    const reader = this.#reader;
    reader.bytes = bytes;
    reader.offset = start;
    while (reader.offset < endExclusive) this.#readField(bytes, reader);
    if (reader.offset !== endExclusive) throw new RangeError('a field of a KeyValue is cut off');
  }

  #readField(bytes: Uint8Array, reader: VarintReader): void {
    const tag = bytes[reader.offset++];
    switch (tag) {
      case keyTag: {
        const size = reader.next();
        this.keyStart = reader.offset;
        this.keyEnd = reader.offset += size;
        return;
      }
      case createTag:
        this.createRevision = reader.next();
        return;
      case modTag:
        this.modRevision = reader.next();
        return;
      case versionTag:
        this.version = reader.next();
        return;
      case valueTag: {
        const size = reader.next();
        reader.offset += size;
        return;
      }
      case leaseTag:
        this.#readLease(bytes, reader);
        return;
      default:
        throw new RangeError('a KeyValue has an unknown field');
    }
  }

  #readLease(bytes: Uint8Array, reader: VarintReader): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[reader.offset++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) break;
    }
    this.leaseLow = low >>> 0;
    this.leaseHigh = high >>> 0;
  }

  /** Whether the last KeyValue read hangs on a lease. */
  get hasLease(): boolean {
    return this.leaseLow !== 0 || this.leaseHigh !== 0;
  }

  /** The lease of the last KeyValue read, signed as etcd's API has it. */
  lease(): bigint {
    leaseHalves[lowHalf] = this.leaseLow;
    leaseHalves[highHalf] = this.leaseHigh;
    return BigInt.asIntN(64, leaseScratch[0]!); // The scratch has this one element.
  }
}

/**
 * Whether a revision of this size is none of a key, but only says how far revisions are: the one that a restore with
 * `--bump-revision` puts behind all others. To etcd it is the empty key, which no request can name; hashes count it.
 */
export function isRevisionMark(size: number): boolean {
  return size === 0;
}

/** Whether these are the bytes of a KeyValue with a key, which then comes first. */
export function startsWithKey(bytes: Uint8Array): boolean {
  return bytes[0] === keyTag;
}

/** The key of the KeyValue that starts at `start`. */
export function keyOf(bytes: Uint8Array, start: number): Key {
  if (bytes[start] !== keyTag) throw new RangeError('a KeyValue starts with its key');
  const first = bytes[start + 1] ?? 0;
  if (first < 0x80) return toLatin1(bytes, start + 2, start + 2 + first);
  const reader = new VarintReader(bytes, start + 1);
  const size = reader.next();
  return toLatin1(bytes, reader.offset, reader.offset + size);
}

function writeBytes(tag: number, source: Uint8Array, target: Uint8Array, offset: number): number {
  target[offset] = tag;
  const at = writeVarint(source.length, target, offset + 1);
  if (source.length > loopCopyMax) target.set(source, at);
  else for (let i = 0; i < source.length; i++) target[at + i] = source[i]!; // Within `source`.
  return at + source.length;
}

function leaseSize(lease: bigint): number {
  leaseScratch[0] = lease;
  let size = 1;
  for (let rest = leaseScratch[0]; rest >= 0x80n; rest >>= 7n) size++;
  return size;
}

function writeLease(lease: bigint, target: Uint8Array, offset: number): number {
  let at = offset;
  target[at++] = leaseTag;
  let rest = BigInt.asUintN(64, lease);
  for (; rest >= 0x80n; rest >>= 7n) target[at++] = Number(rest & 0x7fn) | 0x80;
  target[at++] = Number(rest);
  return at;
}
