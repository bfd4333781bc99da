import { WireReader } from './reader.ts';
import { headerFieldSize, writeHeaderField } from './response-header.ts';
import type { LeaseKeepAliveResponseParts } from './types.ts';
import { allocate, countFieldSize, idFieldSize, sealed, writeCountField, writeIdField } from './writer.ts';

/** In the request. */
const requestIdTag = 0x08;
const lastRequestField = 1;

/** In the response, behind the header. */
const idTag = 0x10;
const ttlTag = 0x18;

/** The lease that an etcdserverpb.LeaseKeepAliveRequest is about. @throws WireError */
export function decodeLeaseKeepAliveId(bytes: Uint8Array): bigint {
  const reader = new WireReader(bytes, 0, bytes.length);
  let id = 0n;
  while (reader.hasMore) {
    const tag = reader.tag();
    if (tag === requestIdTag) id = reader.signedId();
    else reader.skip(tag, lastRequestField);
  }
  return id;
}

/** The bytes of an etcdserverpb.LeaseKeepAliveResponse. */
export function encodeLeaseKeepAliveResponse(parts: LeaseKeepAliveResponseParts): Uint8Array {
  const { header, id, ttlSeconds } = parts;
  const target = allocate(headerFieldSize(header) + idFieldSize(id) + countFieldSize(ttlSeconds));
  let offset = writeHeaderField(header, target, 0);
  offset = writeIdField(idTag, id, target, offset);
  offset = writeCountField(ttlTag, ttlSeconds, target, offset);
  return sealed(target, offset);
}
