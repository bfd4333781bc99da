import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addressOf, listenOn, type Address } from '../src/addresses.ts';

let dir: string;
const open: Server[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-net-'));
});
afterEach(async () => {
  for (const server of open.splice(0)) await new Promise((closed) => server.close(closed));
  rmSync(dir, { recursive: true });
});

const listen = async (url: string): Promise<void> => {
  const listening = await listenOn('--listen-peer-urls', [url], async (address: Address) => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, resolve);
    });
    return server;
  });
  open.push(...listening);
};

test.each([
  ['http://127.0.0.1:2379', { host: '127.0.0.1', port: 2379 }],
  ['http://0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
  ['http://[::1]:2379', { host: '::1', port: 2379 }],
  ['http://localhost:2379', { host: 'localhost', port: 2379 }],
  ['unix:///run/quorate.sock', { path: '/run/quorate.sock' }],
  ['unix://localhost:m1', { path: 'localhost:m1' }],
])('%s listens at %j', (url, address) => {
  expect(addressOf(url)).toEqual(address);
});

test('a port that is taken is refused by flag and URL', async () => {
  const other = createServer();
  open.push(other);
  await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  await expect(listen(`http://127.0.0.1:${port}`)).rejects.toThrow(
    `--listen-peer-urls: cannot listen on http://127.0.0.1:${port} (another process listens there)`,
  );
});

test('a socket file that a killed process has left is taken over', async () => {
  const path = join(dir, 'left.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  expect(spawnSync(process.execPath, ['-e', script]).signal).toBe('SIGKILL');
  await listen(`unix://${path}`);
});

test('a socket that somebody answers on is not', async () => {
  const url = `unix://${join(dir, 'taken.sock')}`;
  await listen(url);
  await expect(listen(url)).rejects.toThrow('another process listens there');
});
