import { emptyBytes, invariant } from '@quorate/std';

/**
 * Single fields of an encoded mvccpb.KeyValue, read where they stand, for sorts, filters and compares:
 *
 *   0a key   10 create_revision   18 mod_revision   20 version   2a value   30 lease
 *
 * Absent fields are zero or empty. The bytes come from our own store, so broken ones are an invariant failure.
 */
const createRevisionTag = 0x10;
const modRevisionTag = 0x18;
const versionTag = 0x20;
const valueTag = 0x2a;
const leaseTag = 0x30;

const varintType = 0;
const bytesType = 2;

/** The revision that created the key. */
export function createRevisionOf(kv: Uint8Array): number {
  return numberOf(kv, createRevisionTag);
}

/** The revision of the last put. */
export function modRevisionOf(kv: Uint8Array): number {
  return numberOf(kv, modRevisionTag);
}

/** How many puts the key has seen in this life. */
export function versionOf(kv: Uint8Array): number {
  return numberOf(kv, versionTag);
}

/** A view of the value. */
export function valueOf(kv: Uint8Array): Uint8Array {
  const at = fieldOffset(kv, valueTag);
  if (at < 0) return emptyBytes;
  const end = fieldEnd(kv, at, bytesType);
  return kv.subarray(end - readVarint(kv, at), end);
}

/** The lease, 0 when the key hangs on none. */
export function leaseOf(kv: Uint8Array): bigint {
  const at = fieldOffset(kv, leaseTag);
  if (at < 0) return 0n;
  let value = 0n;
  let shift = 0n;
  for (let i = at; ; i++) {
    const byte = byteAt(kv, i);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, value);
    shift += 7n;
  }
}

/** The same KeyValue with an empty value. A view, unless the key hangs on a lease. */
export function withoutValue(kv: Uint8Array): Uint8Array {
  const at = fieldOffset(kv, valueTag);
  if (at < 0) return kv;
  const head = at - 1;
  const end = fieldEnd(kv, at, bytesType);
  if (end === kv.length) return kv.subarray(0, head);
  const short = new Uint8Array(head + kv.length - end);
  short.set(kv.subarray(0, head));
  short.set(kv.subarray(end), head);
  return short;
}

function numberOf(kv: Uint8Array, tag: number): number {
  const at = fieldOffset(kv, tag);
  return at < 0 ? 0 : readVarint(kv, at);
}

/** Where the content of a field begins, behind its tag; -1 when the field is absent. */
function fieldOffset(kv: Uint8Array, tag: number): number {
  let at = 0;
  while (at < kv.length) {
    const found = byteAt(kv, at++);
    if (found === tag) return at;
    at = fieldEnd(kv, at, found & 7);
  }
  return -1;
}

function fieldEnd(kv: Uint8Array, at: number, wireType: number): number {
  let end = at;
  while (byteAt(kv, end) >= 0x80) end++;
  end++;
  if (wireType === varintType) return end;
  invariant(wireType === bytesType, 'a stored KeyValue has only integers and byte strings');
  end += readVarint(kv, at);
  invariant(end <= kv.length, 'a stored KeyValue is whole');
  return end;
}

/** An unsigned varint below 2^53, which revisions, versions and sizes are. */
function readVarint(kv: Uint8Array, at: number): number {
  const first = byteAt(kv, at);
  if (first < 0x80) return first;
  let value = first & 0x7f;
  let scale = 0x80;
  for (let i = at + 1; ; i++) {
    const byte = byteAt(kv, i);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
}

function byteAt(kv: Uint8Array, at: number): number {
  const byte = kv[at];
  invariant(byte !== undefined, 'a stored KeyValue is whole');
  return byte;
}
