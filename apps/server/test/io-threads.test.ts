import { Client } from '@quorate/client';
import { testCertificates } from '@quorate/client/testing';
import { freePort } from '@quorate/std/testing';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type RunningServer } from '../src/index.ts';

test('more threads than are of use are refused, and so is a transport that cannot have any', async () => {
  await expect(startServer({ ioThreads: 17 })).rejects.toThrow('ioThreads: 17 is not within 0 .. 16');
  await expect(startServer({ ioThreads: 1, grpcTransport: 'grpc-js' })).rejects.toThrow(
    '--io-threads=1 needs --grpc-transport=lean',
  );
});

// Elsewhere threads cannot share a port.
describe.skipIf(process.platform !== 'linux')('with two I/O threads', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({ ioThreads: 2 });
  });
  afterAll(() => server.close());

  test('every one of many connections is served, whichever thread it comes to', async () => {
    const clients = Array.from({ length: 12 }, () => new Client({ endpoints: [server.endpoint] }));
    await Promise.all(clients.map((client, index) => client.put(`many/${index}`, String(index))));
    const values = await Promise.all(
      clients.map(async (client, index) => asText((await client.get(`many/${11 - index}`))?.value)),
    );
    expect(values).toEqual(clients.map((_, index) => String(11 - index)));
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  test('a port that somebody has is refused, although threads could share it', async () => {
    const listenClientUrls = [`http://127.0.0.1:${await freePort()}`];
    await using first = await startServer({ ioThreads: 1, listenClientUrls });
    expect(first.endpoints).toEqual(listenClientUrls);
    await expect(startServer({ ioThreads: 1, listenClientUrls })).rejects.toThrow(
      'another process listens there',
    );
  });
});

describe.skipIf(process.platform !== 'linux')('with TLS in a thread', () => {
  const dir = mkdtempSync(join(tmpdir(), 'io-threads-'));
  const fileOf = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('the name in the certificate of a client is that of its user, and HTTP knows it, too', async () => {
    const { ca, server: pair, alice } = testCertificates;
    await using server = await startServer({
      ioThreads: 1,
      listenClientUrls: ['https://127.0.0.1:0'],
      certFile: fileOf('cert.pem', pair.cert),
      keyFile: fileOf('key.pem', pair.key),
      trustedCaFile: fileOf('ca.pem', ca),
      clientCertAuth: true,
    });
    const tls = { ca: Buffer.from(ca), cert: Buffer.from(alice.cert), key: Buffer.from(alice.key) };
    await using client = new Client({ endpoints: [server.endpoint], tls });
    const { users, roles } = client.auth;
    await users.add({ name: 'root', password: 'secret' });
    await users.grantRole({ user: 'root', role: 'root' });
    await users.add({ name: 'alice', password: 'other' });
    await roles.add('reader');
    await roles.grantPermission('reader', { type: 'read', key: 'a' });
    await users.grantRole({ user: 'alice', role: 'reader' });
    await client.put('a', 'one');
    await client.auth.enable();
    expect(asText((await client.get('a'))?.value)).toBe('one');
    await expect(client.put('a', 'two')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(`${server.endpoint}/v3/kv/range`, { ...tls, method: 'POST' }, (response) => {
        resolve(response.statusCode);
        response.resume();
      })
        .on('error', reject)
        .end('{"key": "YQ=="}');
    });
    // etcd's answer to whoever shows a certificate over HTTP.
    expect(status).toBe(400);
  });
});

function asText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString();
}
