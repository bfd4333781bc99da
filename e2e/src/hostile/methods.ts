import { electionpb, healthpb, lockpb, rpcpb } from '@quorate/wire';

/** A method of the client port. */
export interface MethodShape {
  readonly path: string;
  readonly clientStreams: boolean;
  readonly serverStreams: boolean;
}

interface GeneratedMethod {
  readonly name: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

const services = [
  rpcpb.KVDefinition,
  rpcpb.WatchDefinition,
  rpcpb.LeaseDefinition,
  rpcpb.ClusterDefinition,
  rpcpb.AuthDefinition,
  rpcpb.MaintenanceDefinition,
  healthpb.HealthDefinition,
  lockpb.LockDefinition,
  electionpb.ElectionDefinition,
];

/** Every method of every service on the client port. */
export const allMethods: readonly MethodShape[] = services.flatMap((service) =>
  Object.values<GeneratedMethod>(service.methods).map((method) => ({
    path: `/${service.fullName}/${method.name}`,
    clientStreams: method.requestStream,
    serverStreams: method.responseStream,
  })),
);
