import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fetchVersions, PeerPort, PeerTransport } from '../src/index.ts';
import { FakeHost } from '../src/testing/index.ts';
import { ask } from '../src/asking/request.ts';
import { dial } from '../src/outgoing/dialling.ts';

const dir = mkdtempSync(join(tmpdir(), 'quorate-peer-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('a member is reached by the file of a unix socket', async () => {
  const path = join(dir, 'peer.sock');
  await using port = new PeerPort();
  await using transport = new PeerTransport({ host: new FakeHost({ id: 1n, members: [] }) });
  port.serve(transport);
  await port.listen({ path });
  const versions = await fetchVersions([`unix://${path}`], { timeoutMs: 10_000 });
  expect(versions.server).toMatch(/^3\./);
});

test('a URL with TLS is not dialled without it, and one of another kind not at all', async () => {
  for (const url of ['https://127.0.0.1:1', 'unixs:///nowhere.sock', 'ftp://127.0.0.1:1', 'nonsense']) {
    await expect(fetchVersions([url], { timeoutMs: 10_000 })).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      reason: `no way to reach ${url}`,
    });
  }
});

test.each([
  ['https://[::1]:2380', '::1'],
  ['https://m1.example:2380', 'm1.example'],
  ['unixs://localhost:m1', 'localhost'],
  ['unixs:///run/m1.sock', 'localhost'],
])('the certificate behind %s has to be for %s', (url, expected) => {
  const hosts: string[] = [];
  const tls = {
    connectOptions: (host: string) => {
      hosts.push(host);
      return {};
    },
  };
  const request = dial(url, { path: '/version' }, { tls });
  request.on('error', () => {});
  request.destroy();
  expect(hosts).toEqual([expected]);
});

test('a member that takes the connection and says nothing of TLS is given up (GHSA-j86v-2vjr-fg8f)', async () => {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const asked = ask(
    `https://127.0.0.1:${port}`,
    { method: 'GET', path: '/version' },
    { dialTimeoutMs: 50, timeoutMs: 100_000, maxBytes: 1_000, tls: { connectOptions: () => ({}) } },
  );
  await expect(asked).rejects.toMatchObject({ code: 'PEER_UNREACHABLE', reason: 'no connection in time' });
  server.close();
});

test.skipIf(process.platform !== 'linux')(
  'a connection comes from the local address, where that can reach the other side',
  async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((socket) => {
      seen.push(socket.remoteAddress);
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    for (const localAddress of ['127.0.0.2', '::2', undefined]) {
      const options = { dialTimeoutMs: 10_000, timeoutMs: 10_000, maxBytes: 1, localAddress };
      await expect(ask(url, { method: 'GET', path: '/' }, options)).rejects.toThrow();
    }
    server.close();
    expect(seen).toEqual(['127.0.0.2', '127.0.0.1', '127.0.0.1']);
  },
);
