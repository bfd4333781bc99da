import type { KeyPrefix } from '@quorate/client';
import type { Method, MethodTable } from '@quorate/rpc';
import { healthpb, rpcpb } from '@quorate/wire';
import { clusterMethods } from './cluster.ts';
import { callUpstream, forwarded, forwardedStream } from './forward.ts';
import { kvMethods } from './kv.ts';
import type { KeepAliveHub } from './lease/keep-alive-hub.ts';
import { leaseMethods } from './lease/lease-service.ts';
import type { Leasing } from './leasing/leasing.ts';
import type { RangeCache } from './range-cache.ts';
import { recipeMethods } from './recipes.ts';
import type { Registry } from './registry.ts';
import type { RevisionOrder } from './revision-order.ts';
import type { Upstream } from './upstream.ts';
import type { WatchHub } from './watch/watch-hub.ts';
import { watchMethod } from './watch/watch-service.ts';

/** What the methods of a proxy are made of. */
export interface ProxyParts {
  readonly upstream: Upstream;
  readonly cache: RangeCache;
  readonly order: RevisionOrder;
  readonly watches: WatchHub;
  readonly keepAlives: KeepAliveHub;
  readonly registry: Registry | undefined;
  readonly leasing: Leasing | undefined;
  readonly namespace: KeyPrefix;
  readonly advertiseClientUrl: string;
  /** Aborted when the proxy closes: streams that never end by themselves end then. */
  readonly closing: AbortSignal;
}

/** Methods that change nothing: another member may be asked. */
const repeatable: ReadonlySet<string> = new Set([
  'authStatus',
  'authenticate',
  'userGet',
  'userList',
  'roleGet',
  'roleList',
]);

/** All methods of the proxy, each behind its path. */
export function proxyMethods(parts: ProxyParts): MethodTable {
  return new Map([
    ...kvMethods(parts),
    ...leaseMethods({ ...parts, hub: parts.keepAlives }),
    ['/etcdserverpb.Watch/Watch', watchMethod({ hub: parts.watches, namespace: parts.namespace })],
    ...clusterMethods(parts),
    ...maintenanceMethods(parts),
    ...authMethods(parts),
    ...recipeMethods(parts),
    ...healthMethods(parts),
  ]);
}

/** `etcdserverpb.Maintenance`: of whichever member the proxy is at. */
function maintenanceMethods({ upstream, closing }: ProxyParts): ReadonlyMap<string, Method> {
  const { methods, fullName } = rpcpb.MaintenanceDefinition;
  return new Map(
    Object.entries(methods).map(([key, { name, responseStream }]): [string, Method] => {
      const path = `/${fullName}/${name}`;
      if (responseStream) return [path, forwardedStream(path, { upstream, closing })];
      // Such as writing a whole store anew.
      return [path, forwarded(path, { upstream, waits: key === 'defragment' })];
    }),
  );
}

/** `etcdserverpb.Auth`: whatever it changes, nobody is answered from before. */
function authMethods({ upstream, cache }: ProxyParts): ReadonlyMap<string, Method> {
  const { methods, fullName } = rpcpb.AuthDefinition;
  return new Map(
    Object.entries(methods).map(([key, { name }]): [string, Method] => {
      const path = `/${fullName}/${name}`;
      if (repeatable.has(key)) return [path, forwarded(path, { upstream, repeatable: true })];
      return [
        path,
        {
          kind: 'unary',
          handler: async (request, call) => {
            try {
              return await callUpstream(path, request, call, { upstream });
            } finally {
              cache.clear();
            }
          },
        },
      ];
    }),
  );
}

/** `grpc.health.v1.Health`: as the member says, which the proxy is nothing without. */
function healthMethods({ upstream, closing }: ProxyParts): ReadonlyMap<string, Method> {
  const { methods, fullName } = healthpb.HealthDefinition;
  return new Map(
    Object.values(methods).map(({ name, responseStream }): [string, Method] => {
      const path = `/${fullName}/${name}`;
      if (responseStream) return [path, forwardedStream(path, { upstream, closing })];
      return [path, forwarded(path, { upstream, repeatable: true })];
    }),
  );
}
