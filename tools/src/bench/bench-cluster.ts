import { Client } from '@quorate/client';
import { ClusterMember, until } from '@quorate/e2e';
import type { rpcpb } from '@quorate/wire';
import { join } from 'node:path';
import { asShipped, commonFlags } from './bench-run.ts';
import type { Contender, EtcdSetting, SideName } from './results.ts';

const memberCount = 3;
const askTimeoutMs = 2_000;
const changeTimeoutMs = 10_000;

/** Nothing that a cluster owes us takes longer, unless something is wrong. */
const patienceMs = 120_000;

/** Who leads whom. */
export interface Roles {
  readonly leader: ClusterMember;
  /** The first member that does not lead. */
  readonly follower: ClusterMember;
  readonly term: bigint;
  /** The revision that all members have. */
  readonly revision: number;
}

/** Three members of one kind, each a process of its own. */
export class BenchCluster implements AsyncDisposable {
  readonly side: Contender;
  readonly #setting: EtcdSetting;
  readonly #dir: string;
  readonly #flags: readonly string[];
  #members: readonly ClusterMember[] = [];
  #created = 0;

  private constructor(options: {
    readonly side: Contender;
    readonly dir: string;
    readonly flags: readonly string[];
    readonly setting: EtcdSetting;
  }) {
    this.side = options.side;
    this.#setting = options.setting;
    this.#dir = join(options.dir, options.side);
    this.#flags = [...commonFlags, ...options.setting.flags, ...options.flags];
  }

  /** Starts a new cluster, its data below `dir`, and waits until all members serve. */
  static async start(options: {
    readonly side: Contender;
    readonly dir: string;
    readonly flags?: readonly string[];
    /** How the members are started, when they are of a tuned etcd. */
    readonly setting?: EtcdSetting;
  }): Promise<BenchCluster> {
    const cluster = new BenchCluster({ flags: [], setting: asShipped, ...options });
    try {
      for (let i = 0; i < memberCount; i++) cluster.#members = [...cluster.#members, await cluster.#create()];
      const initialCluster = cluster.#initialCluster;
      for (const member of cluster.#members) member.bootstrap({ initialCluster, state: 'new' });
      await Promise.all(cluster.#members.map((member) => member.start()));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The members, those that are down as well. */
  get members(): readonly ClusterMember[] {
    return this.#members;
  }

  /** Of the members that run. */
  get pids(): readonly number[] {
    return this.#running.map(({ pid }) => pid);
  }

  /** Waits until the members that run agree on their leader and have all that was written. */
  async settled(): Promise<Roles> {
    const members = this.#running;
    await using client = this.client();
    return await until(
      `the members of ${this.side} to agree`,
      async () => {
        const asked = members.map(({ endpoint }) =>
          client.maintenance.status({}, { endpoint, timeoutMs: askTimeoutMs }),
        );
        return rolesOf(members, await Promise.all(asked));
      },
      { timeoutMs: patienceMs },
    );
  }

  /** Starts the members that do not run. */
  async revive(): Promise<void> {
    await Promise.all(this.#members.filter(({ isRunning }) => !isRunning).map((member) => member.start()));
  }

  /** What a member says of itself. */
  async status({ endpoint }: ClusterMember): Promise<rpcpb.StatusResponse> {
    await using client = this.client();
    return await client.maintenance.status({}, { endpoint, timeoutMs: askTimeoutMs });
  }

  /** A client of the members that run. */
  client(): Client {
    return new Client({ endpoints: this.#running.map(({ endpoint }) => endpoint) });
  }

  /** Takes a member out, its process and data as well; the others go on. */
  async remove(member: ClusterMember): Promise<void> {
    if (member.isRunning) await member.kill();
    this.#members = this.#members.filter((other) => other !== member);
    await this.#change(`${member.name} to be removed`, async (client, members) => {
      const found = members.find(({ peerURLs }) => peerURLs.includes(member.peerUrl));
      if (found === undefined) return true;
      await client.cluster.memberRemove({ ID: found.ID }, { timeoutMs: changeTimeoutMs });
      return undefined;
    });
    await member.wipe();
  }

  /** Tells the cluster of a new member, which is to be launched then. */
  async add(): Promise<ClusterMember> {
    const member = await this.#create();
    await this.#change(`${member.name} to be added`, async (client, members) => {
      if (members.some(({ peerURLs }) => peerURLs.includes(member.peerUrl))) return true;
      await client.cluster.memberAdd({ peerURLs: [member.peerUrl] }, { timeoutMs: changeTimeoutMs });
      return undefined;
    });
    this.#members = [...this.#members, member];
    member.bootstrap({ initialCluster: this.#initialCluster, state: 'existing' });
    return member;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member[Symbol.asyncDispose]()));
    await Promise.all(this.#members.map((member) => member.wipe()));
  }

  get #running(): readonly ClusterMember[] {
    return this.#members.filter(({ isRunning }) => isRunning);
  }

  get #initialCluster(): string {
    return this.#members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  }

  /** Until the list of members is as wanted: a young cluster refuses changes for some seconds. */
  async #change(
    what: string,
    attempt: (client: Client, members: readonly rpcpb.Member[]) => Promise<true | undefined>,
  ): Promise<void> {
    await using client = this.client();
    await until(what, async () => {
      const { members } = await client.cluster.memberList(
        { linearizable: true },
        { timeoutMs: askTimeoutMs },
      );
      return attempt(client, members);
    });
  }

  #create(): Promise<ClusterMember> {
    const name = `m${++this.#created}`;
    return ClusterMember.create({
      name,
      kind: this.side === 'quorate' ? 'quorate' : 'etcd',
      env: this.#setting.env,
      dataDir: join(this.#dir, name),
      flags: this.#flags,
    });
  }
}

/** Undefined while the members do not agree. */
function rolesOf(
  members: readonly ClusterMember[],
  answers: readonly rpcpb.StatusResponse[],
): Roles | undefined {
  const [first] = answers;
  if (first === undefined) return undefined;
  const agree = answers.every(
    ({ leader, raftTerm, header }) =>
      leader === first.leader && raftTerm === first.raftTerm && header?.revision === first.header?.revision,
  );
  const leader = members[answers.findIndex(({ header }) => header?.memberId === first.leader)];
  const follower = members.find((member) => member !== leader);
  if (!agree || leader === undefined || follower === undefined) return undefined;
  return { leader, follower, term: first.raftTerm, revision: Number(first.header?.revision ?? 0n) };
}

/** Both sides, each with a cluster. The one that is not measured idles. */
export async function withClusters<T>(
  options: { readonly dir: string; readonly flags?: readonly string[] },
  use: (clusters: Readonly<Record<SideName, BenchCluster>>) => Promise<T>,
): Promise<T> {
  await using etcd = await BenchCluster.start({ ...options, side: 'etcd' });
  await using quorate = await BenchCluster.start({ ...options, side: 'quorate' });
  return await use({ quorate, etcd });
}
