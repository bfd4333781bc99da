import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { etcdBinFolder, freePort, startRealEtcd } from '@quorate/client/testing';
import { expect, test, vi } from 'vitest';
import { quoratectl, quoratectlProcess } from './differential/tools.ts';

// Processes are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

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
