import { freePort } from '@quorate/std/testing';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Folder with etcd and etcdctl; without it, tests that need them say that they skip. */
export const etcdBin = process.env['QUORATE_ETCD_BIN'];

/** A real etcd, one member, on a data directory of the caller's. */
export class EtcdProcess implements AsyncDisposable {
  readonly #bin: string;
  readonly #child: ChildProcess;
  readonly #endpoint: string;

  private constructor(bin: string, child: ChildProcess, endpoint: string) {
    this.#bin = bin;
    this.#child = child;
    this.#endpoint = endpoint;
  }

  /** Resolves when it serves clients. @throws Error with what it said, when it ends before that */
  static async start(bin: string, dataDir: string, extra: readonly string[] = []): Promise<EtcdProcess> {
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const args = ['--data-dir', dataDir, '--listen-client-urls', client, '--advertise-client-urls', client];
    args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, ...extra);
    const child = spawn(join(bin, 'etcd'), [...args, '--initial-cluster', `default=${peer}`]);
    const etcd = new EtcdProcess(bin, child, client);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`etcd ended with ${code}:\n${said}`)));
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('ready to serve client requests')) resolve();
      });
    });
    return etcd;
  }

  /** Runs etcdctl; returns what it prints. */
  async ctl(...args: string[]): Promise<string> {
    const { stdout } = await run(join(this.#bin, 'etcdctl'), ['--endpoints', this.#endpoint, ...args]);
    return stdout;
  }

  /** The value of a key. */
  async get(key: string): Promise<string> {
    return (await this.ctl('get', '--print-value-only', key)).trimEnd();
  }

  /** As a crash of the process: kill -9. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
