import { rpcpb } from '@quorate/wire';
import { generatedMethod } from './generated-method.ts';
import type { Member } from './member.ts';
import type { Method } from './transport.ts';
import { notBuilt } from './not-built.ts';

const { methods } = rpcpb.ClusterDefinition;

/** `etcdserverpb.Cluster`. */
export function clusterService(member: Member): Record<keyof typeof methods, Method> {
  const changes = notBuilt('changing the members of a cluster');
  return {
    memberList: generatedMethod(methods.memberList, (request) => member.memberList(request)),
    memberAdd: changes,
    memberRemove: changes,
    memberUpdate: changes,
    memberPromote: changes,
  };
}
