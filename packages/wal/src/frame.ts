/**
 * How a record lies in a segment.
 *
 * ```
 * byte      0                    8                                    8 + n        8 + n + p
 *           +--------------------+-------------------------------------+------------+
 *           | length field       | walpb.Record, n bytes               | p zeros    |
 *           +--------------------+-------------------------------------+------------+
 * length field: 64 bits, little-endian
 *           bits 0..55   n
 *           bits 56..63  0 when p is 0, else 0x80 | p; p brings the frame to a multiple of eight
 * walpb.Record:
 *           08 type   10 crc (varint of 32 bits)   [1a size data]
 * ```
 *
 * A length field of zero, or the end of the file, ends the segment. `crc` is CRC-32C over the `data` of all
 * records of the log up to and including this one; type, length field and padding are not covered by it.
 */

/** What a record is; its `data` is an Entry, a HardState, nothing, or a walpb.Snapshot. */
export const recordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

/** Bytes of the length field. */
export const lengthFieldSize = 8;

/** The unit a disk writes as a whole: a crash leaves each sector old or new (etcd assumes the same). */
export const sectorSize = 512;

/** Most bytes of a Record before its data: type, crc, tag and size of the data. */
export const recordHeadSizeMax = 2 + 6 + 1 + 8;

/** Zeros after a record of `recordSize` bytes. */
export function paddingOf(recordSize: number): number {
  return -recordSize & 7;
}

/** Writes the length field of a record of `recordSize` bytes. */
export function writeLengthField(recordSize: number, target: Uint8Array, offset: number): void {
  const padding = paddingOf(recordSize);
  let rest = recordSize;
  for (let i = 0; i < 7; i++) {
    target[offset + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  target[offset + 7] = padding === 0 ? 0 : 0x80 | padding;
}

/**
 * The size of the record behind a length field: 0 ends the segment, -1 is no length that anybody writes. A size
 * may be far beyond the file.
 */
export function readLengthField(bytes: Uint8Array, offset: number): number {
  let size = 0;
  for (let i = 6; i >= 0; i--) size = size * 256 + bytes[offset + i]!;
  const top = bytes[offset + 7]!;
  const padding = paddingOf(size);
  if (top !== (padding === 0 ? 0 : 0x80 | padding)) return -1;
  return size;
}

/** The fields of a Record before its data. */
export interface RecordHead {
  readonly type: number;
  readonly crc: number;
  readonly dataStart: number;
  readonly dataSize: number;
}

/**
 * The head of the Record that starts at `start`, or undefined when these bytes are none. Fields must stand in
 * order and alone, as every etcd writes them: type and crc lie outside the checksum, so we are strict here.
 */
export function readRecordHead(
  bytes: Uint8Array,
  start: number,
  endExclusive: number,
): RecordHead | undefined {
  let at = start;
  let type = 0;
  let crc = 0;
  if (at < endExclusive && bytes[at] === 0x08) {
    type = at + 1 < endExclusive ? bytes[at + 1]! : 0x80;
    if (type >= 0x80) return undefined;
    at += 2;
  }
  if (at < endExclusive && bytes[at] === 0x10) {
    at++;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80; shift += 7) {
      if (at >= endExclusive || shift > 28) return undefined;
      byte = bytes[at++]!;
      crc |= (byte & 0x7f) << shift;
      if (shift === 28 && byte > 0x0f) return undefined;
    }
  }
  if (at >= endExclusive) return { type, crc: crc >>> 0, dataStart: at, dataSize: 0 };
  if (bytes[at] !== 0x1a) return undefined;
  at++;
  let dataSize = 0;
  let byte = 0x80;
  for (let scale = 1; byte >= 0x80; scale *= 128) {
    if (at >= endExclusive || scale > 2 ** 49) return undefined;
    byte = bytes[at++]!;
    dataSize += (byte & 0x7f) * scale;
  }
  return { type, crc: crc >>> 0, dataStart: at, dataSize };
}
