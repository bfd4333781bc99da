import { decodeRangeRequest, electionpb, healthpb, lockpb, rpcpb } from '@quorate/wire';
import { authService } from './auth-service.ts';
import { authorized } from './authorized.ts';
import { clusterService } from './cluster-service.ts';
import { RpcError, status } from './errors.ts';
import { healthService } from './health-service.ts';
import { kvService } from './kv-service.ts';
import { leaseService } from './lease-service.ts';
import { maintenanceService } from './maintenance-service.ts';
import type { Member } from './member.ts';
import { electionService } from './recipes/election-service.ts';
import { lockService } from './recipes/lock-service.ts';
import { promised } from './promised.ts';
import { noLeader, whileLed } from './require-leader.ts';
import type { ServiceMethod } from './service-method.ts';
import type { Call, Method, MethodTable, StreamCall } from './transport.ts';
import { watchService } from './watch-service.ts';

/** A service of the generated code, as far as its table needs it. */
interface ServiceDefinition<M extends string> {
  readonly fullName: string;
  readonly methods: { readonly [method in M]: { readonly name: string; readonly responseStream: boolean } };
}

/**
 * Every method of etcd's client port, each behind the checks that hold for all: learner, metadata, leader, and who may
 * call it. A method that a definition has and no service implements does not compile.
 */
export function methodTable(member: Member): MethodTable {
  const table = new Map<string, Method>();
  const add = <M extends string>(
    definition: ServiceDefinition<M>,
    service: Record<M, ServiceMethod>,
  ): void => {
    // The keys of a service are those of its definition: its type says so.
    for (const key of Object.keys(definition.methods) as M[]) {
      const path = `/${definition.fullName}/${definition.methods[key].name}`;
      table.set(path, guarded(path, authorized(path, service[key], member), member));
    }
  };
  add(rpcpb.KVDefinition, kvService(member));
  add(rpcpb.WatchDefinition, watchService(member));
  add(rpcpb.LeaseDefinition, leaseService(member));
  add(rpcpb.ClusterDefinition, clusterService(member));
  add(rpcpb.MaintenanceDefinition, maintenanceService(member));
  add(healthpb.HealthDefinition, healthService());
  add(rpcpb.AuthDefinition, authService(member));
  add(lockpb.LockDefinition, lockService(member));
  add(electionpb.ElectionDefinition, electionService(member));
  return table;
}

/**
 * Methods that a learner serves; all others it refuses, those of the health service among them (reference: learner
 * readiness). Range only as far as it is serializable.
 */
const servedByLearners = new Set(['/etcdserverpb.Maintenance/Status', '/etcdserverpb.Maintenance/Snapshot']);
const rangePath = '/etcdserverpb.KV/Range';

/** The checks in front of a method, in etcd's order: learner, version of the client, leader. */
function guarded(path: string, method: Method, member: Member): Method {
  const forLearners = servedByLearners.has(path);
  if (method.kind === 'unary') {
    const { handler } = method;
    return {
      ...method,
      handler: (request: Uint8Array, call: Call) => {
        if (member.isLearner && !forLearners && !(path === rangePath && isSerializable(request))) {
          throw notForLearners();
        }
        checkMetadata(call, member);
        return handler(request, call);
      },
    };
  }
  const { handler } = method;
  return {
    ...method,
    // Promises are made only where there is something to wait for: a member may have a hundred thousand idle streams.
    handler: (call: StreamCall) =>
      promised(() => {
        if (member.isLearner && !forLearners) throw notForLearners();
        checkMetadata(call, member);
        return demandsLeader(call) ? whileLed(member, call, handler) : handler(call);
      }),
  };
}

function isSerializable(rangeRequest: Uint8Array): boolean {
  return decodeRangeRequest(rangeRequest).serializable;
}

function notForLearners(): RpcError {
  return new RpcError(status.FAILED_PRECONDITION, 'etcdserver: rpc not supported for learner');
}

function checkMetadata(call: Call, member: Member): void {
  const version = call.metadata('client-api-version');
  // Bytes that were no UTF-8 arrive as replacement characters, if the transport lets them through: grpc-js drops
  // values that are not ASCII, as if nothing had been sent.
  if (version?.includes('\ufffd') === true) {
    throw new RpcError(status.INVALID_ARGUMENT, 'etcdserver: invalid client api version');
  }
  if (demandsLeader(call) && !member.hasLeader) throw noLeader();
}

function demandsLeader(call: Call): boolean {
  return call.metadata('hasleader') === 'true';
}
