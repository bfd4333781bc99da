import { Client } from '@quorate/client';
import { etcdBinFolder, freePort, startRealEtcd } from '@quorate/client/testing';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { GrpcProxy } from '../src/index.ts';

const run = promisify(execFile);

/** What is asked of each proxy, on keys of its own that look the same to it. */
const script: readonly (readonly string[])[] = [
  ['put', 'a', '1'],
  ['put', 'b', '2', '--prev-kv'],
  ['get', 'a'],
  ['get', '', '--prefix', '--keys-only'],
  ['get', 'a', '--consistency=s'],
  ['put', 'a', 'again', '--prev-kv'],
  ['get', 'a', '--consistency=s'],
  ['get', 'a', 'c', '--order=DESCEND', '--limit=1'],
  ['get', '', '--prefix', '--count-only', '-w', 'fields'],
  ['get', 'a', '--rev=99999'],
  ['txn'],
  ['del', 'b', '--prev-kv'],
  ['del', '', '--prefix'],
  ['lease', 'grant', '60', '-w', 'json'],
  ['lease', 'revoke', '1234'],
  ['lease', 'timetolive', '1234'],
  ['lease', 'keep-alive', '1234', '--once'],
  ['lock', 'name', 'echo', 'held'],
  ['member', 'list'],
  ['member', 'list', '-w', 'json'],
  ['member', 'promote', '1234'],
  ['member', 'remove', '1234'],
  ['role', 'get', 'nobody'],
  ['user', 'list'],
  ['auth', 'status'],
  ['alarm', 'list'],
  ['endpoint', 'status', '-w', 'fields'],
  ['move-leader', '1234'],
  ['compaction', '99999'],
];

const txn = 'value("a") = "again"\n\nput c x\nget a\n\nput c y\n\n';

test.skipIf(etcdBinFolder === undefined)(
  'etcdctl prints the same through etcd’s proxy and through this one, in front of the same etcd',
  async () => {
    const bin = etcdBinFolder ?? '';
    await using etcd = await startRealEtcd(bin);
    const real = await startRealProxy(bin, ['--endpoints', etcd.endpoint, '--namespace', 'real/']);
    try {
      const endpoint = `127.0.0.1:${await freePort()}`;
      await using _ours = await GrpcProxy.start({
        ...{ endpoints: [etcd.endpoint], namespace: 'ours/' },
        ...{ listenAddress: endpoint, advertiseClientUrl: endpoint },
      });
      for (const args of script) {
        const expected = await printed(bin, real.endpoint, args);
        expect([args, await printed(bin, endpoint, args)]).toEqual([args, expected]);
      }
      for (const path of ['/health', '/proxy/health', '/none', '/metrics']) {
        const [theirs, own] = await Promise.all([
          fetch(`http://${real.endpoint}${path}`),
          fetch(`http://${endpoint}${path}`),
        ]);
        expect([path, own.status, path === '/metrics' || (await own.text())]).toEqual([
          ...[path, theirs.status, path === '/metrics' || (await theirs.text())],
        ]);
      }
      const [theirs, own] = await Promise.all([real.endpoint, endpoint].map(metricNames));
      expect(own).toEqual(theirs);
    } finally {
      await stop(real.process);
    }
  },
);

async function startRealProxy(bin: string, args: readonly string[]) {
  const endpoint = `127.0.0.1:${await freePort()}`;
  // It dials what it advertises, and ends when it does not reach itself.
  const own = ['--listen-addr', endpoint, '--advertise-client-url', endpoint];
  const all = ['grpc-proxy', 'start', ...own, ...args];
  const process = spawn(join(bin, 'etcd'), all, { stdio: 'ignore' });
  try {
    await using client = new Client({ endpoints: [endpoint], requestTimeoutMs: 30_000 });
    await client.get('a key that need not exist');
    return { endpoint, process };
  } catch (error) {
    await stop(process);
    throw error;
  }
}

async function stop(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null) return;
  const exited = once(process, 'exit');
  process.kill('SIGKILL');
  await exited;
}

/** What a command prints, and how it ends, without what is of a moment. */
async function printed(bin: string, endpoint: string, args: readonly string[]): Promise<readonly string[]> {
  const running = run(join(bin, 'etcdctl'), ['--endpoints', endpoint, ...args], { timeout: 30_000 });
  running.child.stdin?.end(args[0] === 'txn' ? txn : '');
  try {
    const { stdout } = await running;
    return ['0', withoutTheMoment(stdout, endpoint)];
  } catch (error) {
    const { code, stdout, stderr } = error as Error & { code: number; stdout: string; stderr: string };
    // Lines of JSON are etcdctl's own log.
    const said = stderr.split('\n').filter((line) => !line.startsWith('{'));
    return [String(code), stdout, withoutTheMoment(said.join('\n'), endpoint)];
  }
}

function withoutTheMoment(text: string, endpoint: string): string {
  return text
    .replaceAll(endpoint, 'ENDPOINT')
    .replaceAll(
      /("?(?:Revision|RaftIndex|RaftAppliedIndex|raft_?[a-z]+|revision|DBSize|DBSizeInUse|ID)"? ?:) ?\d+/gi,
      '$1 N',
    )
    .replaceAll(/[0-9a-f]{16,}/g, 'ID')
    .replaceAll(/real\/|ours\//g, '');
}

async function metricNames(endpoint: string): Promise<readonly string[]> {
  const text = await (await fetch(`http://${endpoint}/proxy/metrics`)).text();
  return [...text.matchAll(/^# TYPE (etcd_grpc_proxy_.*)$/gm)].map(([, type = '']) => type).toSorted();
}
