import { freePort } from '@quorate/std/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

export { freePort };

const root = resolve(import.meta.dirname, '../..');

/** A server of its own process: Quorate's or a real etcd's. */
export interface MemberProcess extends AsyncDisposable {
  /** `host:port` of the client URL. */
  readonly endpoint: string;
  readonly pid: number;
  /** What it has written to standard error so far. */
  readonly output: string;
  /** Resolves to the exit code, or undefined when a signal ended it. */
  readonly exited: Promise<number | undefined>;
  /** Resolves when it serves clients. @throws Error with its output when it ends before */
  readonly ready: Promise<void>;
  /** Ends it at once, as a crash of the process would. */
  kill(): Promise<void>;
  /** Asks it to stop and waits; kills it when it takes too long. */
  stop(): Promise<number | undefined>;
  /** Halts it where it stands, sockets open, until `resume`. */
  pause(): void;
  resume(): void;
}

/** Which server a member is. */
export type MemberKind = 'quorate' | 'etcd';

export interface MemberOptions {
  readonly dataDir: string;
  /** Further flags, e.g. `--snapshot-count=100`. */
  readonly flags?: readonly string[];
  readonly clientPort?: number;
  readonly peerPort?: number;
  /** Placed before the command, e.g. `strace` and its arguments. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Where a real etcd is, from `QUORATE_ETCD_BIN`; undefined when there is none to compare with. */
export const etcdBin: string | undefined = process.env['QUORATE_ETCD_BIN'] || undefined;

/** Starts a member of Quorate from the sources and waits until it serves. */
export async function startQuorate(options: MemberOptions): Promise<MemberProcess> {
  return started(await launchMember('quorate', options));
}

/** Starts a real etcd and waits until it serves. */
export async function startEtcd(options: MemberOptions): Promise<MemberProcess> {
  return started(await launchMember('etcd', options));
}

async function started(member: MemberProcess): Promise<MemberProcess> {
  await member.ready;
  return member;
}

/** Starts a member without waiting until it serves: one of several does so only when most of them run. */
export async function launchMember(kind: MemberKind, options: MemberOptions): Promise<MemberProcess> {
  const clientPort = options.clientPort ?? (await freePort());
  const peerPort = options.peerPort ?? (await freePort());
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const [file = '', ...args] = [
    ...(options.wrapper ?? []),
    ...commandOf(kind),
    `--data-dir=${options.dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    ...(options.flags ?? []),
  ];
  const child = spawn(file, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...withoutEtcdVariables(process.env), ...options.env },
  });
  return new RunningMember(child, `127.0.0.1:${clientPort}`, readyTexts[kind]);
}

/** What each says in its log when it serves clients. */
const readyTexts = { quorate: 'ready to serve"', etcd: '"ready to serve client requests"' } as const;

function commandOf(kind: MemberKind): string[] {
  if (kind === 'quorate') return [process.execPath, resolve(root, 'apps/server/bin/quorate.js')];
  if (etcdBin === undefined) throw new Error('QUORATE_ETCD_BIN names no folder with a real etcd');
  return [resolve(etcdBin, 'etcd')];
}

/** Whatever ends this process, say a test that takes too long, no member outlives it. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

class RunningMember implements MemberProcess {
  readonly endpoint: string;
  readonly exited: Promise<number | undefined>;
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  #output = '';

  constructor(child: ChildProcess, endpoint: string, readyText: string) {
    this.#child = child;
    this.endpoint = endpoint;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // Enough to find what went wrong at the start and at the end.
      this.#output = (this.#output + text).slice(-200_000);
    });
    living.add(child);
    this.exited = once(child, 'exit').then(([code]) => {
      living.delete(child);
      return typeof code === 'number' ? code : undefined;
    });
    this.ready = this.#waitFor(readyText);
    this.ready.catch(() => {}); // Whoever does not wait for it sees its end by `exited`.
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  async #waitFor(text: string): Promise<void> {
    const ended = this.exited.then((code) => {
      throw new Error(`the member ended with ${code} before it served:\n${this.#output}`);
    });
    ended.catch(() => {}); // When it ends later, nobody waits any more.
    while (!this.#output.includes(text)) {
      await Promise.race([once(this.#child.stderr!, 'data'), ended]);
    }
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<number | undefined> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    const code = await this.exited;
    clearTimeout(late);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}

function withoutEtcdVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ETCD_')));
}
