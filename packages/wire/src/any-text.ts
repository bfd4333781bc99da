import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { fromAnyUtf8, toAnyUtf8 } from '@quorate/std';

/**
 * Bytes for a generated `decode` that is to keep text which is no UTF-8 apart: see `toAnyUtf8`. Members of etcd let
 * such names in, and what is decided by a name must not mix two of them up.
 */
export function anyTextReader(bytes: Uint8Array): BinaryReader {
  return new BinaryReader(bytes, toAnyUtf8);
}

/** A writer for a generated `encode`, which writes such text back as it was. */
export function anyTextWriter(): BinaryWriter {
  return new BinaryWriter(fromAnyUtf8);
}
