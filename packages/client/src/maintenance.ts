import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { unaryMethod, type UnaryMethod } from './method.ts';
import type { CallOptions } from './options.ts';
import { fetchSnapshot, type SnapshotPart } from './snapshot.ts';

/**
 * etcd's Maintenance service, message for message. Most of it is about one member: give `endpoint` to choose
 * which.
 */
export class Maintenance {
  /** How a member is: its version, its size, who it believes to lead, and how far it is. */
  readonly status: UnaryMethod<rpcpb.StatusRequest, rpcpb.StatusResponse>;
  /** Lists, raises and clears alarms, such as that there is no space left. */
  readonly alarm: UnaryMethod<rpcpb.AlarmRequest, rpcpb.AlarmResponse>;
  /** A checksum of all that a member stores; for tests of etcd. */
  readonly hash: UnaryMethod<rpcpb.HashRequest, rpcpb.HashResponse>;
  /** A checksum of the keys as of a revision: the same at all members, or one of them is damaged. */
  readonly hashKv: UnaryMethod<rpcpb.HashKVRequest, rpcpb.HashKVResponse>;
  /** Gives disk back that is not used; an etcd answers nobody else meanwhile. */
  readonly defragment: UnaryMethod<rpcpb.DefragmentRequest, rpcpb.DefragmentResponse>;
  /** Only the leader can do it: give its `endpoint`. */
  readonly moveLeader: UnaryMethod<rpcpb.MoveLeaderRequest, rpcpb.MoveLeaderResponse>;
  /** Checks, begins or calls off that the cluster goes back to an older version. */
  readonly downgrade: UnaryMethod<rpcpb.DowngradeRequest, rpcpb.DowngradeResponse>;
  readonly #connections: Connections;

  constructor(connections: Connections) {
    const service = rpcpb.MaintenanceDefinition;
    const { methods } = service;
    this.#connections = connections;
    this.status = unaryMethod(connections, service, methods.status, { repeatable: true });
    this.alarm = unaryMethod(connections, service, methods.alarm, { repeatable: false });
    this.hash = unaryMethod(connections, service, methods.hash, { repeatable: true });
    this.hashKv = unaryMethod(connections, service, methods.hashKV, { repeatable: true });
    this.defragment = unaryMethod(connections, service, methods.defragment, { repeatable: false });
    this.moveLeader = unaryMethod(connections, service, methods.moveLeader, { repeatable: false });
    this.downgrade = unaryMethod(connections, service, methods.downgrade, { repeatable: false });
  }
  /**
   * The whole store of one member as a file of etcd's format, in parts: all their blobs one after the other are what
   * `etcdctl snapshot save` writes. There is no time limit unless `timeoutMs` gives one; leaving the loop ends the
   * call.
   *
   * @throws SnapshotError when what came is not what its checksum says, EtcdError, or the signal's reason
   */
  snapshot(options: CallOptions = {}): AsyncGenerator<SnapshotPart, void, undefined> {
    return fetchSnapshot(this.#connections, options);
  }
}
