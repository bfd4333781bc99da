import { etcdBinFolder, startQuorate, startRealEtcd, type StartedServer } from '@quorate/client/testing';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { checked, Gateway } from '../src/index.ts';
import { Door } from './door.ts';

const kinds = [
  { kind: 'Quorate', start: () => startQuorate() },
  ...(etcdBinFolder === undefined
    ? []
    : [{ kind: 'a real etcd', start: () => startRealEtcd(etcdBinFolder!) }]),
];

const patience = { timeout: 60_000, interval: 20 };

test.skipIf(etcdBinFolder !== undefined)(
  'with QUORATE_ETCD_BIN, failover is also tried with a real etcd',
  () => {},
);

describe.each(kinds)('several ways to $kind', ({ start }) => {
  let member: StartedServer;
  beforeAll(async () => {
    member = await start();
  }, 60_000);
  afterAll(() => member[Symbol.asyncDispose]());

  async function startGateway(doors: readonly Door[]) {
    const endpoints = doors.map(({ endpoint }) => endpoint).join(',');
    const config = checked({ listenUrls: 'http://127.0.0.1:0', endpoints, healthIntervalMs: '50' });
    const gateway = await Gateway.start(config, { log: pino({ level: 'silent' }) });
    const url = `http://127.0.0.1:${gateway.ports[0]}`;
    const post = async (path: string, body: object) => {
      const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
      return { status: response.status, text: await response.text() };
    };
    const healthOf = async ({ endpoint }: Door) => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const found = metrics.match(`quorate_gateway_member_healthy{endpoint="${endpoint}"} ([01])`);
      return found?.[1];
    };
    return { gateway, url, post, healthOf };
  }

  const put = { key: 'Zm9v', value: 'YmFy' };

  test('when one is shut, calls take another; when it is opened again, that is seen', async () => {
    await using first = await Door.to(member.endpoint);
    await using second = await Door.to(member.endpoint);
    const { gateway, url, post, healthOf } = await startGateway([first, second]);
    await using _gateway = gateway;
    expect((await post('/v3/kv/put', put)).status).toBe(200);
    await first.shut();
    for (let i = 0; i < 5; i++) {
      expect((await post('/v3/kv/range', { key: 'Zm9v' })).text).toContain('"value":"YmFy"');
    }
    expect((await post('/v3/kv/put', put)).status).toBe(200);
    await vi.waitFor(async () => expect(await healthOf(first)).toBe('0'), patience);
    expect(await healthOf(second)).toBe('1');
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await second.shut();
    await vi.waitFor(async () => expect((await fetch(`${url}/health`)).status).toBe(503), patience);
    await first.open();
    await vi.waitFor(async () => expect(await healthOf(first)).toBe('1'), patience);
    expect((await post('/v3/kv/put', put)).status).toBe(200);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  }, 120_000);

  test('one that takes calls and never answers is left as soon as that is seen', async () => {
    await using first = await Door.to(member.endpoint);
    await using second = await Door.to(member.endpoint);
    const { gateway, post, healthOf } = await startGateway([first, second]);
    await using _gateway = gateway;
    expect((await post('/v3/kv/put', put)).status).toBe(200);
    first.silence();
    await vi.waitFor(async () => expect(await healthOf(first)).toBe('0'), patience);
    expect((await post('/v3/kv/put', put)).status).toBe(200);
    expect((await post('/v3/kv/range', { key: 'Zm9v' })).status).toBe(200);
  }, 120_000);
});
