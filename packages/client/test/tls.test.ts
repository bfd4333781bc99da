import * as grpc from '@grpc/grpc-js';
import { fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { afterEach, describe, expect, test } from 'vitest';
import { Client, EtcdError, TlsOptionsError, type TlsOptions } from '../src/index.ts';
import { testCertificates, type TestCertificate } from '../src/testing/index.ts';
import { FakeServer, HastyClock } from './fake-server.ts';

const { server, named, alice } = testCertificates;
const ca = fromUtf8(testCertificates.ca);
const pairOf = ({ cert, key }: TestCertificate) => ({ cert: fromUtf8(cert), key: fromUtf8(key) });

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

/** Starts a server with TLS; one that checks its clients says on each put which of them it was. */
async function tlsServer(
  pair: TestCertificate,
  { checksClients = false }: { readonly checksClients?: boolean } = {},
): Promise<FakeServer> {
  const keyPair = { private_key: Buffer.from(pair.key), cert_chain: Buffer.from(pair.cert) };
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(ca), [keyPair], checksClients);
  const { put } = rpcpb.KVDefinition.methods;
  const fake = new FakeServer().unary(rpcpb.KVDefinition, put, () => rpcpb.PutResponse.create());
  open.push(await fake.start(credentials));
  return fake;
}

function put(endpoint: string, tls?: TlsOptions): Promise<unknown> {
  // What is not trusted is tried again until the deadline, so time passes quickly here.
  const clock = new HastyClock({ longestMs: 1_000 });
  const client = new Client({ endpoints: [endpoint], requestTimeoutMs: 500, clock, ...(tls && { tls }) });
  open.push(client);
  return client.put('a', '1');
}

/** How a call to a server ends that cannot be trusted, or does not trust us. */
function noConnection(reason: RegExp): object {
  const message: unknown = expect.stringMatching(reason);
  return { code: 'DEADLINE_EXCEEDED', unsent: true, cause: { code: 'UNAVAILABLE', message } };
}

describe('a server with TLS', () => {
  test('is trusted when its certificate leads back to the CA given', async () => {
    const { endpoint } = await tlsServer(server);
    await put(`https://${endpoint}`, { ca });
    await put(endpoint, { ca });
  });

  test('is not trusted when nobody has said which CA is, and the error says so', async () => {
    const { endpoint } = await tlsServer(server);
    await expect(put(`https://${endpoint}`)).rejects.toMatchObject(
      noConnection(/^no connection to https:[^ ]*: self-signed certificate in certificate chain$/),
    );
  });

  test('is not trusted when its certificate is for another name, unless that is the name asked for', async () => {
    const { endpoint } = await tlsServer(named);
    await expect(put(endpoint, { ca })).rejects.toMatchObject(noConnection(/not in the cert's list/));
    await put(endpoint, { ca, serverName: 'named.test' });
    await expect(put(endpoint, { ca, serverName: 'other.test' })).rejects.toMatchObject(
      noConnection(/not in the cert's altnames: DNS:named.test/),
    );
  });

  test('is trusted whoever it is when that is asked for', async () => {
    const { endpoint } = await tlsServer(named);
    await put(endpoint, { insecureSkipVerify: true });
  });

  test('that checks its clients takes one with a certificate, and no other', async () => {
    const { endpoint } = await tlsServer(server, { checksClients: true });
    await put(endpoint, { ca, ...pairOf(alice) });
    await expect(put(endpoint, { ca })).rejects.toThrow(EtcdError);
  });
});

describe('options of TLS that cannot work are refused at once', () => {
  const otherKey = pairOf(server).key;
  const { cert, key } = pairOf(alice);
  const damaged = fromUtf8(testCertificates.ca.replace(/^MII.{10}/m, 'AAAAAAAAAAAAA'));
  const encrypted = fromUtf8(
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n',
  );
  const damagedKey = fromUtf8('-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n');
  const nothing = fromUtf8('nothing');
  const cases: readonly (readonly [string, TlsOptions, string, string])[] = [
    ['a CA that is no PEM', { ca: nothing }, 'CLIENT_TLS_CA', 'it has no certificate in PEM form'],
    ['a key as CA', { ca: key }, 'CLIENT_TLS_CA', 'it has a PRIVATE KEY where a CERTIFICATE should be'],
    ['a damaged CA', { ca: damaged }, 'CLIENT_TLS_CA', 'its certificate number 1 is damaged'],
    ['a certificate alone', { cert }, 'CLIENT_TLS_PAIR', 'a certificate is given without its key'],
    ['a key alone', { key }, 'CLIENT_TLS_PAIR', 'a key is given without a certificate'],
    [
      'a certificate that is no PEM',
      { cert: nothing, key },
      'CLIENT_TLS_CERT',
      'it has no certificate in PEM form',
    ],
    [
      'both switched',
      { cert: key, key: cert },
      'CLIENT_TLS_CERT',
      'it has a PRIVATE KEY where a CERTIFICATE should be',
    ],
    ['a key that is no PEM', { cert, key: nothing }, 'CLIENT_TLS_KEY', 'it has no private key in PEM form'],
    [
      'a certificate as key',
      { cert, key: cert },
      'CLIENT_TLS_KEY',
      'it has a CERTIFICATE where a PRIVATE KEY should be',
    ],
    ['a damaged key', { cert, key: damagedKey }, 'CLIENT_TLS_KEY', 'its private key is damaged'],
    [
      'an encrypted key',
      { cert, key: encrypted },
      'CLIENT_TLS_KEY',
      'its private key is encrypted, and there is no way to give the passphrase',
    ],
    [
      "another certificate's key",
      { cert, key: otherKey },
      'CLIENT_TLS_PAIR',
      'the key is not that of the (first) certificate',
    ],
  ];

  test.each(cases)('%s', (_, tls, code, message) => {
    const make = () => new Client({ endpoints: ['a:1'], tls });
    expect(make).toThrow(TlsOptionsError);
    expect(make).toThrow(expect.objectContaining({ code, message }));
  });
});
