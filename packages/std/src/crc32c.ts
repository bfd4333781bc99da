/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of etcd's log, snapshots and hashes, with Go's
 * chaining: `crc32c(b, crc32c(a))` is the checksum of `a` followed by `b`.
 *
 * Slicing-by-16 (after Kounavis and Berry, 2005): sixteen table lookups a step of sixteen bytes, which are read as four
 * words. Only the first word waits for the step before. Twice as fast as by eight and byte by byte; what is short goes that
 * way, since the view costs about as much as 200 bytes.
 */
const reversedPolynomial = 0x82f63b78;
const stepBytes = 16;
/** From so many bytes on the long way is the faster one; see bench. */
const longFrom = 256;

const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as EightTables;
const [t8, t9, t10, t11, t12, t13, t14, t15] = tables.slice(8) as EightTables;
type T = Int32Array;
type EightTables = [T, T, T, T, T, T, T, T];

/** Continues `crc` (0 to start) over `bytes[start, endExclusive)`; the result is an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, crc = 0, start = 0, endExclusive = bytes.length): number {
  if (endExclusive - start < longFrom) return ~overShort(bytes, ~crc, start, endExclusive) >>> 0;
  const rest = start + Math.floor((endExclusive - start) / stepBytes) * stepBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, endExclusive);
  return ~overShort(bytes, overSteps(view, ~crc, start, rest), rest, endExclusive) >>> 0;
}

/** Whole steps. */
function overSteps(view: DataView, crc: number, start: number, endExclusive: number): number {
  let c = crc;
  for (let i = start; i < endExclusive; i += stepBytes) {
    const w0 = c ^ view.getInt32(i, true);
    const w1 = view.getInt32(i + 4, true);
    const w2 = view.getInt32(i + 8, true);
    const w3 = view.getInt32(i + 12, true);
    const first = t15[w0 & 0xff]! ^ t14[(w0 >>> 8) & 0xff]! ^ t13[(w0 >>> 16) & 0xff]! ^ t12[w0 >>> 24]!;
    const second = t11[w1 & 0xff]! ^ t10[(w1 >>> 8) & 0xff]! ^ t9[(w1 >>> 16) & 0xff]! ^ t8[w1 >>> 24]!;
    const third = t7[w2 & 0xff]! ^ t6[(w2 >>> 8) & 0xff]! ^ t5[(w2 >>> 16) & 0xff]! ^ t4[w2 >>> 24]!;
    const fourth = t3[w3 & 0xff]! ^ t2[(w3 >>> 8) & 0xff]! ^ t1[(w3 >>> 16) & 0xff]! ^ t0[w3 >>> 24]!;
    c = first ^ (second ^ third ^ fourth);
  }
  return c;
}

/** Slicing-by-8, and byte by byte at the end. */
function overShort(bytes: Uint8Array, crc: number, start: number, endExclusive: number): number {
  let c = crc;
  let i = start;
  for (const last = endExclusive - 8; i <= last; i += 8) {
    const low = c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    c =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < endExclusive; i++) c = t0[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return c;
}

/** `tables[k][b]` advances the byte `b` through `k + 1` bytes. */
function makeTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ reversedPolynomial : c >>> 1;
    first[byte] = c;
  }
  const all = [first];
  for (let k = 1; k < stepBytes; k++) {
    const previous = all[k - 1]!;
    all.push(previous.map((c) => first[c & 0xff]! ^ (c >>> 8)));
  }
  return all;
}
