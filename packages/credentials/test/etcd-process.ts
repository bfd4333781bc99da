import { freePort } from '@quorate/std/testing';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Folder with etcd, etcdctl and etcdutl; without it, tests that need them say that they skip. */
export const etcdBin = process.env['QUORATE_ETCD_BIN'];

/** Runs etcdutl. */
export async function etcdutl(...args: string[]): Promise<void> {
  await run(join(etcdBin ?? '', 'etcdutl'), args);
}

/** What etcd says when it refuses to start with these flags; undefined when it starts. */
export async function refusalOfEtcd(dataDir: string, flags: readonly string[]): Promise<string | undefined> {
  try {
    await using _etcd = await EtcdProcess.start(dataDir, flags);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** A real etcd, one member, on a data directory of the caller's. */
export class EtcdProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #endpoint: string;

  private constructor(child: ChildProcess, endpoint: string) {
    this.#child = child;
    this.#endpoint = endpoint;
  }

  /** Resolves when it serves clients. @throws Error with what it said, when it ends before that */
  static async start(dataDir: string, flags: readonly string[]): Promise<EtcdProcess> {
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const child = spawn(join(etcdBin ?? '', 'etcd'), [
      ...['--data-dir', dataDir, '--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `default=${peer}`, '--unsafe-no-fsync', ...flags],
    ]);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`etcd ended with ${code}:\n${said}`)));
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('ready to serve client requests')) resolve();
      });
    });
    return new EtcdProcess(child, client);
  }

  /** A call of the JSON gateway; its answer, or its error, as JSON. */
  async call(path: string, body: unknown, token?: string): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.#endpoint}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: token === undefined ? {} : { authorization: token },
    });
    return (await response.json()) as Readonly<Record<string, unknown>>; // The gateway answers with objects.
  }

  /** Logs in. @throws Error with the answer when there is no token in it */
  async token(name: string, password: string): Promise<string> {
    const answer = await this.call('auth/authenticate', { name, password });
    if (typeof answer['token'] !== 'string') throw new Error(JSON.stringify(answer));
    return answer['token'];
  }

  /** Saves a snapshot to a file. */
  async snapshot(file: string, user: string): Promise<void> {
    const args = ['--endpoints', this.#endpoint, '--user', user, 'snapshot', 'save', file];
    await run(join(etcdBin ?? '', 'etcdctl'), args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
  }
}
