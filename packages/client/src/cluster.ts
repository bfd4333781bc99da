import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { unaryMethod, type UnaryMethod } from './method.ts';
import type { CallOptions } from './options.ts';

/** etcd's Cluster service, message for message: who the members are, and changing that. */
export class Cluster {
  /** With `linearizable` the members agree on the answer first; without, it is what the one asked knows. */
  readonly memberList: UnaryMethod<rpcpb.MemberListRequest, rpcpb.MemberListResponse>;
  readonly memberAdd: UnaryMethod<rpcpb.MemberAddRequest, rpcpb.MemberAddResponse>;
  readonly memberRemove: UnaryMethod<rpcpb.MemberRemoveRequest, rpcpb.MemberRemoveResponse>;
  readonly memberUpdate: UnaryMethod<rpcpb.MemberUpdateRequest, rpcpb.MemberUpdateResponse>;
  readonly memberPromote: UnaryMethod<rpcpb.MemberPromoteRequest, rpcpb.MemberPromoteResponse>;

  constructor(connections: Connections) {
    const service = rpcpb.ClusterDefinition;
    const { methods } = service;
    this.memberList = unaryMethod(connections, service, methods.memberList, { repeatable: true });
    this.memberAdd = unaryMethod(connections, service, methods.memberAdd, { repeatable: false });
    this.memberRemove = unaryMethod(connections, service, methods.memberRemove, { repeatable: false });
    this.memberUpdate = unaryMethod(connections, service, methods.memberUpdate, { repeatable: false });
    this.memberPromote = unaryMethod(connections, service, methods.memberPromote, { repeatable: false });
  }

  /** Adds a member that follows without a vote, until it is promoted. */
  memberAddAsLearner(
    { peerURLs }: Pick<rpcpb.MemberAddRequest, 'peerURLs'>,
    options?: CallOptions,
  ): Promise<rpcpb.MemberAddResponse> {
    return this.memberAdd({ peerURLs, isLearner: true }, options);
  }
}
