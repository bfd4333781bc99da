/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of etcd's log, snapshots and hashes, with Go's
 * chaining: `crc32c(b, crc32c(a))` is the checksum of `a` followed by `b`.
 *
 * Slicing-by-8 (Kounavis and Berry, 2005): eight table lookups a step of eight bytes.
 */
const reversedPolynomial = 0x82f63b78;
const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [T, T, T, T, T, T, T, T];
type T = Int32Array;

/** Continues `crc` (0 to start) over `bytes[start, endExclusive)`; the result is an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, crc = 0, start = 0, endExclusive = bytes.length): number {
  let c = ~crc;
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
  return ~c >>> 0;
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
  for (let k = 1; k < 8; k++) {
    const previous = all[k - 1]!;
    all.push(previous.map((c) => first[c & 0xff]! ^ (c >>> 8)));
  }
  return all;
}
