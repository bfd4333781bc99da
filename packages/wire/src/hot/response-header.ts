import { WireReader } from './reader.ts';
import type { ResponseHeader } from './types.ts';
import {
  allocate,
  countFieldSize,
  idFieldSize,
  sealed,
  splicedSize,
  writeCountField,
  writeHead,
  writeIdField,
} from './writer.ts';

const clusterIdTag = 0x08;
const memberIdTag = 0x10;
const revisionTag = 0x18;
const raftTermTag = 0x20;
const lastField = 4;

/** In every response the header is field 1. */
const headerTag = 0x0a;

/** The bytes of an etcdserverpb.ResponseHeader. */
export function encodeResponseHeader(header: ResponseHeader): Uint8Array {
  const target = allocate(responseHeaderSize(header));
  return sealed(target, writeResponseHeader(header, target, 0));
}

/** Opens an etcdserverpb.ResponseHeader. @throws WireError */
export function decodeResponseHeader(
  bytes: Uint8Array,
  start?: number,
  endExclusive?: number,
): ResponseHeader {
  const reader = new WireReader(bytes, start, endExclusive);
  const header: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case clusterIdTag:
        header.clusterId = reader.unsignedId();
        break;
      case memberIdTag:
        header.memberId = reader.unsignedId();
        break;
      case revisionTag:
        header.revision = reader.signedCount();
        break;
      case raftTermTag:
        header.raftTerm = reader.count();
        break;
      default:
        reader.skip(tag, lastField);
    }
  }
  return header;
}

/** Size of the header field of a response; none when there is no header. */
export function headerFieldSize(header: ResponseHeader | undefined): number {
  return header === undefined ? 0 : splicedSize(responseHeaderSize(header));
}

/** Writes the header field of a response, unless there is no header. */
export function writeHeaderField(
  header: ResponseHeader | undefined,
  target: Uint8Array,
  offset: number,
): number {
  if (header === undefined) return offset;
  const start = writeHead(headerTag, responseHeaderSize(header), target, offset);
  return writeResponseHeader(header, target, start);
}

function responseHeaderSize(header: ResponseHeader): number {
  return (
    idFieldSize(header.clusterId) +
    idFieldSize(header.memberId) +
    countFieldSize(header.revision) +
    countFieldSize(header.raftTerm)
  );
}

function writeResponseHeader(header: ResponseHeader, target: Uint8Array, start: number): number {
  let offset = writeIdField(clusterIdTag, header.clusterId, target, start);
  offset = writeIdField(memberIdTag, header.memberId, target, offset);
  offset = writeCountField(revisionTag, header.revision, target, offset);
  return writeCountField(raftTermTag, header.raftTerm, target, offset);
}
