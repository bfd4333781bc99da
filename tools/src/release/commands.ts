import assert from 'node:assert/strict';
import { join } from 'node:path';
import { freePort } from '@quorate/std/testing';
import type { Checks } from './checks.ts';
import type { Consumer } from './consumer.ts';
import { run } from './run.ts';
import { startService, type Service } from './service.ts';

/** A member that runs from its installed package. */
export interface RunningMember extends Service {
  /** Such as `127.0.0.1:20379`. */
  readonly endpoint: string;
}

/** Starts `quorate` with a data directory of its own. */
export async function startMember(consumer: Consumer): Promise<RunningMember> {
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  const service = await startService(consumer, 'quorate', [
    `--data-dir=${join(consumer.dir, 'data')}`,
    ...[`--listen-client-urls=${clientUrl}`, `--advertise-client-urls=${clientUrl}`],
    ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
    `--initial-cluster=default=${peerUrl}`,
  ]);
  return { ...service, endpoint: `127.0.0.1:${clientPort}` };
}

/** The installed commands that speak with a member, and the version that they are of. */
export interface CommandsOptions {
  readonly member: RunningMember;
  readonly ctl: Consumer;
  readonly gateway: Consumer;
  readonly version: string;
}

/** A value goes in through one command and comes out through the other; then all are told to stop. */
export async function checkCommands(
  checks: Checks,
  { member, ctl, gateway, version }: CommandsOptions,
): Promise<void> {
  const quoratectl = (...args: string[]): Promise<string> =>
    run('npx', ['quoratectl', `--endpoints=${member.endpoint}`, ...args], { cwd: ctl.dir, env: ctl.env });
  await checks.check('npx quoratectl says its version', async () => {
    assert.ok((await quoratectl('version')).includes(version));
  });
  await checks.check('npx quoratectl puts and gets', async () => {
    assert.equal(await quoratectl('put', 'by-ctl', 'one'), 'OK\n');
    assert.equal(await quoratectl('get', 'by-ctl'), 'by-ctl\none\n');
  });
  await checks.check('npx quoratectl exits with a code when it fails', async () => {
    const args = ['quoratectl', 'get', 'a', '--endpoints=127.0.0.1:1', '--command-timeout=100ms'];
    await assert.rejects(run('npx', args, { cwd: ctl.dir, env: ctl.env }), { code: 'COMMAND_FAILED' });
  });
  const port = await freePort();
  await checks.check('quorate-gateway serves what quoratectl put, and the other way round', async () => {
    await using service = await startService(gateway, 'quorate-gateway', [
      `--endpoints=${member.endpoint}`,
      `--listen-urls=http://127.0.0.1:${port}`,
    ]);
    const found = await post(port, '/v3/kv/range?text=1', { key: 'by-ctl' });
    assert.match(found, /"value":\s*"one"/);
    await post(port, '/v3/kv/put?text=1', { key: 'by-gateway', value: 'two' });
    assert.equal(await quoratectl('get', 'by-gateway', '--print-value-only'), 'two\n');
    assert.equal(await service.terminate(), 0, 'exit code of quorate-gateway after SIGTERM');
  });
  await checks.check('quorate exits with 143 after SIGTERM, as etcd does', async () => {
    assert.equal(await member.terminate(), 143);
  });
}

async function post(port: number, path: string, body: object): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}
