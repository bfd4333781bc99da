import { connect } from 'node:tls';
import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ClientTls, type ClientTlsOptions } from '../src/index.ts';
import { CertificateAuthority } from '../src/testing/index.ts';
import { outcomeOf, type Listener } from './support/listener.ts';
import { setUp } from './support/setup.ts';

const { ca, folder, mutual, plain, open } = await setUp();
const trustedCa = mutual.trustedCa;

async function dial(listener: Listener, tls: ClientTls, host = '127.0.0.1') {
  const socket = connect({ host: '127.0.0.1', port: listener.port, ...tls.connectOptions(host) });
  const outcome = await outcomeOf(socket);
  socket.destroy();
  return outcome;
}

test('a server is believed by its authority and by its address or name', async () => {
  const listener = await open(plain);
  const tls = ClientTls.open({ trustedCa });
  expect(await dial(listener, tls)).toMatchObject({ served: true });
  expect(await dial(listener, tls, 'localhost')).toMatchObject({ served: true });
  expect(JSON.stringify(await dial(listener, tls, '127.0.0.2'))).toContain(
    'the certificate is not for 127.0.0.2, but for ',
  );
  expect(await dial(listener, ClientTls.open({ trustedCa, serverName: 'elsewhere' }))).toMatchObject({
    served: false,
  });
  const other = folder.write('other.crt', (await CertificateAuthority.create('other')).pem);
  expect(await dial(listener, ClientTls.open({ trustedCa: other }))).toMatchObject({ served: false });
  expect(await dial(listener, ClientTls.open({}))).toMatchObject({ served: false });
});

test('a server whose name stands in the common name only is not believed', async () => {
  const listener = await open(
    folder.writePair('cn', await ca.issue({ commonName: 'localhost', dns: [], ips: [] })),
  );
  const outcome = await dial(listener, ClientTls.open({ trustedCa }), 'localhost');
  expect(JSON.stringify(outcome)).toContain('nobody: it has no alternative names');
});

test('a server is only one of those allowed', async () => {
  const flags = { commonNames: '--peer-cert-allowed-cn', hostNames: '--peer-cert-allowed-hostname' };
  const listener = await open(plain);
  const allowing = (commonNames: string[], hostNames: string[]): ClientTlsOptions => ({
    trustedCa,
    allowed: { commonNames, hostNames, flags },
  });
  expect(await dial(listener, ClientTls.open(allowing(['server'], [])))).toMatchObject({ served: true });
  expect(await dial(listener, ClientTls.open(allowing(['other'], [])))).toMatchObject({ served: false });
  expect(await dial(listener, ClientTls.open(allowing([], ['localhost'])))).toMatchObject({ served: true });
  expect(await dial(listener, ClientTls.open(allowing([], ['other'])))).toMatchObject({ served: false });
});

test('certificates that members made for themselves are believed when they are to be', async () => {
  const other = await CertificateAuthority.create('other');
  const listener = await open(folder.writePair('self', await other.issue({ dns: [], ips: [] })));
  expect(await dial(listener, ClientTls.open({}))).toMatchObject({ served: false });
  expect(await dial(listener, ClientTls.open({ insecure: true }))).toMatchObject({ served: true });
});

test('what is shown, and who is believed, follows the files', async () => {
  const listener = await open(mutual);
  const pair = folder.writePair('dialling', await ca.issue({ commonName: 'one' }));
  const failures: unknown[] = [];
  const tls = ClientTls.open({
    ...pair,
    trustedCa,
    observer: { onReloadFailed: ({ error }) => failures.push(error) },
  });
  await dial(listener, tls);
  folder.writePair('dialling', await ca.issue({ commonName: 'two' }));
  await dial(listener, tls);
  rmSync(pair.key.path);
  await dial(listener, tls);
  await dial(listener, tls);
  expect(listener.identities.map(({ commonName }) => commonName)).toEqual(['one', 'two', 'two', 'two']);
  expect(failures).toHaveLength(1);
});

test('half a certificate is an error', () => {
  expect(() => ClientTls.open({ cert: plain.cert })).toThrow(
    '--cert-file: a certificate and its key belong together',
  );
});
