import type { electionpb, healthpb, lockpb, rpcpb } from '@quorate/wire';
import type { Access } from './types.ts';

/** A service as ts-proto describes it. */
interface Service {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string }>>;
}

type PathsOf<S extends Service> = `/${S['fullName']}/${S['methods'][keyof S['methods']]['name']}`;

/** The path of every RPC of the client port, like `/etcdserverpb.KV/Range`. */
export type RpcPath =
  | PathsOf<rpcpb.KVDefinition>
  | PathsOf<rpcpb.WatchDefinition>
  | PathsOf<rpcpb.LeaseDefinition>
  | PathsOf<rpcpb.ClusterDefinition>
  | PathsOf<rpcpb.MaintenanceDefinition>
  | PathsOf<rpcpb.AuthDefinition>
  | PathsOf<lockpb.LockDefinition>
  | PathsOf<electionpb.ElectionDefinition>
  | PathsOf<healthpb.HealthDefinition>;

/** Who may call an RPC, and who sees to it. */
export interface RpcRule {
  /**
   * Who decides, and when. `port`: before the handler runs, from the level alone. `member`: where the request is
   * executed, since what it needs depends on its content, and on the state of that moment.
   */
  readonly enforcedBy: 'port' | 'member';
  /** What it needs; where the content decides, the most that it can need. */
  readonly level: Access['level'];
  /**
   * `now`: decided on a state at least as new as the call, as by a linearizable read. `local`: on what this member
   * knows, so that it works without a leader.
   */
  readonly asOf: 'now' | 'local';
}

const open: RpcRule = { enforcedBy: 'port', level: 'open', asOf: 'local' };
const login: RpcRule = { enforcedBy: 'port', level: 'login', asOf: 'local' };
const loginNow: RpcRule = { enforcedBy: 'port', level: 'login', asOf: 'now' };
const adminLocal: RpcRule = { enforcedBy: 'port', level: 'admin', asOf: 'local' };
const admin: RpcRule = { enforcedBy: 'port', level: 'admin', asOf: 'now' };
const adminByContent: RpcRule = { enforcedBy: 'member', level: 'admin', asOf: 'now' };
const keys: RpcRule = { enforcedBy: 'member', level: 'keys', asOf: 'now' };
const keysLocal: RpcRule = { enforcedBy: 'member', level: 'keys', asOf: 'local' };

/** Who may call what. An RPC without a row does not compile; a path without a row is denied. */
export const rpcRules: Readonly<Record<RpcPath, RpcRule>> = {
  '/etcdserverpb.KV/Range': keys,
  '/etcdserverpb.KV/RangeStream': keys,
  '/etcdserverpb.KV/Put': keys,
  '/etcdserverpb.KV/DeleteRange': keys,
  '/etcdserverpb.KV/Txn': keys,
  '/etcdserverpb.KV/Compact': admin,

  // Watchers are made without a leader too, and looked at again when permissions change.
  '/etcdserverpb.Watch/Watch': keysLocal,

  '/etcdserverpb.Lease/LeaseGrant': loginNow,
  '/etcdserverpb.Lease/LeaseRevoke': keys,
  // Too many for a linearizable read each; the leader, who renews, is never far behind.
  '/etcdserverpb.Lease/LeaseKeepAlive': keysLocal,
  '/etcdserverpb.Lease/LeaseTimeToLive': keys,
  '/etcdserverpb.Lease/LeaseLeases': keys,

  '/etcdserverpb.Cluster/MemberAdd': admin,
  '/etcdserverpb.Cluster/MemberRemove': admin,
  '/etcdserverpb.Cluster/MemberUpdate': admin,
  '/etcdserverpb.Cluster/MemberList': login,
  '/etcdserverpb.Cluster/MemberPromote': admin,

  '/etcdserverpb.Maintenance/Alarm': adminByContent,
  '/etcdserverpb.Maintenance/Status': login,
  '/etcdserverpb.Maintenance/Defragment': adminLocal,
  '/etcdserverpb.Maintenance/Hash': adminLocal,
  '/etcdserverpb.Maintenance/HashKV': adminLocal,
  '/etcdserverpb.Maintenance/Snapshot': adminLocal,
  '/etcdserverpb.Maintenance/MoveLeader': admin,
  '/etcdserverpb.Maintenance/Downgrade': admin,

  '/etcdserverpb.Auth/AuthEnable': admin,
  '/etcdserverpb.Auth/AuthDisable': admin,
  '/etcdserverpb.Auth/AuthStatus': open,
  '/etcdserverpb.Auth/Authenticate': open,
  '/etcdserverpb.Auth/UserAdd': admin,
  '/etcdserverpb.Auth/UserGet': { enforcedBy: 'member', level: 'self', asOf: 'now' },
  '/etcdserverpb.Auth/UserList': admin,
  '/etcdserverpb.Auth/UserDelete': admin,
  '/etcdserverpb.Auth/UserChangePassword': admin,
  '/etcdserverpb.Auth/UserGrantRole': admin,
  '/etcdserverpb.Auth/UserRevokeRole': admin,
  '/etcdserverpb.Auth/RoleAdd': admin,
  '/etcdserverpb.Auth/RoleGet': { enforcedBy: 'member', level: 'role', asOf: 'now' },
  '/etcdserverpb.Auth/RoleList': admin,
  '/etcdserverpb.Auth/RoleDelete': admin,
  '/etcdserverpb.Auth/RoleGrantPermission': admin,
  '/etcdserverpb.Auth/RoleRevokePermission': admin,

  '/v3lockpb.Lock/Lock': keys,
  '/v3lockpb.Lock/Unlock': keys,

  '/v3electionpb.Election/Campaign': keys,
  '/v3electionpb.Election/Proclaim': keys,
  '/v3electionpb.Election/Leader': keys,
  '/v3electionpb.Election/Observe': keys,
  '/v3electionpb.Election/Resign': keys,

  '/grpc.health.v1.Health/Check': open,
  '/grpc.health.v1.Health/List': open,
  '/grpc.health.v1.Health/Watch': open,
};

/** The rule of a path; undefined, which denies, for one that has none. */
export function ruleOf(path: string): RpcRule | undefined {
  const rules: Readonly<Record<string, RpcRule>> = rpcRules;
  return Object.hasOwn(rules, path) ? rules[path] : undefined;
}

/**
 * The HTTP routes of the client port beside gRPC and its JSON form, whose rules are those of their RPCs. A route
 * that ends in a slash stands for all below it. Probes and scrapers have no user.
 */
export const httpRules = {
  '/version': open,
  '/health': open,
  '/livez': open,
  '/readyz': open,
  '/metrics': open,
  // Profiles and dumps of memory show what is stored; etcd asks for nothing here.
  '/debug/': adminLocal,
} as const satisfies Readonly<Record<string, RpcRule>>;

/** The rule of an HTTP route; undefined, which denies, for one that has none. */
export function ruleOfHttpRoute(path: string): RpcRule | undefined {
  const rules: Readonly<Record<string, RpcRule>> = httpRules;
  for (const [route, rule] of Object.entries(rules)) {
    if (route === path || (route.endsWith('/') && path.startsWith(route))) return rule;
  }
  return undefined;
}
