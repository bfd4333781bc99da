import { concatBytes, emptyBytes, fromAnyUtf8, invariant } from '@quorate/std';
import { Cutter } from './cutter.ts';
import { WireReader } from './reader.ts';
import type { RaftEnvelope } from './types.ts';
import { halvesSize, varintSize, writeHalves, writeVarint } from './varint.ts';
import {
  bytesFieldSize,
  countFieldSize,
  sealed,
  writeBytesField,
  writeCountField,
  writeRaw,
} from './writer.ts';
import { WireError } from './wire-error.ts';

/** Field numbers of the requests that an InternalRaftRequest can carry. */
export const raftRequestField = {
  /** No request of today: the whole is a bare one, see `decodeBareRequest`. */
  v2: 2,
  range: 3,
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  alarm: 10,
  leaseCheckpoint: 11,
  authEnable: 1000,
  authDisable: 1011,
  authenticate: 1012,
  authStatus: 1013,
  authUserAdd: 1100,
  authUserDelete: 1101,
  authUserGet: 1102,
  authUserChangePassword: 1103,
  authUserGrantRole: 1104,
  authUserRevokeRole: 1105,
  authUserList: 1106,
  authRoleList: 1107,
  authRoleAdd: 1200,
  authRoleDelete: 1201,
  authRoleGet: 1202,
  authRoleGrantPermission: 1203,
  authRoleRevokePermission: 1204,
  clusterVersionSet: 1300,
  clusterMemberAttrSet: 1301,
  downgradeInfoSet: 1302,
  downgradeVersionTest: 9900,
} as const;

/** The name of a request that an InternalRaftRequest can carry. */
export type RaftRequestName = keyof typeof raftRequestField;

const idTag = 0x08;
const headerField = 100;
const headerTag = (headerField << 3) | 2;

const headerIdTag = 0x08;
const headerUsernameTag = 0x12;
const headerAuthRevisionTag = 0x18;
const headerLastField = 3;

/** The log keeps envelopes in the order in which they are made, and lets go of them in this order. */
const cutter = new Cutter();

/**
 * The bytes of an etcdserverpb.InternalRaftRequest: a header (always), and the one request spliced in (unless
 * `requestField` is 0), in the order of their field numbers. Their memory may hold others, too.
 */
export function encodeRaftEnvelope(envelope: RaftEnvelope): Uint8Array {
  const { requestField, request } = envelope;
  invariant(requestField !== 1 && requestField !== headerField, 'ID and header are no requests');
  const username = envelope.username === '' ? emptyBytes : fromAnyUtf8(envelope.username);
  const requestTag = requestField * 8 + 2;
  const headerSize = headerSizeOf(envelope, username);
  const requestSize =
    requestField === 0 ? 0 : varintSize(requestTag) + varintSize(request.length) + request.length;

  const target = cutter.cut(varintSize(headerTag) + varintSize(headerSize) + headerSize + requestSize);
  let offset = 0;
  if (requestField !== 0 && requestField < headerField) {
    offset = writeRequest(requestTag, request, target, offset);
  }
  offset = writeVarint(headerTag, target, offset);
  offset = writeVarint(headerSize, target, offset);
  offset = writeHeader(envelope, username, target, offset);
  if (requestField > headerField) offset = writeRequest(requestTag, request, target, offset);
  return sealed(target, offset);
}

function writeRequest(tag: number, request: Uint8Array, target: Uint8Array, start: number): number {
  let offset = writeVarint(tag, target, start);
  offset = writeVarint(request.length, target, offset);
  return writeRaw(request, target, offset);
}

function headerSizeOf({ idLow, idHigh, authRevision }: RaftEnvelope, username: Uint8Array): number {
  return (
    (idLow === 0 && idHigh === 0 ? 0 : 1 + halvesSize(idLow, idHigh)) +
    bytesFieldSize(username) +
    countFieldSize(authRevision)
  );
}

function writeHeader(
  { idLow, idHigh, authRevision }: RaftEnvelope,
  username: Uint8Array,
  target: Uint8Array,
  start: number,
): number {
  let offset = start;
  if (idLow !== 0 || idHigh !== 0) {
    target[offset] = headerIdTag;
    offset = writeHalves(idLow, idHigh, target, offset + 1);
  }
  offset = writeBytesField(headerUsernameTag, username, target, offset);
  return writeCountField(headerAuthRevisionTag, authRevision, target, offset);
}

/**
 * Opens an etcdserverpb.InternalRaftRequest; `request` is a view. The request ID is field 1 if that is set, else
 * the header's, as etcd has it. Any field beside these two counts as the request, known to us or not.
 *
 * Logs of etcd 3.5 and older also hold bare etcdserverpb.Requests, whose field 2 is a method: such bytes come
 * back with `requestField` `raftRequestField.v2` and the whole of them as `request`, for `decodeBareRequest`.
 *
 * @throws WireError, also when there are two different requests
 */
export function decodeRaftEnvelope(bytes: Uint8Array, start?: number, endExclusive?: number): RaftEnvelope {
  const reader = new WireReader(bytes, start, endExclusive);
  const first = reader.position;
  const envelope = newEnvelope();
  let outerLow = 0;
  let outerHigh = 0;
  while (reader.hasMore) {
    const at = reader.position;
    const tag = reader.tag();
    if (tag === idTag) {
      reader.idHalves();
      outerLow = reader.lastLow;
      outerHigh = reader.lastHigh;
    } else if (tag === headerTag) {
      const outerEnd = reader.enter();
      mergeHeader(reader, envelope);
      reader.leave(outerEnd);
    } else if ((tag & 7) === 2 && tag !== ((1 << 3) | 2)) {
      if (tag >>> 3 === raftRequestField.v2) return bareRequest(reader, first);
      takeRequest(envelope, tag >>> 3, reader.bytesView(), at);
    } else {
      reader.skip(tag, raftRequestField.leaseCheckpoint, headerField);
    }
  }
  if (outerLow !== 0 || outerHigh !== 0) {
    envelope.idLow = outerLow;
    envelope.idHigh = outerHigh;
  }
  return envelope;
}

function newEnvelope(): RaftEnvelope {
  return { idHigh: 0, idLow: 0, username: '', authRevision: 0, requestField: 0, request: emptyBytes };
}

function bareRequest(reader: WireReader, start: number): RaftEnvelope {
  const envelope = newEnvelope();
  envelope.requestField = raftRequestField.v2;
  envelope.request = reader.viewOf(start, reader.end);
  return envelope;
}

function takeRequest(envelope: RaftEnvelope, field: number, request: Uint8Array, at: number): void {
  if (envelope.requestField === 0) {
    envelope.requestField = field;
    envelope.request = request;
  } else if (envelope.requestField === field) {
    // Two encodings of a message, one behind the other, are the encoding of their merger.
    envelope.request = concatBytes([envelope.request, request]);
  } else {
    throw new WireError(at, `request ${field} comes beside request ${envelope.requestField}`);
  }
}

function mergeHeader(reader: WireReader, envelope: RaftEnvelope): void {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case headerIdTag:
        reader.idHalves();
        envelope.idLow = reader.lastLow;
        envelope.idHigh = reader.lastHigh;
        break;
      case headerUsernameTag:
        envelope.username = reader.text();
        break;
      case headerAuthRevisionTag:
        envelope.authRevision = reader.count();
        break;
      default:
        reader.skip(tag, headerLastField);
    }
  }
}
