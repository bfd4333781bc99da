import { GenericContainer, StartupCheckStrategy } from 'testcontainers';
import { engineApi, ownLabels, type EngineApi } from './runtime.ts';

/** A network and the names that a container has in it. */
export interface Attachment {
  readonly network: string;
  readonly aliases: readonly string[];
}

/** What a container is made of. */
export interface ContainerSpec {
  readonly image: string;
  /** Whatever it is a part of: `removePartsOf` takes it away by that. */
  readonly partOf?: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** Ports of the container, at those of the loopback. */
  readonly ports?: Readonly<Record<number, number>>;
  /** The first is the one whose ports are reached from outside. None: it is on its own. */
  readonly attachments?: readonly Attachment[];
  /** Volumes by where they are mounted. */
  readonly volumes?: Readonly<Record<string, string>>;
  readonly user?: string;
  /** Nothing but volumes and `/tmp`, which is in memory then, can be written. */
  readonly isReadOnly?: boolean;
  /** Bounds what it writes to a disk, by the engine's control groups. */
  readonly slowDisk?: { readonly device: string; readonly writesPerSecond: number };
  /** Time between two health checks, in place of what the image says; in whole milliseconds. */
  readonly healthIntervalMs?: number;
}

/** What the engine says of a container. */
export type ContainerState = Awaited<ReturnType<Handle['inspect']>>;

type Handle = ReturnType<EngineApi['getContainer']>;

const startTimeoutMs = 60_000;
/** Longest time between SIGTERM and SIGKILL. */
const stopTimeoutSeconds = 30;
const nanosecondsPerMs = 1_000_000;
const frameHeadBytes = 8;
const partLabel = 'quorate.e2e.part-of';

/** A container of ours: made by testcontainers, and then treated badly. */
export class Container implements AsyncDisposable {
  readonly id: string;
  readonly #handle: Handle;

  private constructor(handle: Handle) {
    this.#handle = handle;
    this.id = handle.id;
  }

  /** Makes and starts a container; what runs in it may not be ready. @throws Error when the engine refuses */
  static async start(spec: ContainerSpec): Promise<Container> {
    const started = await new SpecifiedContainer(spec).withStartupTimeout(startTimeoutMs).start();
    return new Container((await engineApi()).getContainer(started.getId()));
  }

  async inspect(): Promise<ContainerState> {
    return this.#handle.inspect();
  }

  /** The health that the engine found last: `starting`, `healthy` or `unhealthy`. */
  async health(): Promise<string | undefined> {
    return (await this.inspect()).State.Health?.Status;
  }

  /** All it has written, to both outputs, in all its lives. */
  async logs(): Promise<string> {
    return textOfFrames(await this.#handle.logs({ stdout: true, stderr: true, follow: false }));
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#handle.kill({ signal: 'SIGKILL' });
    await this.ended();
  }

  /** Sends its first process a signal that does not end it. */
  async signal(name: 'SIGUSR2' | 'SIGHUP'): Promise<void> {
    await this.#handle.kill({ signal: name });
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(): Promise<number> {
    await this.#handle.stop({ t: stopTimeoutSeconds });
    return this.ended();
  }

  /** Resolves to the exit code once it does not run any more. */
  async ended(): Promise<number> {
    // The engine's API promises no type for the answer.
    const { StatusCode } = (await this.#handle.wait()) as { readonly StatusCode: number };
    return StatusCode;
  }

  /** Starts it again after its end, with the data that it has. */
  async startAgain(): Promise<void> {
    await this.#handle.start();
  }

  /** Freezes all its processes. */
  async pause(): Promise<void> {
    await this.#handle.pause();
  }

  async unpause(): Promise<void> {
    await this.#handle.unpause();
  }

  /** Takes it out of a network: its interface is gone, and nobody is told. */
  async disconnect(network: string): Promise<void> {
    await (await engineApi()).getNetwork(network).disconnect({ Container: this.id, Force: true });
  }

  async connect({ network, aliases }: Attachment): Promise<void> {
    const EndpointConfig = { Aliases: [...aliases] };
    await (await engineApi()).getNetwork(network).connect({ Container: this.id, EndpointConfig });
  }

  /** Ends it and takes it away, with volumes that have no name. Twice is harmless. */
  async remove(): Promise<void> {
    await removeContainer(this.#handle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

/** Ends and takes away all containers that are part of something, those that did not start included. */
export async function removePartsOf(whole: string): Promise<void> {
  const api = await engineApi();
  const filters = { label: [`${partLabel}=${whole}`] };
  const parts = await api.listContainers({ all: true, filters });
  await Promise.all(parts.map(({ Id }) => removeContainer(api.getContainer(Id))));
}

/** Started is enough: members wait for one another, and what does not come up tells why in its log, which stays. */
class NoWait extends StartupCheckStrategy {
  override async checkStartupState(): Promise<'SUCCESS'> {
    return 'SUCCESS';
  }
}

async function removeContainer(handle: Handle): Promise<void> {
  await handle.remove({ force: true, v: true }).catch((error: { readonly statusCode?: number }) => {
    if (error.statusCode !== 404) throw error;
  });
}

/** What testcontainers has no words for is said to the engine directly. */
class SpecifiedContainer extends GenericContainer {
  readonly #laterAttachments: readonly Attachment[];

  constructor(spec: ContainerSpec) {
    super(spec.image);
    const [first, ...others] = spec.attachments ?? [];
    this.#laterAttachments = others;
    this.withWaitStrategy(new NoWait())
      .withAutoCleanup(false)
      .withLabels({
        ...ownLabels,
        ...(spec.partOf !== undefined && { [partLabel]: spec.partOf }),
      });
    this.withPullPolicy({ shouldPull: () => 'never' });
    const ports = Object.entries(spec.ports ?? {});
    this.withExposedPorts(...ports.map(([container, host]) => ({ container: Number(container), host })));
    if (spec.command !== undefined) this.withCommand([...spec.command]);
    if (spec.entrypoint !== undefined) this.withEntrypoint([...spec.entrypoint]);
    if (spec.user !== undefined) this.withUser(spec.user);
    this.withNetworkMode(first?.network ?? 'none');
    if (first !== undefined) {
      const EndpointsConfig = { [first.network]: { Aliases: [...first.aliases] } };
      Object.assign(this.createOpts, { NetworkingConfig: { EndpointsConfig } });
    }
    this.#hold(spec);
  }

  protected override async containerCreated(id: string): Promise<void> {
    const api = await engineApi();
    for (const { network, aliases } of this.#laterAttachments) {
      const EndpointConfig = { Aliases: [...aliases] };
      await api.getNetwork(network).connect({ Container: id, EndpointConfig });
    }
  }

  #hold({ volumes = {}, isReadOnly = false, slowDisk, healthIntervalMs }: ContainerSpec): void {
    this.withBindMounts(Object.entries(volumes).map(([target, source]) => ({ source, target })));
    if (isReadOnly) {
      this.hostConfig.ReadonlyRootfs = true;
      this.withTmpFs({ '/tmp': 'rw,mode=1777' });
    }
    if (slowDisk !== undefined) {
      const limit = { Path: slowDisk.device, Rate: slowDisk.writesPerSecond };
      this.hostConfig.BlkioDeviceWriteIOps = [limit];
    }
    // Without a test of its own, that of the image stays.
    if (healthIntervalMs !== undefined)
      this.createOpts.Healthcheck = { Interval: healthIntervalMs * nanosecondsPerMs, Retries: 1 };
  }
}

/** Each piece of a log comes behind a head of eight bytes, which ends with its length. */
function textOfFrames(bytes: Buffer): string {
  const pieces: Buffer[] = [];
  for (let at = 0; at + frameHeadBytes <= bytes.length;) {
    const begin = at + frameHeadBytes;
    at = begin + bytes.readUInt32BE(at + 4);
    pieces.push(bytes.subarray(begin, at));
  }
  return Buffer.concat(pieces).toString('utf8');
}
