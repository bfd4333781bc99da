import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { MemberPorts } from './options.ts';

const program = resolve(import.meta.dirname, '../../../apps/server/bin/quorate.js');

/** How long a member may take to stop before it is killed. */
const stopGraceMs = 20_000;

/** What one member is. */
export interface MemberSetup {
  readonly name: string;
  readonly ports: MemberPorts;
  readonly dataDir: string;
  readonly initialCluster: string;
  readonly flags: readonly string[];
}

/** How a process ended, in words, and whether it was asked to. */
export interface MemberEnd {
  readonly how: string;
  readonly wasAsked: boolean;
}

/** The client URL of a member, without its scheme. */
export function endpointOf({ client }: MemberPorts): string {
  return `127.0.0.1:${client}`;
}

/** The peer URL of a member. */
export function peerUrlOf({ peer }: MemberPorts): string {
  return `http://127.0.0.1:${peer}`;
}

/** One member as a process of its own. */
export class ClusterMember {
  readonly pid: number;
  /** Resolves when it serves; never when it ends before. */
  readonly ready: Promise<void>;
  readonly ended: Promise<MemberEnd>;
  readonly #child: ChildProcess;
  #wasAsked = false;
  #wasReady = false;

  /** @param onLine called with every line that it writes */
  constructor(setup: MemberSetup, onLine: (line: string) => void) {
    this.#child = spawn(process.execPath, [program, ...flagsOf(setup)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // In a group of its own, so that a Ctrl-C of the terminal does not reach it beside our own word.
      detached: true,
      env: withoutEtcdVariables(process.env),
    });
    this.pid = this.#child.pid ?? 0;
    // Not `exit`: its last lines are to be seen before its end is told.
    this.ended = once(this.#child, 'close').then(
      ([code, signal]) => ({
        how: typeof signal === 'string' ? `was ended by ${signal}` : `ended with code ${code}`,
        wasAsked: this.#wasAsked,
      }),
      (error: unknown) => ({ how: `could not be started (${String(error)})`, wasAsked: false }),
    );
    const { promise, resolve: isReady } = Promise.withResolvers<void>();
    this.ready = promise;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        onLine(line);
        if (!line.includes('"msg":"ready to serve"')) return;
        this.#wasReady = true;
        isReady();
      });
    }
  }

  /** Whether it has served. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Asks it to stop, and kills it when it takes too long. */
  async stop(): Promise<void> {
    this.#wasAsked = true;
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.kill(), stopGraceMs);
    await this.ended;
    clearTimeout(late);
  }

  /** Ends it at once. */
  kill(): void {
    this.#wasAsked = true;
    this.#child.kill('SIGKILL');
  }
}

function flagsOf({ name, ports, dataDir, initialCluster, flags }: MemberSetup): string[] {
  const client = `http://${endpointOf(ports)}`;
  const peer = peerUrlOf(ports);
  return [
    `--name=${name}`,
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${initialCluster}`,
    ...flags,
  ];
}

/** What is set for another etcd must not reach all members at once. */
function withoutEtcdVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ETCD_')));
}
