import { Client } from '@quorate/client';
import { freePort, startServer } from '@quorate/client/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000 });

const program = resolve(import.meta.dirname, '../bin/quorate.js');

/** A member that knows nobody but the registry. */
class Member implements AsyncDisposable {
  readonly endpoint: string;
  /** Resolves with what it has written when it serves, or has ended. */
  readonly settled: Promise<string>;
  readonly #stop: () => Promise<void>;

  static async start(name: string, options: { readonly dataDir: string; readonly registry: string }) {
    const [client, peer] = [await freePort(), await freePort()];
    return new Member([
      `--name=${name}`,
      `--data-dir=${options.dataDir}`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      '--discovery-token=a-word',
      `--discovery-endpoints=${options.registry}`,
    ]);
  }

  private constructor(flags: readonly string[]) {
    this.endpoint = flags.find((flag) => flag.startsWith('--advertise-client'))?.split('://')[1] ?? '';
    const child = spawn(process.execPath, [program, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    const closed = once(child, 'close');
    let output = '';
    this.settled = new Promise((settle) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('"ready to serve"')) settle(output);
      });
      void closed.then(() => settle(output));
    });
    this.#stop = async () => {
      child.kill('SIGKILL');
      await closed;
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stop();
  }
}

test('three members that only know a token become a cluster, and a fourth is refused', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'quorate-discovery-'));
  try {
    await using registry = await startServer([process.execPath, program]);
    await using atRegistry = new Client({ endpoints: [registry.endpoint] });
    await atRegistry.put('/_etcd/registry/a-word/_config/size', '3');
    const start = (name: string) =>
      Member.start(name, { dataDir: join(dir, name), registry: registry.endpoint });

    await using one = await start('m1');
    await using two = await start('m2');
    await using three = await start('m3');
    for (const member of [one, two, three]) expect(await member.settled).toContain('"ready to serve"');
    await using client = new Client({ endpoints: [one.endpoint] });
    await client.put('greeting', 'hello');
    await using other = new Client({ endpoints: [three.endpoint] });
    expect(await other.count({ key: 'greeting' })).toBe(1n);
    const { members } = await other.cluster.memberList({ linearizable: true });
    expect(members.map(({ name }) => name).sort()).toEqual(['m1', 'm2', 'm3']);

    await using four = await start('m4');
    expect((await four.settled).trimEnd().split('\n').at(-1)).toBe(
      'quorate: --discovery-token: failed to join discovery cluster (discovery: cluster is full (3 others have ' +
        'registered: join them by "member add", or use a new token))',
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
