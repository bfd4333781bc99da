import { freePort } from '@quorate/std/testing';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Folder with etcd, etcdctl and etcdutl; without it, tests that need them say that they skip. */
export const etcdBin = process.env['QUORATE_ETCD_BIN'];

/** A number of a status or an answer in JSON; etcd's gateway writes 64-bit ones as text. */
export type JsonCount = number | string;

/** A key and its value in base64, as the gateway has them. */
export interface JsonKeyValue {
  readonly key: string;
  readonly value?: string;
  readonly mod_revision: JsonCount;
}

/** Runs etcdutl; returns what it prints. */
export async function etcdutl(bin: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(join(bin, 'etcdutl'), args);
  return stdout;
}

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
  static async start(bin: string, dataDir: string): Promise<EtcdProcess> {
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const args = ['--data-dir', dataDir, '--listen-client-urls', client, '--advertise-client-urls', client];
    args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer);
    const child = spawn(join(bin, 'etcd'), [...args, '--initial-cluster', `default=${peer}`]);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`etcd ended with ${code}:\n${said}`)));
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('ready to serve client requests')) resolve();
      });
    });
    return new EtcdProcess(bin, child, client);
  }

  /** Runs etcdctl; returns what it prints. */
  async ctl(...args: string[]): Promise<string> {
    const { stdout } = await run(join(this.#bin, 'etcdctl'), ['--endpoints', this.#endpoint, ...args]);
    return stdout;
  }

  /** A call of the JSON gateway: many times faster than a process for each. */
  async call<T>(path: string, body: unknown): Promise<T> {
    const response = await fetch(`${this.#endpoint}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T; // The caller knows what etcd answers to this path.
  }

  async put(key: string, value: string): Promise<void> {
    await this.call('kv/put', { key: btoa(key), value: btoa(value) });
  }

  async delete(key: string): Promise<void> {
    await this.call('kv/deleterange', { key: btoa(key) });
  }

  /** All keys and values. */
  async all(): Promise<{ readonly revision: number; readonly kvs: readonly JsonKeyValue[] }> {
    type Answer = {
      readonly header: { readonly revision: JsonCount };
      readonly kvs?: readonly JsonKeyValue[];
    };
    const { header, kvs = [] } = await this.call<Answer>('kv/range', {
      key: btoa('\0'),
      range_end: btoa('\0'),
    });
    return { revision: Number(header.revision), kvs };
  }

  /** Ends it as an operator does: it commits what is open. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exit;
  }
}
