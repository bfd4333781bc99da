import { rpcpb } from '@quorate/wire';
import { generatedMethod } from './generated-method.ts';
import type { Member } from './member.ts';
import type { ServiceMethod } from './service-method.ts';

const { methods } = rpcpb.ClusterDefinition;

/** `etcdserverpb.Cluster`. */
export function clusterService({ cluster }: Member): Record<keyof typeof methods, ServiceMethod> {
  return {
    memberAdd: generatedMethod(methods.memberAdd, (request) => cluster.add(request)),
    memberRemove: generatedMethod(methods.memberRemove, (request) => cluster.remove(request)),
    memberUpdate: generatedMethod(methods.memberUpdate, (request) => cluster.update(request)),
    memberList: generatedMethod(methods.memberList, (request) => cluster.list(request)),
    memberPromote: generatedMethod(methods.memberPromote, (request) => cluster.promote(request)),
  };
}
