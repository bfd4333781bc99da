import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { etcdBinFolder, freePort, startRealEtcd, type StartedServer } from '@quorate/client/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { etcdctl, quoratectl, quoratectlProcess } from './differential/tools.ts';

// Processes are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const program = fileURLToPath(new URL('../bin/quoratectl.js', import.meta.url));

test('the program prints its version', async () => {
  const { stdout, code } = await quoratectlProcess({ argv: ['version'] });
  expect(stdout).toMatch(/^quoratectl version: \d+\.\d+\.\d+\nAPI version: 3\.5\n$/);
  expect(code).toBe(0);
});

test('an unknown command is refused with what may have been meant', async () => {
  const { stdout, stderr, code } = await quoratectl({ argv: ['gett'] });
  expect([stdout, code]).toEqual(['', 1]);
  expect(stderr).toContain('unknown command "gett" for "quoratectl"\n\nDid you mean this?\n\tget\n');
});

test('a wrong flag prints the help of the command, and the reason on stderr', async () => {
  const { stdout, stderr, code } = await quoratectl({ argv: ['get', 'a', '--no'] });
  expect(stdout).toMatch(/^NAME:\n\tget - /);
  expect([stderr, code]).toEqual(['Error: unknown flag: --no\n', 1]);
});

test('a flag that the environment sets, too, is refused', async () => {
  const { stderr, code } = await quoratectl({ argv: ['get', 'a', '--hex'], env: { ETCDCTL_HEX: 'true' } });
  expect(stderr).toContain('conflicting environment variable ETCDCTL_HEX');
  expect(code).toBe(1);
});

test.each([
  [['get', 'a'], 1, 'Error: context deadline exceeded\n'],
  [['put', 'a', 'b'], 1, 'Error: context deadline exceeded\n'],
  [['lease', 'list'], 2, 'Error: context deadline exceeded\n'],
  [['lease', 'grant', '10'], 1, 'Error: failed to grant lease (context deadline exceeded)\n'],
])('%j ends when nobody answers in time', async (argv, code, stderr) => {
  const endpoints = `--endpoints=127.0.0.1:${await freePort()}`;
  const outcome = await quoratectl({ argv: [...argv, endpoints, '--command-timeout=50ms'] });
  expect(outcome).toEqual({ stdout: '', stderr, code });
});

test('an endpoint that is written wrong is told of at once', async () => {
  const outcome = await quoratectl({ argv: ['get', 'a', '--endpoints=127.0.0.1:2379,http//x'] });
  expect(outcome).toMatchObject({ stdout: '', code: 1 });
  expect(outcome.stderr).toMatch(/^Error: the endpoint "http\/\/x" is none: give host:port, /);
});

test('endpoints that do not answer are told of on stderr', async () => {
  const endpoint = `127.0.0.1:${await freePort()}`;
  const common = [`--endpoints=${endpoint}`, '--command-timeout=50ms'];
  expect(await quoratectl({ argv: ['endpoint', 'health', ...common] })).toEqual({
    stdout: '',
    stderr: `${endpoint} is unhealthy: failed to commit proposal: context deadline exceeded\nError: unhealthy cluster\n`,
    code: 1,
  });
  expect(await quoratectl({ argv: ['endpoint', 'status', ...common] })).toEqual({
    stdout: '',
    stderr: `Failed to get the status of endpoint ${endpoint} (context deadline exceeded)\n`,
    code: 1,
  });
  expect(await quoratectl({ argv: ['defrag', ...common] })).toEqual({
    stdout: '',
    stderr: `Failed to defragment etcd member[${endpoint}] (context deadline exceeded)\n`,
    code: 1,
  });
});

test.skipIf(etcdBinFolder === undefined || process.platform !== 'linux')(
  'arguments that are no UTF-8 arrive byte for byte (set QUORATE_ETCD_BIN to run)',
  async () => {
    await using server = await startRealEtcd(etcdBinFolder ?? '');
    const shell = `"$1" "$2" --endpoints="$3" put k "$(printf 'a\\377b')"`;
    await once(execFile('sh', ['-c', shell, 'sh', process.execPath, program, server.endpoint]), 'exit');
    const { stdout } = await quoratectl({ argv: [`--endpoints=${server.endpoint}`, 'get', 'k', '--hex'] });
    expect(stdout).toBe('\\x6b\n\\x61\\xff\\x62\n');
  },
);

test.skipIf(etcdBinFolder === undefined)(
  'a transaction from a terminal ends though nobody closes its input (set QUORATE_ETCD_BIN to run)',
  async () => {
    await using server = await startRealEtcd(etcdBinFolder ?? '');
    const child = spawn(process.execPath, [program, `--endpoints=${server.endpoint}`, 'txn', '-i']);
    child.stdin.write('\n\n\n');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  },
);

test.skipIf(etcdBinFolder === undefined)(
  'a fault in a transaction is told with its line, not at the end of the block (set QUORATE_ETCD_BIN to run)',
  async () => {
    await using server = await startRealEtcd(etcdBinFolder ?? '');
    for (const stdin of ['nonsense\n', '\nnonsense\n', '\n\nput a b --no\n']) {
      const invocation = { argv: ['txn', `--endpoints=${server.endpoint}`], stdin };
      const [expected, actual] = [
        await etcdctl(etcdBinFolder ?? '')(invocation),
        await quoratectl(invocation),
      ];
      const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);
      expect([lastLine(actual.stderr), actual.code]).toEqual([lastLine(expected.stderr), 3]);
    }
  },
);

describe.skipIf(etcdBinFolder === undefined)('with authentication (set QUORATE_ETCD_BIN to run)', () => {
  let server: StartedServer;
  const etcdctlTool = etcdctl(etcdBinFolder ?? '');
  const both = async (...argv: string[]) => {
    const invocation = { argv: [...argv, `--endpoints=${server.endpoint}`], stdin: 'secret\n' };
    const [expected, actual] = [await etcdctlTool(invocation), await quoratectl(invocation)];
    expect([actual.stdout, actual.code]).toEqual([expected.stdout, expected.code]);
    return actual;
  };

  beforeAll(async () => {
    server = await startRealEtcd(etcdBinFolder ?? '');
    for (const argv of [
      ['user', 'add', 'root:secret'],
      ['auth', 'enable'],
    ]) {
      const { code } = await etcdctlTool({ argv: [...argv, `--endpoints=${server.endpoint}`] });
      expect(code).toBe(0);
    }
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test('name and password are taken from --user, or from --user and --password', async () => {
    expect((await both('put', 'a', '1', '--user=root:secret')).code).toBe(0);
    expect((await both('get', 'a', '--user=root', '--password=secret')).stdout).toBe('a\n1\n');
  });

  test('a password that is not given is asked for', async () => {
    expect((await both('get', 'a', '--user=root')).stdout).toBe('Password: \na\n1\n');
  });

  test('a wrong password or none is refused', async () => {
    const refused = await both('get', 'a', '--user=root:guess');
    expect(refused.stderr).toBe('Error: etcdserver: authentication failed, invalid user ID or password\n');
    expect((await both('get', 'a')).stderr).toBe('Error: etcdserver: user name is empty\n');
  });
});
