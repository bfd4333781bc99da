import { fromHex, SeededRandom } from '@quorate/std';

/** Bytes that are no protobuf message of any type, each broken in another way. */
export const malformedMessages: Readonly<Record<string, Uint8Array>> = {
  'a tag without a value': fromHex('08'),
  'a varint without an end': fromHex('08ffffffffffffffffffff01'),
  'a length without bytes': fromHex('0a05 61'),
  'a length of almost 2^64': fromHex('0a ffffffffffffffffff01'),
  'a length of 2^31': fromHex('0a 8080808008'),
  'a length of 2^32 - 1': fromHex('0a ffffffff0f'),
  'a cut varint': fromHex('ff'),
  'field number 0': fromHex('00'),
  'wire type 6': fromHex('0e'),
  'wire type 7': fromHex('0f'),
  'a group that ends without beginning': fromHex('0c'),
  'a group that begins without ending': fromHex('0b'),
  'a thousand groups that never end': new Uint8Array(1000).fill(0x0b),
  'a fixed64 that is cut': fromHex('f9ff03 01'),
};

/** Messages of random bytes: some happen to be proper ones. The same seed makes the same ones. */
export function randomMessages(seed: number, count: number): Uint8Array[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () =>
    Uint8Array.from({ length: random.below(40) }, () => random.below(256)),
  );
}

/** A transaction that holds itself in its `success`, that many levels deep. Made from the inside out. */
export function nestedTxn(levels: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  let size = 0;
  // TxnRequest{success: [RequestOp{request_txn: ...}]}: fields 2 and 4, both with a length.
  for (let i = 0; i < levels; i++) {
    for (const tag of [0x22, 0x12]) {
      const head = Uint8Array.from([tag, ...varint(size)]);
      pieces.push(head);
      size += head.length;
    }
  }
  return Buffer.concat(pieces.reverse());
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return [...bytes, left];
}
