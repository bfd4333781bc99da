import { electionpb, httpRules, lockpb, rpcpb } from '@quorate/wire';
import { shapes, type MethodShape } from './shapes.ts';

/** Where a method is found. All are POST, with the whole request as the body. */
export interface Route {
  readonly path: string;
  readonly method: MethodShape;
}

const services = [
  rpcpb.KVDefinition,
  rpcpb.WatchDefinition,
  rpcpb.LeaseDefinition,
  rpcpb.ClusterDefinition,
  rpcpb.MaintenanceDefinition,
  rpcpb.AuthDefinition,
  lockpb.LockDefinition,
  electionpb.ElectionDefinition,
];

/** All routes, as the annotations in the proto files say. */
export const routes: readonly Route[] = services.flatMap((service) =>
  httpRules(service).map(({ rpc, path }) => ({ path, method: shapes.method(service.fullName, rpc) })),
);

const byPath = new Map(routes.map((route) => [route.path, route]));

/** The route of a path, undefined when there is none. The paths of etcd 3.3 lead where those of 3.4 and later do. */
export function findRoute(pathname: string): Route | undefined {
  return byPath.get(isOlder(pathname) ? `/v3/${pathname.slice('/v3beta/'.length)}` : pathname);
}

/** Whether a path is one of the gateway's, found or not. */
export function isRestPath(pathname: string): boolean {
  return pathname.startsWith('/v3/') || isOlder(pathname);
}

function isOlder(pathname: string): boolean {
  return pathname.startsWith('/v3beta/');
}
