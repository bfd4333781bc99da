import { RpcError, status, type Call, type Method } from '@quorate/rpc';
import { rpcpb } from '@quorate/wire';
import { hostname } from 'node:os';
import { forwarded } from './forward.ts';
import type { Registry } from './registry.ts';
import type { Upstream } from './upstream.ts';

export interface ClusterOptions {
  readonly upstream: Upstream;
  /** What clients shall reach the proxy at; empty to tell them of the members. */
  readonly advertiseClientUrl: string;
  readonly registry: Registry | undefined;
}

const { methods, fullName } = rpcpb.ClusterDefinition;
const pathOf = (method: keyof typeof methods): string => `/${fullName}/${methods[method].name}`;

/** `etcdserverpb.Cluster`: clients that ask for the members, to go to them, find proxies. */
export function clusterMethods(options: ClusterOptions): ReadonlyMap<string, Method> {
  const { upstream, advertiseClientUrl } = options;
  return new Map<string, Method>([
    [pathOf('memberAdd'), forwarded(pathOf('memberAdd'), { upstream })],
    [pathOf('memberRemove'), forwarded(pathOf('memberRemove'), { upstream })],
    [pathOf('memberUpdate'), forwarded(pathOf('memberUpdate'), { upstream })],
    [
      pathOf('memberList'),
      advertiseClientUrl === ''
        ? forwarded(pathOf('memberList'), { upstream, repeatable: true })
        : { kind: 'unary', handler: (_, call) => memberList(options, call) },
    ],
    // etcd's proxy does not pass it on either, and says so in these words.
    [pathOf('memberPromote'), { kind: 'unary', handler: notImplemented }],
  ]);
}

async function memberList({ registry, advertiseClientUrl }: ClusterOptions, call: Call): Promise<Uint8Array> {
  const proxies = await listed(registry, call);
  const own = { name: hostname(), address: advertiseClientUrl };
  const members = (proxies.length > 0 ? proxies : [own]).map(({ name, address }) => ({
    ...rpcpb.Member.create(),
    ...{ name, clientURLs: [address] },
  }));
  return rpcpb.MemberListResponse.encode({ header: undefined, members }).finish();
}

/** Nobody, when the cluster does not say: this proxy is there in any case. */
async function listed(
  registry: Registry | undefined,
  { signal }: Call,
): Promise<readonly { readonly name: string; readonly address: string }[]> {
  try {
    return (await registry?.list(signal)) ?? [];
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

function notImplemented(): never {
  throw new RpcError(status.UNKNOWN, 'not implemented');
}
