/**
 * Every message of etcd: generated code for all of them, one namespace a proto package, and hand-written
 * types and codecs for those of the hot path.
 */
export * as rpcpb from './generated/etcdserverpb/rpc.ts';
export * as raftinternalpb from './generated/etcdserverpb/raft_internal.ts';
export * as etcdserverpb from './generated/etcdserverpb/etcdserver.ts';
export * as mvccpb from './generated/mvccpb/kv.ts';
export * as authpb from './generated/authpb/auth.ts';
export * as membershippb from './generated/membershippb/membership.ts';
export * as leasepb from './generated/leasepb/lease.ts';
export * as walpb from './generated/walpb/record.ts';
export * as snappb from './generated/snappb/snap.ts';
export * as raftpb from './generated/raftpb/raft.ts';
export * as lockpb from './generated/v3lockpb/v3lock.ts';
export * as electionpb from './generated/v3electionpb/v3election.ts';
export * as healthpb from './generated/grpc/health/v1/health.ts';

export type * from './hot/types.ts';
export { WireError } from './hot/wire-error.ts';
export { decodeKeyValue, encodeEvent, encodeKeyValue, keyValueSize, writeKeyValue } from './hot/key-value.ts';
export { decodeResponseHeader, encodeResponseHeader } from './hot/response-header.ts';
export {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeRangeRequest,
} from './hot/requests.ts';
export { decodeTxnRequest, encodeTxnRequest } from './hot/txn-request.ts';
export {
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
  packRangeResponse,
} from './hot/responses.ts';
export {
  emptyBatch,
  MessageBatchWriter,
  messagePrefixBytes,
  messagesOf,
  type MessageBatch,
  type SharedBatch,
} from './hot/message-batch.ts';
export { decodeLeaseKeepAliveId, encodeLeaseKeepAliveResponse } from './hot/lease-keep-alive.ts';
export {
  encodeWatchResponse,
  watchIdOffset,
  watchIdSize,
  watchResponseSize,
  writeWatchId,
  writeWatchResponse,
} from './hot/watch-response.ts';
export { decodeEntry, encodeEntry, entrySize, writeEntry } from './hot/raft-entry.ts';
export {
  decodeConfState,
  decodeHardState,
  decodeSnapshot,
  encodeConfState,
  encodeHardState,
  encodeSnapshot,
} from './hot/raft-state.ts';
export { decodeMessage, encodeMessage, messageSize, writeMessage } from './hot/raft-message.ts';
export {
  decodeWalRecord,
  decodeWalSnapshot,
  encodeWalRecord,
  encodeWalSnapshot,
  walRecordSize,
  writeWalRecordHead,
} from './hot/wal.ts';
export {
  decodeRaftEnvelope,
  encodeRaftEnvelope,
  raftRequestField,
  type RaftRequestName,
} from './hot/raft-envelope.ts';
export { checkFields } from './hot/check-fields.ts';
export { decodeBareRequest, type BareRequest } from './hot/bare-request.ts';
export { anyTextReader, anyTextWriter } from './any-text.ts';
export { apiDescriptors } from './generated/api-descriptors.ts';
export { httpRules, type AnnotatedService, type HttpRule } from './http-rules.ts';
