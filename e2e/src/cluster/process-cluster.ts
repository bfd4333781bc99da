import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientOptions } from '@quorate/client';
import type { MemberKind } from '../member-process.ts';
import { ClusterMember } from './cluster-member.ts';
import { askTimeoutMs, leaderOf, untilEqual } from './consensus.ts';
import type { JudgedMember } from './judged.ts';
import { until } from './until.ts';

/** What a cluster is made of. */
export interface ProcessClusterOptions {
  /** One for each member. */
  readonly kinds: readonly MemberKind[];
  /** Further flags of every member. */
  readonly flags?: readonly string[];
}

const changeTimeoutMs = 2_000;
/** As much as a stack needs. */
const lastWordsLengthMax = 2_000;

/** Members on loopback, each a process of its own, Quorate's and real etcd's as asked for. */
export class ProcessCluster implements AsyncDisposable {
  readonly folder: string;
  /** As whom its clients call from now on, once authentication is on. */
  credentials: ClientOptions['auth'];
  readonly #flags: readonly string[];
  #members: readonly ClusterMember[] = [];
  /** Those that were removed as well: their processes are ours until the end. */
  readonly #everybody: ClusterMember[] = [];
  #isKept = false;

  private constructor(folder: string, flags: readonly string[]) {
    this.folder = folder;
    this.#flags = flags;
  }

  /** Starts a new cluster and waits until all members serve. */
  static async start({ kinds, flags = [] }: ProcessClusterOptions): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(await mkdtemp(join(tmpdir(), 'quorate-cluster-')), flags);
    try {
      for (const kind of kinds) cluster.#members = [...cluster.#members, await cluster.#create(kind)];
      const bootstrap = { initialCluster: cluster.#initialCluster, state: 'new' } as const;
      for (const member of cluster.#members) member.bootstrap(bootstrap);
      await Promise.all(cluster.#members.map((member) => member.start()));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The members, in the order in which they came; those that are down as well. */
  get members(): readonly ClusterMember[] {
    return this.#members;
  }

  /** The members that run and are not paused. */
  get alive(): readonly ClusterMember[] {
    return this.#members.filter(({ isRunning, isPaused }) => isRunning && !isPaused);
  }

  get endpoints(): readonly string[] {
    return this.#members.map(({ endpoint }) => endpoint);
  }

  /** A client of the members that are alive. */
  client(members: readonly JudgedMember[] = this.alive): Client {
    const { credentials } = this;
    const endpoints = members.map(({ endpoint }) => endpoint);
    return new Client({ endpoints, ...(credentials !== undefined && { auth: credentials }) });
  }

  /** The member that leads, once one of the members alive says so of itself and most others of it. */
  async leader(): Promise<ClusterMember> {
    return leaderOf(() => ({
      alive: this.alive,
      size: this.#members.length,
      client: (members) => this.client(members),
    }));
  }

  /** A member alive that does not lead. */
  async follower(): Promise<ClusterMember> {
    const leader = await this.leader();
    const follower = this.alive.find((member) => member !== leader);
    if (follower === undefined) throw new Error('there is no follower');
    return follower;
  }

  /** Has this member lead. */
  async moveLeader(to: ClusterMember): Promise<void> {
    await using client = this.client();
    await until(`${to.name} to lead`, async () => {
      const leader = await this.leader();
      if (leader === to) return true;
      const { id } = await this.#find(client, to);
      const options = { endpoint: leader.endpoint, timeoutMs: changeTimeoutMs };
      await client.maintenance.moveLeader({ targetID: id }, options);
      return undefined;
    });
  }

  /** A member that may be added, by whatever means. */
  prepare(kind: MemberKind): Promise<ClusterMember> {
    return this.#create(kind);
  }

  /** A member was removed from the cluster, by whatever means. */
  forget(member: ClusterMember): void {
    this.#members = this.#members.filter((other) => other !== member);
  }

  /** Adds a new member and starts it. */
  async add(kind: MemberKind, options: { readonly isLearner?: boolean } = {}): Promise<ClusterMember> {
    const member = await this.#create(kind);
    await this.rejoin(member, options);
    return member;
  }

  /** Tells the cluster of a member without data, which is not one of it (any more), and starts it. */
  async rejoin(
    member: ClusterMember,
    { isLearner = false }: { readonly isLearner?: boolean } = {},
  ): Promise<void> {
    await using client = this.client();
    await until(`${member.name} to be added`, async () => {
      const { members } = await client.cluster.memberList(
        { linearizable: true },
        { timeoutMs: askTimeoutMs },
      );
      if (members.some(({ peerURLs }) => peerURLs.includes(member.peerUrl))) return true;
      await client.cluster.memberAdd(
        { peerURLs: [member.peerUrl], isLearner },
        { timeoutMs: changeTimeoutMs },
      );
      return true;
    });
    this.#members = [...this.#members, member];
    member.bootstrap({ initialCluster: this.#initialCluster, state: 'existing' });
    await member.start();
  }

  /** Makes a learner a voter, as soon as it has caught up. */
  async promote(member: ClusterMember): Promise<void> {
    await using client = this.client(this.alive.filter((other) => other !== member));
    await until(`${member.name} to be promoted`, async () => {
      const { id, isLearner } = await this.#find(client, member);
      if (isLearner) await client.cluster.memberPromote({ ID: id }, { timeoutMs: changeTimeoutMs });
      return true;
    });
  }

  /** Takes a member out of the cluster; what becomes of its process is up to it. */
  async remove(member: ClusterMember): Promise<void> {
    await using client = this.client(this.alive.filter((other) => other !== member));
    const { id } = await until(`the ID of ${member.name}`, () => this.#find(client, member));
    await until(`${member.name} to be removed`, async () => {
      const { members } = await client.cluster.memberList(
        { linearizable: true },
        { timeoutMs: askTimeoutMs },
      );
      if (members.every(({ ID }) => ID !== id)) return true;
      await client.cluster.memberRemove({ ID: id }, { timeoutMs: changeTimeoutMs });
      return true;
    });
    this.forget(member);
  }

  /** @throws Error with its last words when a member does not run */
  checkRunning(): void {
    const gone = this.#members.find(({ isRunning }) => !isRunning);
    if (gone === undefined) return;
    const words = gone.output.trimEnd().split('\n').at(-1) ?? '';
    throw new Error(`${gone.name} has ended by itself: ${words.slice(0, lastWordsLengthMax)}`);
  }

  /**
   * Waits until all members are at one revision, and compares their hashes of it.
   *
   * @throws Error that tells the hashes apart
   */
  async untilEqual(): Promise<{ readonly revision: bigint; readonly hash: number }> {
    return untilEqual(this);
  }

  /** Writes what the members have logged to files in the folder, which then outlives the cluster. */
  async keepLogs(): Promise<void> {
    for (const { name, output } of this.#everybody) await writeFile(join(this.folder, `${name}.log`), output);
    this.#isKept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#everybody.map((member) => member[Symbol.asyncDispose]()));
    if (!this.#isKept) await rm(this.folder, { recursive: true, force: true });
  }

  async #find(client: Client, { peerUrl }: ClusterMember): Promise<{ id: bigint; isLearner: boolean }> {
    const { members } = await client.cluster.memberList({ linearizable: true }, { timeoutMs: askTimeoutMs });
    const found = members.find(({ peerURLs }) => peerURLs.includes(peerUrl));
    if (found === undefined) throw new Error(`no member has the peer URL ${peerUrl}`);
    return { id: found.ID, isLearner: found.isLearner };
  }

  async #create(kind: MemberKind, flags: readonly string[] = []): Promise<ClusterMember> {
    const name = `m${this.#everybody.length + 1}`;
    const dataDir = join(this.folder, name);
    const member = await ClusterMember.create({ name, kind, dataDir, flags: [...this.#flags, ...flags] });
    this.#everybody.push(member);
    return member;
  }

  get #initialCluster(): string {
    return this.#members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  }
}

/**
 * Does something with a cluster, which is gone afterwards. When it fails, the logs of the members stay, and the
 * error tells where.
 */
export async function withCluster<T>(
  options: ProcessClusterOptions,
  use: (cluster: ProcessCluster) => Promise<T>,
): Promise<T> {
  await using cluster = await ProcessCluster.start(options);
  try {
    return await use(cluster);
  } catch (error) {
    await cluster.keepLogs();
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${text}\nThe logs of the members are in ${cluster.folder}.`, { cause: error });
  }
}
