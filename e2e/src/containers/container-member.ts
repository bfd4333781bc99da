import type { JudgedMember } from '../cluster/judged.ts';
import { freePort } from '@quorate/std/testing';
import { Container, type ContainerSpec } from './container.ts';
import { images, memberVolume } from './images.ts';

/** The two networks of a cluster: one for all, and one that only members are in. */
export interface ClusterNetworks {
  readonly clients: string;
  readonly peers: string;
}

/** What a member is made of, besides its name. */
export interface ContainerMemberOptions {
  readonly name: string;
  readonly networks: ClusterNetworks;
  readonly volume: string;
  /** `name=url,…` */
  readonly initialCluster: string;
  /** Further flags of every start. */
  readonly flags: readonly string[];
  /** What its container has besides. */
  readonly more?: MemberExtras;
}

/** What a member's container may have besides. */
export type MemberExtras = Pick<ContainerSpec, 'isReadOnly' | 'slowDisk' | 'healthIntervalMs'> & {
  readonly image?: string;
};

/** A member of a cluster in a container of its own, with a volume that outlives the container. */
export class ContainerMember implements JudgedMember {
  readonly name: string;
  readonly kind = 'quorate';
  readonly endpoint: string;
  readonly #options: ContainerMemberOptions;
  readonly #ports: { readonly client: number; readonly peer: number };
  #container: Container | undefined;
  /** Logs of containers that are gone. */
  #earlierLogs = '';
  #starts = 0;
  #isRunning = false;
  #isPaused = false;
  #isIsolated = false;

  /** Its URL for other members of the cluster. */
  static peerUrl(name: string): string {
    return `http://${name}-peer:2380`;
  }

  static async create(options: ContainerMemberOptions): Promise<ContainerMember> {
    return new ContainerMember(options, { client: await freePort(), peer: await freePort() });
  }

  private constructor(
    options: ContainerMemberOptions,
    ports: { readonly client: number; readonly peer: number },
  ) {
    this.#options = options;
    this.#ports = ports;
    this.name = options.name;
    this.endpoint = `127.0.0.1:${ports.client}`;
  }

  get starts(): number {
    return this.#starts;
  }

  /** The volume with its data. */
  get volume(): string {
    return this.#options.volume;
  }

  /** Whether it runs and can take part in what the others do. */
  get isAlive(): boolean {
    return this.#isRunning && !this.#isPaused && !this.#isIsolated;
  }

  get container(): Container {
    if (this.#container === undefined) throw new Error(`${this.name} has no container`);
    return this.#container;
  }

  /** Starts it, in the container that it has or in a new one; it serves once the cluster does. */
  async start(): Promise<void> {
    this.#starts++;
    this.#isRunning = true;
    if (this.#container === undefined) this.#container = await Container.start(this.#spec({}));
    else await this.#container.startAgain();
  }

  async kill(): Promise<void> {
    this.#isRunning = false;
    await this.container.kill();
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(): Promise<number> {
    this.#isRunning = false;
    return this.container.stop();
  }

  /** Resolves to the exit code when it ends by itself. */
  async ended(): Promise<number> {
    const code = await this.container.ended();
    this.#isRunning = false;
    return code;
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.container.pause();
  }

  async unpause(): Promise<void> {
    await this.container.unpause();
    this.#isPaused = false;
  }

  /** Takes it out of the network of the members, and out of the other one too unless its clients are to keep it. */
  async isolate({ keepsClients }: { readonly keepsClients: boolean }): Promise<void> {
    const { clients, peers } = this.#options.networks;
    this.#isIsolated = true;
    await this.container.disconnect(peers);
    if (!keepsClients) await this.container.disconnect(clients);
  }

  /** Puts it back where it was; twice is harmless. */
  async rejoin(): Promise<void> {
    const connected = Object.keys((await this.container.inspect()).NetworkSettings.Networks);
    for (const attachment of this.#attachments)
      if (!connected.includes(attachment.network)) await this.container.connect(attachment);
    this.#isIsolated = false;
  }

  /** Puts another container in the place of the one it has, which is stopped, around the same data. */
  async replaceContainer(more: MemberExtras): Promise<void> {
    const code = await this.stop();
    if (code !== 0) throw new Error(`${this.name} was stopped and ended with ${code}`);
    this.#earlierLogs = await this.logs();
    await this.container.remove();
    this.#container = await Container.start(this.#spec(more));
    this.#starts++;
    this.#isRunning = true;
  }

  async logs(): Promise<string> {
    return this.#earlierLogs + ((await this.#container?.logs()) ?? '');
  }

  /** Why it does not run, where it should. */
  async complaint(): Promise<string | undefined> {
    const { State: state } = await this.container.inspect();
    if (state.Running) return undefined;
    const words = (await this.logs()).trimEnd().split('\n').at(-1) ?? '';
    return `${this.name} has ended by itself with ${state.ExitCode}: ${words}`;
  }

  get #attachments(): NonNullable<ContainerSpec['attachments']> {
    const { name, networks } = this.#options;
    return [
      { network: networks.clients, aliases: [name] },
      { network: networks.peers, aliases: [`${name}-peer`] },
    ];
  }

  #spec(more: MemberExtras): ContainerSpec {
    const { name, volume, initialCluster, flags, more: always } = this.#options;
    return {
      image: images.member,
      partOf: this.#options.networks.clients,
      // With podman, testcontainers waits for all ports that an image exposes.
      ports: { 2379: this.#ports.client, 2380: this.#ports.peer },
      attachments: this.#attachments,
      volumes: { [memberVolume]: volume },
      command: [
        `--name=${name}`,
        '--listen-client-urls=http://0.0.0.0:2379',
        `--advertise-client-urls=http://${name}:2379`,
        '--listen-peer-urls=http://0.0.0.0:2380',
        `--initial-advertise-peer-urls=${ContainerMember.peerUrl(name)}`,
        `--initial-cluster=${initialCluster}`,
        ...flags,
      ],
      ...always,
      ...more,
    };
  }
}
