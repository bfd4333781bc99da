import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { unaryMethod, type UnaryMethod } from './method.ts';
import type { CallOptions } from './options.ts';

/** etcd's Cluster service, message for message: who the members are, and changing that. */
export class Cluster {
  /** With `linearizable` the members agree on the answer first; without, it is what the one asked knows. */
  readonly memberList: UnaryMethod<rpcpb.MemberListRequest, rpcpb.MemberListResponse>;
  /** Adds a member, which votes from when the answer comes, whether it has started or not. */
  readonly memberAdd: UnaryMethod<rpcpb.MemberAddRequest, rpcpb.MemberAddResponse>;
  /** Removes a member. Its ID is never used again. */
  readonly memberRemove: UnaryMethod<rpcpb.MemberRemoveRequest, rpcpb.MemberRemoveResponse>;
  /** Tells the others where a member is reached by its peers from now on. */
  readonly memberUpdate: UnaryMethod<rpcpb.MemberUpdateRequest, rpcpb.MemberUpdateResponse>;
  /** Lets a learner vote, once it has what the others have. */
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
