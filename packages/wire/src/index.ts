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
