import { freePort } from '@quorate/std/testing';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The folder with etcd and etcdctl; tests against the real thing are skipped where it is not told. */
export const etcdBinFolder: string | undefined = process.env['QUORATE_ETCD_BIN'];

/** How a real etcd is started; URLs are given to have one take the place of another. */
export interface RealEtcdOptions {
  /** Further members of `--initial-cluster`, as `name=url`. */
  readonly others?: readonly string[];
  readonly flags?: readonly string[];
  readonly peerUrl?: string;
  readonly clientUrl?: string;
}

/** One real etcd with data of its own, as one member of a cluster that others may belong to. */
export class RealEtcd implements AsyncDisposable {
  readonly name: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
  readonly #dir = mkdtempSync(join(tmpdir(), 'peer-real-etcd-'));
  #process: ChildProcess | undefined;

  private constructor(name: string, peerUrl: string, clientUrl: string) {
    this.name = name;
    this.peerUrl = peerUrl;
    this.clientUrl = clientUrl;
  }

  /** Starts it, and does not wait. */
  static async start(
    name: string,
    { others = [], flags = [], ...urls }: RealEtcdOptions = {},
  ): Promise<RealEtcd> {
    const [peerPort, clientPort] = [await freePort(), await freePort()];
    const { peerUrl = `http://127.0.0.1:${peerPort}`, clientUrl = `http://127.0.0.1:${clientPort}` } = urls;
    const etcd = new RealEtcd(name, peerUrl, clientUrl);
    etcd.#process = spawn(
      join(etcdBinFolder ?? '', 'etcd'),
      [
        ...['--name', name, '--data-dir', etcd.#dir],
        ...['--listen-client-urls', etcd.clientUrl, '--advertise-client-urls', etcd.clientUrl],
        ...['--listen-peer-urls', etcd.peerUrl, '--initial-advertise-peer-urls', etcd.peerUrl],
        ...['--initial-cluster', [`${name}=${etcd.peerUrl}`, ...others].join(',')],
        ...['--log-level', 'error', '--unsafe-no-fsync', ...flags],
      ],
      { stdio: process.env['PEER_TEST_LOG'] === undefined ? 'ignore' : 'inherit' },
    );
    process.once('exit', () => etcd.#process?.kill('SIGKILL')); // A test that timed out disposes of nothing.
    return etcd;
  }

  /** Runs etcdctl against it and gives what it prints. */
  async ctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(etcdBinFolder ?? '', 'etcdctl'), [
      ...['--endpoints', this.clientUrl, '--command-timeout', '60s', '--dial-timeout', '30s'],
      ...args,
    ]);
    return stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
