import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@quorate/client';
import { leaderOf } from '../cluster/consensus.ts';
import type { JudgedCluster, JudgedMember } from '../cluster/judged.ts';
import { until } from '../cluster/until.ts';
import { ContainerGateway } from './container-gateway.ts';
import { ContainerMember, type ClusterNetworks, type MemberExtras } from './container-member.ts';
import { removePartsOf } from './container.ts';
import { imageUser } from './images.ts';
import { engineApi, ownLabels } from './runtime.ts';

/** What a cluster is made of. */
export interface ContainerClusterOptions {
  /** Default 3. */
  readonly size?: number;
  /** Default 0. */
  readonly gateways?: number;
  /** Further flags of every member. */
  readonly flags?: readonly string[];
  /** Size of the disk of the last member, which is in memory then. */
  readonly smallDiskBytes?: number;
  /** What the containers of members have besides. */
  readonly more?: MemberExtras;
  readonly healthIntervalMs?: number;
}

/** Members and gateways in containers, in networks of their own, with their client ports on the loopback. */
export class ContainerCluster implements JudgedCluster, AsyncDisposable {
  readonly networks: ClusterNetworks;
  readonly #volumes: string[] = [];
  #members: readonly ContainerMember[] = [];
  #gateways: readonly ContainerGateway[] = [];

  private constructor() {
    const id = randomUUID().slice(0, 8);
    this.networks = { clients: `quorate-e2e-${id}-clients`, peers: `quorate-e2e-${id}-peers` };
  }

  /** Starts a new cluster and waits until it has a leader that all know, and its gateways serve. */
  static async start(options: ContainerClusterOptions = {}): Promise<ContainerCluster> {
    const cluster = new ContainerCluster();
    try {
      await cluster.#start(options);
      return cluster;
    } catch (error) {
      const logs = await cluster.keepLogs().catch(() => 'nowhere');
      await cluster[Symbol.asyncDispose]();
      throw new Error(`the cluster did not start; its logs are in ${logs}`, { cause: error });
    }
  }

  get members(): readonly ContainerMember[] {
    return this.#members;
  }

  get gateways(): readonly ContainerGateway[] {
    return this.#gateways;
  }

  /** The members that run, are not paused, and reach each other. */
  get alive(): readonly ContainerMember[] {
    return this.#members.filter(({ isAlive }) => isAlive);
  }

  client(members: readonly JudgedMember[] = this.alive): Client {
    return new Client({ endpoints: members.map(({ endpoint }) => endpoint) });
  }

  /** The member that leads those that are alive. */
  async leader(): Promise<ContainerMember> {
    return leaderOf(() => ({
      alive: this.alive,
      size: this.#members.length,
      client: (members) => this.client(members),
    }));
  }

  /** A member alive that does not lead. */
  async follower(): Promise<ContainerMember> {
    const leader = await this.leader();
    const follower = this.alive.find((member) => member !== leader);
    if (follower === undefined) throw new Error('there is no follower');
    return follower;
  }

  /** Has this member lead. */
  async moveLeader(to: ContainerMember): Promise<void> {
    await using client = this.client();
    await until(`${to.name} to lead`, async () => {
      const leader = await this.leader();
      if (leader === to) return true;
      const { header } = await client.maintenance.status({}, { endpoint: to.endpoint, timeoutMs: 1_000 });
      const options = { endpoint: leader.endpoint, timeoutMs: 5_000 };
      await client.maintenance.moveLeader({ targetID: header!.memberId }, options);
      return undefined;
    });
  }

  /** Waits until a member serves. */
  async untilServing(member: ContainerMember): Promise<void> {
    await using client = this.client([member]);
    await until(`${member.name} to serve`, async () => {
      await client.kv.range({ key: Buffer.from('nothing') }, { timeoutMs: 1_000 });
      return true;
    });
  }

  async checkRunning(): Promise<void> {
    for (const member of this.#members) {
      const complaint = await member.complaint();
      if (complaint !== undefined) throw new Error(complaint);
    }
  }

  /** Writes what all containers have logged to files; returns the folder, which outlives the cluster. */
  async keepLogs(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-containers-'));
    for (const member of this.#members)
      await writeFile(join(folder, `${member.name}.log`), await member.logs());
    for (const { name, container } of this.#gateways)
      await writeFile(join(folder, `${name}.log`), await container.logs());
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const api = await engineApi();
    await removePartsOf(this.networks.clients);
    for (const volume of this.#volumes) await ignoreAbsence(api.getVolume(volume).remove());
    for (const network of Object.values<string>({ ...this.networks }))
      await ignoreAbsence(api.getNetwork(network).remove());
  }

  async #start({ size = 3, gateways = 0, flags = [], ...others }: ContainerClusterOptions): Promise<void> {
    const { smallDiskBytes, more, healthIntervalMs } = others;
    await this.#createNetworks();
    const names = Array.from({ length: size }, (_, at) => `m${at + 1}`);
    const initialCluster = names.map((name) => `${name}=${ContainerMember.peerUrl(name)}`).join(',');
    for (const [at, name] of names.entries()) {
      const volume = await this.#createVolume(name, at === size - 1 ? smallDiskBytes : undefined);
      const member = await ContainerMember.create({
        ...{ name, volume, initialCluster, flags, networks: this.networks },
        more: { ...more, ...(healthIntervalMs !== undefined && { healthIntervalMs }) },
      });
      this.#members = [...this.#members, member];
    }
    await Promise.all(this.#members.map((member) => member.start()));
    const endpoints = names.map((name) => `${name}:2379`);
    this.#gateways = await Promise.all(
      Array.from({ length: gateways }, (_, at) =>
        ContainerGateway.start({
          ...{ name: `g${at + 1}`, network: this.networks.clients },
          // Each begins with another member.
          endpoints: [...endpoints.slice(at), ...endpoints.slice(0, at)],
          ...(healthIntervalMs !== undefined && { healthIntervalMs }),
        }),
      ),
    );
    await Promise.all(this.#members.map((member) => this.untilServing(member)));
    for (const { url, name } of this.#gateways)
      await until(`${name} to serve`, async () => (await fetch(`${url}/health`)).ok || undefined);
  }

  /** Members have a network among themselves, so that it can be taken from them without their clients' noticing. */
  async #createNetworks(): Promise<void> {
    const api = await engineApi();
    const { clients, peers } = this.networks;
    const common = { Driver: 'bridge', CheckDuplicate: true, Labels: ownLabels };
    await api.createNetwork({ ...common, Name: clients });
    await api.createNetwork({ ...common, Name: peers, Internal: true });
  }

  async #createVolume(member: string, sizeBytes: number | undefined): Promise<string> {
    const name = `${this.networks.clients}-${member}`;
    const o = `size=${sizeBytes},uid=${imageUser},gid=${imageUser},mode=700`;
    await (
      await engineApi()
    ).createVolume({
      Name: name,
      Labels: ownLabels,
      ...(sizeBytes !== undefined && { DriverOpts: { type: 'tmpfs', device: 'tmpfs', o } }),
    });
    this.#volumes.push(name);
    return name;
  }
}

async function ignoreAbsence(removal: Promise<unknown>): Promise<void> {
  await removal.catch((error: { readonly statusCode?: number }) => {
    if (error.statusCode !== 404) throw error;
  });
}

/**
 * Does something with a cluster, which is gone afterwards. When it fails, the logs of its containers stay, and the
 * error tells where.
 */
export async function withContainers<T>(
  options: ContainerClusterOptions,
  use: (cluster: ContainerCluster) => Promise<T>,
): Promise<T> {
  await using cluster = await ContainerCluster.start(options);
  try {
    return await use(cluster);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${text}\nThe logs of the containers are in ${await cluster.keepLogs()}.`, {
      cause: error,
    });
  }
}
