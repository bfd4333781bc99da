import {
  etcdBinFolder,
  freePort,
  startQuorate,
  startRealEtcd,
  type StartedServer,
} from '@quorate/client/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { etcdctl, quoratectl, type Tool } from './differential/tools.ts';

// Servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const wrong = 'http://127.0.0.1:nope';
let server: StartedServer;
let dead: string;

beforeAll(async () => {
  server = await startQuorate();
  dead = `127.0.0.1:${await freePort()}`;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const healthOf = (endpoint: string, reason: string): string =>
  `${endpoint} is unhealthy: failed to commit proposal: ${reason}\nError: unhealthy cluster\n`;
const statusOf = (endpoint: string, reason: string): string =>
  `Failed to get the status of endpoint ${endpoint} (${reason})\n`;
const hashOf = (endpoint: string, reason: string): string =>
  `Failed to get the hash of endpoint ${endpoint} (${reason})\nError: ${reason}\n`;

test.each([
  ['health', healthOf],
  ['status', statusOf],
  ['hashkv', hashOf],
])('endpoint %s tells of one that is written wrong, and of the others', async (command, told) => {
  const { stdout, stderr, code } = await quoratectl({
    argv: ['endpoint', command, `--endpoints=${wrong},${server.endpoint}`],
  });
  const expected = 'give host:port, http://host:port, https://host:port, unix:///path or unixs:///path';
  expect(stderr).toBe(told(wrong, `the endpoint "${wrong}" is none: ${expected}`));
  expect(stdout.startsWith(server.endpoint)).toBe(true);
  expect([stdout.match(/\n/g)?.length, code]).toEqual([1, 1]);
});

test.each([
  ['health', healthOf],
  ['status', statusOf],
  ['hashkv', hashOf],
])('endpoint %s tells of one where nobody takes the password, and of the others', async (command, told) => {
  const { stdout, stderr, code } = await quoratectl({
    argv: ['endpoint', command, `--endpoints=${dead},${server.endpoint}`, '--user=root:pw'],
  });
  expect(stderr).toBe(told(dead, 'context deadline exceeded'));
  expect(stdout.startsWith(server.endpoint)).toBe(true);
  expect([stdout.match(/\n/g)?.length, code]).toEqual([1, 1]);
});

test('a format that lists endpoints has those that answer', async () => {
  const { stdout, code } = await quoratectl({
    argv: ['endpoint', 'hashkv', '-w', 'json', `--endpoints=${wrong},${server.endpoint}`],
  });
  const list: unknown = JSON.parse(stdout);
  expect([list, code]).toEqual([[expect.objectContaining({ Endpoint: server.endpoint })], 1]);
});

test.skipIf(etcdBinFolder === undefined)(
  'what is said of endpoints with a wrong password is what etcdctl says (set QUORATE_ETCD_BIN to run)',
  async () => {
    await using etcd = await startRealEtcd(etcdBinFolder ?? '');
    const at = (endpoints: string) => `--endpoints=${endpoints}`;
    const original = etcdctl(etcdBinFolder ?? '');
    for (const argv of [
      ['user', 'add', 'root:pw'],
      ['user', 'grant-role', 'root', 'root'],
      ['auth', 'enable'],
    ])
      expect((await quoratectl({ argv: [...argv, at(etcd.endpoint)] })).code).toBe(0);
    const ask = (tool: Tool, command: string, password: string) =>
      tool({
        argv: ['endpoint', command, `--user=root:${password}`, at(etcd.endpoint)],
      });
    for (const command of ['health', 'status', 'hashkv']) {
      const [ours, theirs] = [await ask(quoratectl, command, 'no'), await ask(original, command, 'no')];
      expect(ours).toEqual({ ...theirs, stderr: withoutLog(theirs.stderr) });
      expect((await ask(quoratectl, command, 'pw')).code).toBe(0);
    }
  },
);

/** What etcdctl says, without the lines of its log. */
function withoutLog(stderr: string): string {
  return stderr.replace(/^\{.*\n/gm, '');
}
