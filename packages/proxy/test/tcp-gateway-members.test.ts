import { Client } from '@quorate/client';
import { etcdBinFolder, startQuorate, startRealEtcd, type StartedServer } from '@quorate/client/testing';
import { toUtf8 } from '@quorate/std';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TcpGateway } from '../src/index.ts';

const run = promisify(execFile);

const kinds = [
  { kind: 'Quorate', start: () => startQuorate() },
  ...(etcdBinFolder === undefined
    ? []
    : [{ kind: 'a real etcd', start: () => startRealEtcd(etcdBinFolder!) }]),
];

describe.each(kinds)('in front of $kind', ({ start }) => {
  let member: StartedServer;
  let gateway: TcpGateway;
  let endpoint: string;
  beforeAll(async () => {
    member = await start();
    const { hostname: host, port } = new URL(`http://${member.endpoint.replace(/^\w+:\/\//, '')}`);
    gateway = await TcpGateway.start({
      listenAddress: '127.0.0.1:0',
      endpoints: [
        // One where nobody is, so that the first connection has to go on.
        { host: '127.0.0.1', port: 1 },
        { host, port: Number(port) },
      ],
    });
    endpoint = `127.0.0.1:${gateway.port}`;
  }, 60_000);
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await member[Symbol.asyncDispose]();
  });

  test('our client puts, gets and watches', async () => {
    await using client = new Client({ endpoints: [endpoint] });
    await client.put('w', '1');
    for await (const { kv } of client.watch({ key: 'w', startRevision: 1n })) {
      expect(toUtf8(kv.value)).toBe('1');
      break;
    }
    const big = 'x'.repeat(1_000_000);
    await client.put('big', big);
    expect((await client.get('big'))?.value).toHaveLength(big.length);
  });

  test.skipIf(etcdBinFolder === undefined)('etcdctl does', async () => {
    const etcdctl = async (...args: string[]) => {
      const { stdout } = await run(`${etcdBinFolder}/etcdctl`, ['--endpoints', endpoint, ...args]);
      return stdout;
    };
    expect(await etcdctl('put', 'foo', 'bar')).toBe('OK\n');
    expect(await etcdctl('get', 'foo')).toBe('foo\nbar\n');
    expect(await etcdctl('endpoint', 'health')).toMatch(`${endpoint} is healthy`);
  });
});
