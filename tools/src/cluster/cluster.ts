import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterMember, endpointOf, peerUrlOf, type MemberEnd, type MemberSetup } from './member.ts';
import { ClusterError, portsOf, type ClusterOptions } from './options.ts';
import { checkPortsAreFree } from './ports.ts';
import type { Printer } from './printer.ts';

/** Pause before a member that died is started again. */
const restartPauseMs = 1_000;

/** A signal that follows another one within this time is the same one. */
const repeatedSignalMs = 1_000;

/** Members on this machine, each a process; what they write goes to one printer. */
export class LocalCluster {
  readonly #options: ClusterOptions;
  readonly #printer: Printer;
  readonly #setups: readonly MemberSetup[];
  readonly #running = new Map<string, ClusterMember>();
  readonly #over = Promise.withResolvers<number>();
  #stoppingSinceMs: number | undefined;

  constructor(options: ClusterOptions, printer: Printer) {
    this.#options = options;
    this.#printer = printer;
    const ports = portsOf(options);
    const initialCluster = ports.map((port, at) => `m${at + 1}=${peerUrlOf(port)}`).join(',');
    this.#setups = ports.map((port, at) => ({
      name: `m${at + 1}`,
      ports: port,
      dataDir: join(options.dataDir, `m${at + 1}`),
      initialCluster,
      flags: options.memberFlags,
    }));
  }

  /** Resolves with an exit code when no member runs any more. */
  get over(): Promise<number> {
    return this.#over.promise;
  }

  /**
   * Starts all members and waits until they serve.
   *
   * @throws ClusterError when a port is taken, the data is another cluster's, or a member ends at once
   */
  async start(): Promise<void> {
    await checkPortsAreFree(this.#setups.map(({ ports }) => ports));
    await this.#claimDataDir();
    const started = this.#setups.map((setup) => this.#startMember(setup));
    await Promise.all(started.map((member, at) => this.#untilReady(member, this.#setups[at]?.name ?? '')));
    this.#printer.text(this.#welcome());
  }

  /** Asks all members to stop, and waits until they have. Asked again a while later it kills them. */
  async stop(): Promise<void> {
    const nowMs = performance.now();
    if (this.#stoppingSinceMs !== undefined) {
      // One Ctrl-C can come twice: from the terminal, and passed on by npm.
      if (nowMs - this.#stoppingSinceMs >= repeatedSignalMs) this.kill();
      return;
    }
    this.#stoppingSinceMs = nowMs;
    if (this.#running.size > 0) this.#printer.say(`stopping ${[...this.#running.keys()].join(', ')}`);
    await Promise.all([...this.#running.values()].map((member) => member.stop()));
    this.#over.resolve(0);
  }

  /** Ends all members at once. */
  kill(): void {
    for (const member of this.#running.values()) member.kill();
  }

  get #isStopping(): boolean {
    return this.#stoppingSinceMs !== undefined;
  }

  #startMember(setup: MemberSetup): ClusterMember {
    const at = this.#setups.indexOf(setup);
    const member = new ClusterMember(setup, (line) => this.#printer.memberLine(setup.name, at, line));
    this.#running.set(setup.name, member);
    void member.ended.then((end) => this.#onEnd(setup, member, end));
    return member;
  }

  async #untilReady(member: ClusterMember, name: string): Promise<void> {
    const end = await Promise.race([member.ready, member.ended]);
    if (end === undefined || this.#isStopping) return;
    throw new ClusterError(`${name} ${end.how} before it served: its lines above say why`);
  }

  #onEnd(setup: MemberSetup, member: ClusterMember, { how, wasAsked }: MemberEnd): void {
    this.#running.delete(setup.name);
    if (this.#isStopping || wasAsked) return;
    // One that never served would not do so the next time.
    const restart = this.#options.restart && member.wasReady;
    this.#printer.say(
      `${setup.name} (pid ${member.pid}) ${how}; ` +
        (restart ? 'starting it again' : `${this.#running.size} of ${this.#setups.length} members run`),
    );
    if (restart) {
      setTimeout(() => {
        if (!this.#isStopping) this.#startMember(setup);
      }, restartPauseMs);
    } else if (this.#running.size === 0) {
      this.#over.resolve(1);
    }
  }

  /** Writes down whose the directory is: members of another size or at other ports would not fit their logs. */
  async #claimDataDir(): Promise<void> {
    const { dataDir } = this.#options;
    const path = join(dataDir, 'cluster.json');
    const ours = `${JSON.stringify({ members: this.#setups.map(({ name, ports }) => ({ name, ...ports })) })}\n`;
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const theirs = await readFile(path, 'utf8').catch(() => undefined);
    if (theirs !== undefined && theirs !== ours) {
      throw new ClusterError(
        `${dataDir} holds the data of a cluster with other members or ports: start it as it was, choose another ` +
          '--data-dir, or remove it',
      );
    }
    await writeFile(path, ours);
  }

  #welcome(): string {
    const endpoints = this.#setups.map(({ ports }) => endpointOf(ports));
    const all = `npx quoratectl --endpoints=${endpoints.join(',')}`;
    const last = this.#setups.at(-1)?.name ?? '';
    return [
      '',
      `A cluster of ${endpoints.length} serves etcd's v3 API. Try, in another terminal:`,
      '',
      `  ${all} member list -w table`,
      `  ${all} endpoint status -w table`,
      `  ${all} put greeting hello`,
      `  npx quoratectl --endpoints=${endpoints.at(-1)} get greeting`,
      ...(endpoints.length < 3
        ? []
        : [`  kill -9 ${this.#running.get(last)?.pid} # ends ${last}; the others go on`]),
      '',
      `Data lies in ${this.#options.dataDir}. Ctrl-C stops all members.`,
      '',
      '',
    ].join('\n');
  }
}
