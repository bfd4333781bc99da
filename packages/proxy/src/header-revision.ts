import { decodeResponseHeader } from '@quorate/wire';

/** Field 1 of every response, which is a message. */
const headerTag = 0x0a;

/**
 * The revision in the header of a response, of which nothing else is decoded; 0 when there is no header where members
 * write it, at the front.
 */
export function headerRevision(response: Uint8Array): bigint {
  if (response[0] !== headerTag) return 0n;
  // A header is shorter than 128 bytes, so its length is one byte: four varints, of which none has more than ten.
  const length = response[1] ?? 0;
  if (length >= 0x80) return 0n;
  return BigInt(decodeResponseHeader(response.subarray(2, 2 + length)).revision);
}
