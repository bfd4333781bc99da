import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { Client } from '../src/index.ts';

test('a connection without calls is pinged when that is asked for', async () => {
  // It takes a connection, and answers no call as gRPC would.
  const server = createServer((_, response) => response.end());
  const pinged = new Promise<void>((resolve) => {
    server.on('session', (session: ServerHttp2Session) => session.on('ping', () => resolve()));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // What listens on a port has an address, and no name of a pipe.
  const client = new Client({
    endpoints: [`127.0.0.1:${port}`],
    keepaliveTimeMs: 20,
    keepaliveWithoutCalls: true,
  });
  await expect(client.put('a', '1')).rejects.toThrow();
  await pinged;
  await client.close();
  server.close();
});
