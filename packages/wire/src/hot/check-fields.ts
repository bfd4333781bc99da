import { WireReader } from './reader.ts';

/**
 * Checks that bytes are a sequence of whole fields, whatever they mean. The generated decoders stop, without a word,
 * at a field number of 0 or at the end of a group that never began, and pass over unknown fields that are cut.
 *
 * @throws WireError
 */
export function checkFields(bytes: Uint8Array): void {
  const reader = new WireReader(bytes, 0, bytes.length);
  while (reader.hasMore) reader.skip(reader.tag(), 0);
}
