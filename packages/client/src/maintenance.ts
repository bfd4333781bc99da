import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { unaryMethod, type UnaryMethod } from './method.ts';

/**
 * etcd's Maintenance service, message for message. Most of it is about one member: give `endpoint` to choose
 * which.
 */
export class Maintenance {
  readonly status: UnaryMethod<rpcpb.StatusRequest, rpcpb.StatusResponse>;
  readonly alarm: UnaryMethod<rpcpb.AlarmRequest, rpcpb.AlarmResponse>;
  readonly hash: UnaryMethod<rpcpb.HashRequest, rpcpb.HashResponse>;
  readonly hashKv: UnaryMethod<rpcpb.HashKVRequest, rpcpb.HashKVResponse>;
  readonly defragment: UnaryMethod<rpcpb.DefragmentRequest, rpcpb.DefragmentResponse>;
  readonly moveLeader: UnaryMethod<rpcpb.MoveLeaderRequest, rpcpb.MoveLeaderResponse>;

  constructor(connections: Connections) {
    const service = rpcpb.MaintenanceDefinition;
    const { methods } = service;
    this.status = unaryMethod(connections, service, methods.status, { repeatable: true });
    this.alarm = unaryMethod(connections, service, methods.alarm, { repeatable: false });
    this.hash = unaryMethod(connections, service, methods.hash, { repeatable: true });
    this.hashKv = unaryMethod(connections, service, methods.hashKV, { repeatable: true });
    this.defragment = unaryMethod(connections, service, methods.defragment, { repeatable: false });
    this.moveLeader = unaryMethod(connections, service, methods.moveLeader, { repeatable: false });
  }
}
