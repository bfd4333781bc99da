import { nobody, type Caller } from '@quorate/auth';
import { toUtf8 } from '@quorate/std';
import { decodeKeyValue, encodeDeleteRangeRequest, rpcpb } from '@quorate/wire';
import { afterEach } from 'vitest';
import type { Replica } from '../src/replica.ts';
import {
  peerUrlOf,
  putRequest,
  rangeRequest,
  TestCluster,
  type Ground,
  type TestClusterOptions,
} from '../src/testing/index.ts';

const open: TestCluster[] = [];

/** Starts members that are closed at the end of the test. */
export async function start(
  count: number,
  options: TestClusterOptions = {},
  groundOf?: () => Ground,
): Promise<TestCluster> {
  const cluster = await TestCluster.start(count, options, groundOf);
  open.push(cluster);
  return cluster;
}

afterEach(async () => {
  for (const cluster of open.splice(0)) await cluster.close();
});

/** Puts through a member; resolves to the revision. */
export async function put(
  cluster: TestCluster,
  name: string,
  key: string,
  value: string,
  options: { readonly lease?: bigint } = {},
): Promise<number> {
  const { header } = await cluster.during(cluster.member(name).kv.put(putRequest(key, value, options)));
  return header!.revision;
}

/** An encoded DeleteRangeRequest for one key. */
export function deleteRequest(key: string): Uint8Array {
  return encodeDeleteRangeRequest({
    key: new TextEncoder().encode(key),
    rangeEnd: new Uint8Array(0),
    prevKv: false,
  });
}

/** The value of a key, read through a member; undefined when it is absent. */
export async function valueOf(
  cluster: TestCluster,
  name: string,
  key: string,
  options: { readonly serializable?: boolean } = {},
): Promise<string | undefined> {
  const { kvs } = await cluster.during(cluster.member(name).kv.range(rangeRequest(key, options)));
  return kvs[0] && toUtf8(decodeKeyValue(kvs[0]).value);
}

/** Compacts through a member. */
export async function compact(cluster: TestCluster, name: string, revision: number): Promise<void> {
  const request = rpcpb.CompactionRequest.encode({ revision: BigInt(revision), physical: true }).finish();
  await cluster.during(cluster.member(name).kv.compact(request));
}

/** All that the log has made of a member, as text. */
export async function stateOf(replica: Replica): Promise<string> {
  const { store, lessor, alarms, membership, auth } = replica.state;
  const { hash, hashRevision, compactRevision } = await store.hashKv(0);
  const leases = lessor.list().sort();
  return JSON.stringify(
    {
      ...{ hash, hashRevision, compactRevision },
      leases: leases.map((id) => ({ id, keys: lessor.keys(id), hasCheckpoint: lessor.hasCheckpoint(id) })),
      alarms: alarms.list(),
      members: membership.list(),
      removed: membership.removedIds(),
      version: membership.clusterVersion,
      downgrade: membership.downgrade,
      auth: {
        ...{ isEnabled: auth.isEnabled, revision: auth.revision },
        users: auth.users().map((name) => [name, auth.userRoles(name), auth.passwordOf(name)]),
        roles: auth.roles().map((role) => [role, auth.rolePermissions(role)]),
      },
    },
    (_, value: unknown) => (typeof value === 'bigint' ? value.toString(16) : value),
  );
}

/** Waits until all running members have applied the same log, and returns what it has made of each. */
export async function statesOf(cluster: TestCluster): Promise<Set<string>> {
  const indexes = (): Set<number> =>
    new Set(cluster.names.map((name) => cluster.member(name).raftStatus.applied));
  const commits = (): Set<number> =>
    new Set(cluster.names.map((name) => cluster.member(name).raftStatus.commit));
  await cluster.until(() => indexes().size === 1 && commits().size === 1);
  const states = cluster.names.map((name) => stateOf(cluster.member(name)));
  for (const name of cluster.names) cluster.member(name).checkInvariants();
  return new Set(await cluster.during(Promise.all(states)));
}

/** What a promise is rejected with; undefined when it is fulfilled. */
export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** The stable code of what a promise is rejected with; 'none' when it is fulfilled. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await errorOf(work);
  if (error === undefined) return 'none';
  if (!(error instanceof Error)) return 'something that is no error';
  return 'code' in error ? String(error.code) : error.message;
}

/** Options for a member that joins the running ones, once it was added. */
export function joining(cluster: TestCluster, name: string): TestClusterOptions {
  const some = cluster.member(cluster.leader);
  const members = some.state.membership.list();
  const named = members.map(({ peerUrls }) => {
    const isOwn = peerUrls.includes(peerUrlOf(name));
    return `${isOwn ? name : new URL(peerUrls[0]!).hostname}=${peerUrls.join(',')}`;
  });
  return {
    initialCluster: named.join(','),
    initialClusterState: 'existing',
    runningCluster: { clusterId: some.clusterId, members },
  };
}

/** Adds a member and starts it. */
export async function join(
  cluster: TestCluster,
  name: string,
  { isLearner = false, ...options }: TestClusterOptions & { readonly isLearner?: boolean } = {},
): Promise<bigint> {
  const request = { peerURLs: [peerUrlOf(name)], isLearner };
  const { member } = await cluster.during(cluster.member(cluster.leader).cluster.add(request));
  await cluster.during(cluster.open(name, { ...joining(cluster, name), ...options }));
  await cluster.during(cluster.member(name).ready);
  return member!.ID;
}

/** Waits until a member serves, however long it takes. */
export async function servesAgain(cluster: TestCluster, name: string): Promise<void> {
  let isReady = false;
  cluster.member(name).ready.then(
    () => (isReady = true),
    () => {},
  );
  await cluster.until(() => isReady);
}

/** An event that a watcher was told of. */
export interface Seen {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
}

/** A watch stream of a member whose events are gathered as they come. */
export class Watching {
  readonly events: Seen[] = [];
  readonly responses: rpcpb.WatchResponse[] = [];
  readonly #watch: ReturnType<Replica['watch']>;

  constructor(
    replica: Replica,
    create: Partial<rpcpb.WatchCreateRequest> & { readonly key: Uint8Array },
    caller: Caller = nobody,
  ) {
    this.#watch = replica.watch({ onReadable: () => {}, caller });
    const value = rpcpb.WatchCreateRequest.fromPartial(create);
    void this.#watch.request({ requestUnion: { $case: 'createRequest', value } });
  }

  /** Takes what there is, at most about so many bytes. */
  take(maxBytes = 1024 * 1024): this {
    for (const bytes of this.#watch.take(maxBytes)) {
      const response = rpcpb.WatchResponse.decode(bytes);
      this.responses.push(response);
      for (const { type, kv } of response.events) {
        const isPut = Number(type) === 0;
        this.events.push({
          revision: Number(kv!.modRevision),
          key: toUtf8(kv!.key),
          value: isPut ? toUtf8(kv!.value) : undefined,
        });
      }
    }
    return this;
  }

  /** Takes all there is. */
  takeAll(): this {
    while (this.#watch.hasPending) this.take();
    return this;
  }
}
