import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { startQuorate, type StartedServer } from '@quorate/client/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { quoratectl } from './differential/tools.ts';

// A server is started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Takes connections, and says nothing. */
const silent = createServer();
const taken = new Set<Socket>();
let silentEndpoint: string;
let server: StartedServer;

beforeAll(async () => {
  silent.on('connection', (socket) => {
    taken.add(socket);
    socket.on('error', () => {});
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  // It listens on a port, not on a path.
  silentEndpoint = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  server = await startQuorate();
});

afterAll(async () => {
  for (const socket of taken) socket.destroy();
  silent.close();
  await server[Symbol.asyncDispose]();
});

test.each([
  ['lock', 'a'],
  ['lock', 'a', 'true'],
  ['elect', 'a', 'me'],
  ['elect', '-l', 'a'],
  ['check', 'perf'],
  ['check', 'datascale'],
  ['make-mirror', 'ALIVE'],
])('a member that takes connections and never answers ends %s %s in time', async (...command) => {
  const argv = command.map((argument) => (argument === 'ALIVE' ? server.endpoint : argument));
  const flags = [`--endpoints=${silentEndpoint}`, '--command-timeout=200ms'];
  const outcome = await quoratectl({ argv: [...flags, ...argv] });
  expect(outcome).toEqual({ stdout: '', stderr: 'Error: context deadline exceeded\n', code: 1 });
});

test('so does a destination of that kind', async () => {
  const flags = [`--endpoints=${server.endpoint}`, '--command-timeout=200ms'];
  const outcome = await quoratectl({ argv: [...flags, 'make-mirror', silentEndpoint] });
  expect(outcome).toEqual({ stdout: '', stderr: 'Error: context deadline exceeded\n', code: 1 });
});
