import { Client } from '@quorate/client';
import { testCertificates } from '@quorate/client/testing';
import { toUtf8 } from '@quorate/std';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startServer } from '../src/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'unix-names-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function fileOf(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

// etcd 3.5.30 does the same, for certificates with and without addresses in them.
test('on a unix socket, too, the name in the certificate of a client is that of its user', async () => {
  const { ca, server: pair, alice, named } = testCertificates;
  const socket = `unixs://${join(dir, 'client.sock')}`;
  await using server = await startServer({
    listenClientUrls: [socket],
    advertiseClientUrls: [socket],
    certFile: fileOf('cert.pem', pair.cert),
    keyFile: fileOf('key.pem', pair.key),
    trustedCaFile: fileOf('ca.pem', ca),
    clientCertAuth: true,
  });
  const clientWith = ({ cert, key }: { readonly cert: string; readonly key: string }) =>
    new Client({
      endpoints: [socket],
      tls: {
        ca: Buffer.from(ca),
        cert: Buffer.from(cert),
        key: Buffer.from(key),
        // A socket has no name that a certificate could be for.
        serverName: 'localhost',
      },
    });
  expect(server.endpoints).toEqual([socket]);
  await using client = clientWith(alice);
  const { users, roles } = client.auth;
  await users.add({ name: 'root', password: 'secret' });
  await users.grantRole({ user: 'root', role: 'root' });
  await users.add({ name: 'alice', noPassword: true });
  await roles.add('reader');
  await roles.grantPermission('reader', { type: 'read', key: 'a' });
  await users.grantRole({ user: 'alice', role: 'reader' });
  await client.put('a', 'one');
  await client.auth.enable();
  expect(toUtf8((await client.get('a'))?.value ?? new Uint8Array())).toBe('one');
  await expect(client.put('a', 'two')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  // Somebody of whom nobody has heard.
  await using stranger = clientWith(named);
  await expect(stranger.get('a')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});
