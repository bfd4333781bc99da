import { rm } from 'node:fs/promises';
import { launchMember, type MemberKind, type MemberProcess } from '../member-process.ts';
import { freePort } from '@quorate/std/testing';

/** What a member is started with the first time. */
export interface ClusterMemberOptions {
  readonly name: string;
  readonly kind: MemberKind;
  readonly dataDir: string;
  /** Further flags of every start. */
  readonly flags: readonly string[];
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a member comes to its cluster; one with data does not look at it. */
export interface Bootstrap {
  /** `name=url,…`, this member included. */
  readonly initialCluster: string;
  readonly state: 'new' | 'existing';
}

/** How long a member may take until it serves. */
const startPatienceMs = 60_000;

/** One member of a cluster on this machine: its name, ports and data, and its process while it runs. */
export class ClusterMember implements AsyncDisposable {
  readonly name: string;
  readonly kind: MemberKind;
  readonly dataDir: string;
  /** `host:port` of its client URL. */
  readonly endpoint: string;
  readonly peerUrl: string;
  readonly #flags: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #ports: { readonly client: number; readonly peer: number };
  readonly #outputs: string[] = [];
  #bootstrap: Bootstrap = { initialCluster: '', state: 'new' };
  #process: MemberProcess | undefined;
  #starts = 0;
  #isPaused = false;

  static async create(options: ClusterMemberOptions): Promise<ClusterMember> {
    return new ClusterMember(options, { client: await freePort(), peer: await freePort() });
  }

  private constructor(
    { name, kind, dataDir, flags, env = {} }: ClusterMemberOptions,
    ports: { readonly client: number; readonly peer: number },
  ) {
    this.name = name;
    this.kind = kind;
    this.dataDir = dataDir;
    this.#flags = flags;
    this.#env = env;
    this.#ports = ports;
    this.endpoint = `127.0.0.1:${ports.client}`;
    this.peerUrl = `http://127.0.0.1:${ports.peer}`;
  }

  /** Whether its process lives; a paused one does. */
  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Of its process, which must run. */
  get pid(): number {
    return this.#running.pid;
  }

  /** How often it was started: what one process has answered binds no other. */
  get starts(): number {
    return this.#starts;
  }

  /** What it has logged in all its lives. */
  get output(): string {
    return [...this.#outputs, this.#process?.output ?? ''].join('\n');
  }

  /** The same, for those that tell it later. */
  async logs(): Promise<string> {
    return this.output;
  }

  /** Resolves to the exit code of the process that runs, or undefined when a signal ended it. */
  get exited(): Promise<number | undefined> {
    return this.#running.exited;
  }

  /** Says how it comes to its cluster at its next start. */
  bootstrap(bootstrap: Bootstrap): void {
    this.#bootstrap = bootstrap;
  }

  /** Starts its process and waits until it serves. @throws Error with its log when it does not */
  async start(moreFlags: readonly string[] = []): Promise<void> {
    await this.launch(moreFlags);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`${this.name} does not serve:\n${this.output.slice(-10_000)}`)),
      startPatienceMs,
    );
    try {
      await Promise.race([this.#running.ready, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Starts its process and does not wait. */
  async launch(moreFlags: readonly string[] = []): Promise<void> {
    if (this.#process !== undefined) throw new Error(`${this.name} runs already`);
    this.#starts++;
    const launched = await launchMember(this.kind, {
      dataDir: this.dataDir,
      clientPort: this.#ports.client,
      peerPort: this.#ports.peer,
      flags: [
        `--name=${this.name}`,
        `--initial-cluster=${this.#bootstrap.initialCluster}`,
        `--initial-cluster-state=${this.#bootstrap.state}`,
        ...this.#flags,
        ...moreFlags,
      ],
      env: this.#env,
    });
    this.#process = launched;
    void launched.exited.then(() => {
      this.#outputs.push(launched.output);
      if (this.#process === launched) this.#process = undefined;
    });
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const { exited } = this.#running;
    await this.#running.kill();
    await exited;
    this.#process = undefined;
    this.#isPaused = false;
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(): Promise<number | undefined> {
    const code = await this.#running.stop();
    this.#process = undefined;
    return code;
  }

  /** SIGSTOP: it does nothing from here on, and nobody is told. */
  pause(): void {
    this.#running.pause();
    this.#isPaused = true;
  }

  /** SIGCONT. */
  resume(): void {
    this.#running.resume();
    this.#isPaused = false;
  }

  /** Takes its data away; it must not run. */
  async wipe(): Promise<void> {
    if (this.#process !== undefined) throw new Error(`${this.name} runs: its data is in use`);
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined) await this.kill();
  }

  get #running(): MemberProcess {
    if (this.#process === undefined) throw new Error(`${this.name} does not run`);
    return this.#process;
  }
}
