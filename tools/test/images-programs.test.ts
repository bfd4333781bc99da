import { Client } from '@quorate/client';
import { fromUtf8 } from '@quorate/std';
import { freePort } from '@quorate/std/testing';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeContext } from '../src/images/build-image.ts';
import { copyEngine, engineOf } from '../src/images/engine-packages.ts';
import { checkoutFacts } from '../src/images/facts.ts';
import { imageSpecOf } from '../src/images/image-specs.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

// Images are of Linux; what is bundled for them is not looked at elsewhere.
const isLinux = process.platform === 'linux';
const root = resolve(import.meta.dirname, '../..');

/** A program as images hold it, with no package within its reach but those that the image has. */
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-programs-'));
  if (!isLinux) return;
  const options = { root, outDir: dir, facts: checkoutFacts(root), sourceMaps: false, isForBase: true };
  for (const name of ['quorate', 'quorate-gateway']) await makeContext(imageSpecOf(name), options);
});
afterAll(() => rmSync(dir, { recursive: true }));

const commandOf = (image: string, command = image): string =>
  join(dir, image, 'programs/usr/local/bin', command);

/** Environment without what somebody who runs tests may have set. */
const cleanEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:ETCD|QUORATE|NODE_OPTIONS)/.test(name)),
);

/** Runs a command of the image of members to its end. */
function run(command: string, args: readonly string[]) {
  return spawnSync(process.execPath, [commandOf('quorate', command), ...args], {
    encoding: 'utf8',
    env: cleanEnv,
  });
}

/** A program that goes on, and what it has logged. */
class Running implements AsyncDisposable {
  readonly ended: Promise<number | null>;
  log = '';
  readonly #child: ChildProcess;
  #more = Promise.withResolvers<void>();

  constructor(
    file: string,
    { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> },
  ) {
    this.#child = spawn(process.execPath, [file, ...args], {
      env: { ...cleanEnv, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.ended = once(this.#child, 'close').then(([code]: unknown[]) =>
      typeof code === 'number' ? code : null,
    );
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
      this.#more.resolve();
      this.#more = Promise.withResolvers();
    });
  }

  /** Waits until it says something. */
  async says(text: string): Promise<void> {
    const ended = this.ended.then(() => 'ended');
    while (!this.log.includes(text)) {
      if ((await Promise.race([this.#more.promise, ended])) === 'ended')
        throw new Error(`it ended:\n${this.log}`);
    }
  }

  /** Ends it as engines do; resolves with its exit code. */
  stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** What a member is started with: an address for clients and one for peers. */
async function addresses(): Promise<Record<'client' | 'peer', string>> {
  return {
    client: `http://127.0.0.1:${await freePort()}`,
    peer: `http://127.0.0.1:${await freePort()}`,
  };
}

function memberEnv(
  dataDir: string,
  { client, peer }: Record<'client' | 'peer', string>,
): Record<string, string> {
  return {
    ETCD_DATA_DIR: join(dir, dataDir),
    ETCD_LISTEN_CLIENT_URLS: client,
    ETCD_ADVERTISE_CLIENT_URLS: client,
    ETCD_LISTEN_PEER_URLS: peer,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: peer,
    ETCD_INITIAL_CLUSTER: `default=${peer}`,
  };
}

describe.skipIf(!isLinux)('the programs of images', () => {
  test('hold the licenses of what is in them, and no maps, tests or sources', () => {
    const appDir = join(dir, 'quorate/programs/usr/lib/quorate');
    expect(readdirSync(appDir).sort()).toEqual([
      'LICENSE',
      'bin',
      'ctl',
      'node_modules',
      'package.json',
      'server',
    ]);
    for (const program of ['server', 'ctl']) {
      expect(readFileSync(join(appDir, program, 'LICENSES.txt'), 'utf8')).toMatch(
        /^@grpc\/grpc-js .*: Apache-2\.0$/m,
      );
    }
    expect(globSync('**/*.{ts,map,md}', { cwd: appDir })).toEqual([]);
    expect(existsSync(join(dir, 'quorate-gateway/programs/usr/lib/quorate/node_modules'))).toBe(false);
  });

  test('say their versions', () => {
    expect(run('quorate', ['--version']).stdout).toMatch(/^etcd Version: \d/);
    expect(run('quoratectl', ['version']).stdout).toMatch(/^quoratectl version: \d/);
  });

  test('a member keeps what it was given, checks passwords in threads, traces, and hands over to what is restored', async () => {
    const at = await addresses();
    const env = memberEnv('m1', at);
    const tracing = {
      ETCD_ENABLE_DISTRIBUTED_TRACING: 'true',
      ETCD_DISTRIBUTED_TRACING_ADDRESS: '127.0.0.1:1',
    };
    await using first = new Running(commandOf('quorate'), { env: { ...env, ...tracing } });
    await first.says('ready to serve');
    // The engine that the image brings, and not the one that it falls back to.
    if (process.arch === 'x64') expect(first.log).not.toContain('using LevelDB');
    await using client = new Client({ endpoints: [at.client] });
    await client.put('greeting', 'hello');
    const snapshot = join(dir, 'snapshot.db');
    const saved = run('quoratectl', ['--endpoints', at.client, 'snapshot', 'save', snapshot]);
    expect(saved.stderr).toBe('');

    await client.auth.users.add({ name: 'root', password: 'secret' });
    await client.auth.users.grantRole({ user: 'root', role: 'root' });
    await client.auth.enable();
    await using named = new Client({
      endpoints: [at.client],
      auth: { name: 'root', password: 'secret' },
    });
    await named.put('greeting', 'hello again');
    await using stranger = new Client({
      endpoints: [at.client],
      auth: { name: 'root', password: 'guessed' },
    });
    await expect(stranger.get('greeting')).rejects.toThrow('invalid user ID or password');

    // 128 and the number of the signal; the first process of a container ends with 0.
    expect(await first.stop()).toBe(143);
    expect(first.log).toContain('"msg":"stopped"');

    await using second = new Running(commandOf('quorate'), { env });
    await second.says('ready to serve');
    expect((await named.get('greeting'))?.value).toEqual(fromUtf8('hello again'));
    await second.stop();

    const restored = run('quoratectl', [
      ...['snapshot', 'restore', snapshot, '--data-dir', join(dir, 'm2')],
      ...['--initial-cluster', `default=${at.peer}`, '--initial-advertise-peer-urls', at.peer],
    ]);
    expect(restored.stderr).toMatch(/^Restored to /);
    await using third = new Running(commandOf('quorate'), { env: memberEnv('m2', at) });
    await third.says('ready to serve');

    const listenUrl = `http://127.0.0.1:${await freePort()}`;
    await using gateway = new Running(commandOf('quorate-gateway'), {
      args: ['--endpoints', at.client],
      env: { QUORATE_GATEWAY_LISTEN_URLS: listenUrl },
    });
    await gateway.says('ready to serve');
    const range = await fetch(`${listenUrl}/v3/kv/range`, {
      method: 'POST',
      body: JSON.stringify({ key: Buffer.from('greeting').toString('base64') }),
    });
    expect(await range.json()).toMatchObject({ kvs: [{ value: Buffer.from('hello').toString('base64') }] });
    expect(await gateway.stop()).toBe(0);
  });

  test('a member of a platform without RocksDB keeps its data with LevelDB', async () => {
    const programs = join(dir, 'quorate/programs/usr/lib/quorate');
    const other = join(dir, 'arm64');
    for (const part of ['package.json', 'bin', 'server']) {
      cpSync(join(programs, part), join(other, part), { recursive: true });
    }
    copyEngine({
      root,
      outDir: join(other, 'node_modules'),
      platform: `linux-${process.arch}`,
      engine: engineOf('linux-arm64'),
    });
    const at = await addresses();
    const env = memberEnv('m3', at);
    await using client = new Client({ endpoints: [at.client] });
    await using first = new Running(join(other, 'bin/quorate'), { env });
    await first.says('ready to serve');
    expect(first.log).toContain('using LevelDB');
    await client.put('greeting', 'hello');
    await first.stop();
    await using second = new Running(join(other, 'bin/quorate'), { env });
    await second.says('ready to serve');
    expect((await client.get('greeting'))?.value).toEqual(fromUtf8('hello'));
  });

  test('a member that waits for the others of its cluster ends when it is told to', async () => {
    const at = await addresses();
    const env = memberEnv('alone', at);
    const others = `a=http://127.0.0.1:1,b=http://127.0.0.1:2`;
    env['ETCD_INITIAL_CLUSTER'] += `,${others}`;
    await using member = new Running(commandOf('quorate'), { env });
    await member.says('the members changed');
    expect(await member.stop()).toBe(143);
    expect(member.log).toContain('"msg":"stopping"');
  });
});
