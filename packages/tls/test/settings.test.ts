import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ServerTls, cipherSuiteNames, parseTlsVersion, protocolOf, TlsConfigError } from '../src/index.ts';
import { setUp } from './support/setup.ts';

const { ca, folder, mutual, plain, open } = await setUp();

test.each([
  [['TLS_RSA_WITH_RC4_128_SHA'], 'RC4 is broken'],
  [['TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA'], '3DES has too short a block'],
  [['TLS_RSA_WITH_AES_128_GCM_SHA256'], 'without ECDHE'],
  [['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA'], 'CBC is open to padding attacks'],
  [['ECDHE-RSA-AES128-GCM-SHA256'], 'there is no cipher suite "ECDHE-RSA-AES128-GCM-SHA256"'],
  [[''], 'there is no cipher suite ""'],
])('the cipher suites %j are refused', (cipherSuites, reason) => {
  expect(() => protocolOf({ cipherSuites })).toThrow(TlsConfigError);
  expect(() => protocolOf({ cipherSuites })).toThrow(`--cipher-suites: `);
  expect(() => protocolOf({ cipherSuites })).toThrow(reason);
});

test('only suites of the list are ever given to OpenSSL', () => {
  const name = fc.oneof(
    fc.constantFrom(...cipherSuiteNames),
    fc.string(),
    fc.constantFrom('ALL', 'DEFAULT', 'eNULL'),
  );
  fc.assert(
    fc.property(fc.array(name, { maxLength: 4 }), (cipherSuites) => {
      try {
        const { ciphers = '' } = protocolOf({ cipherSuites });
        expect(ciphers).toMatch(
          /^(TLS_[A-Z0-9_]+|ECDHE-(RSA|ECDSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)|:)+$/,
        );
      } catch (error) {
        expect(error).toBeInstanceOf(TlsConfigError);
      }
    }),
  );
});

test('a suite by its old name is the same one', () => {
  const { ciphers } = protocolOf({ cipherSuites: ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305'] });
  expect(ciphers?.split(':').at(-1)).toBe('ECDHE-RSA-CHACHA20-POLY1305');
});

test('versions that contradict each other are refused', () => {
  expect(() => protocolOf({ minVersion: 'TLS1.3', maxVersion: 'TLS1.2' })).toThrow(
    'min version (TLS1.3) is greater than max version (TLS1.2)',
  );
  const cipherSuites = ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'];
  expect(() => protocolOf({ minVersion: 'TLS1.3', cipherSuites })).toThrow(
    'cipher suites cannot be configured when only TLS1.3 is enabled',
  );
  expect(parseTlsVersion('', '--tls-max-version')).toBeUndefined();
  expect(parseTlsVersion('TLS1.3', '--tls-max-version')).toBe('TLS1.3');
  for (const text of ['TLS1.1', 'TLS1.0', 'tls1.2', 'SSLv3', '1.2']) {
    expect(() => parseTlsVersion(text, '--tls-min-version')).toThrow(
      `--tls-min-version: unexpected TLS version "${text}" (must be one of: TLS1.2, TLS1.3)`,
    );
  }
});

test('the lowest and the highest version are kept', async () => {
  const high = await open({ ...plain, minVersion: 'TLS1.3' });
  expect(await high.dial({ ca: ca.pem, maxVersion: 'TLSv1.2' })).toMatchObject({ served: false });
  expect(await high.dial({ ca: ca.pem })).toMatchObject({ protocol: 'TLSv1.3' });
  const low = await open({ ...plain, maxVersion: 'TLS1.2' });
  expect(await low.dial({ ca: ca.pem, minVersion: 'TLSv1.3' })).toMatchObject({ served: false });
  expect(await low.dial({ ca: ca.pem })).toMatchObject({ protocol: 'TLSv1.2' });
});

test('a suite that is chosen is the only one of TLS 1.2', async () => {
  const listener = await open({ ...plain, cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] });
  const dial = (ciphers: string) => listener.dial({ ca: ca.pem, maxVersion: 'TLSv1.2', ciphers });
  expect(await dial('ECDHE-ECDSA-AES256-GCM-SHA384')).toMatchObject({ served: true });
  expect(await dial('ECDHE-ECDSA-AES128-GCM-SHA256')).toMatchObject({ served: false });
  expect(await listener.dial({ ca: ca.pem })).toMatchObject({ protocol: 'TLSv1.3' });
});

test('files that no TLS can be made of are errors that name flag and file', async () => {
  const issued = await ca.issue();
  const other = folder.writePair('other', await ca.issue());
  const missing = { path: `${folder.path}/missing.pem`, flag: '--cert-file' };
  const opening = (options: Partial<Parameters<typeof ServerTls.open>[0]>) =>
    expect(ServerTls.open({ ...plain, alpn: [], ...options })).rejects;
  await opening({ cert: missing }).toThrow(
    /^--cert-file: cannot read .*missing\.pem \(ENOENT.*check the path/,
  );
  await opening({ key: other.key }).toThrow(
    /^--key-file: the key in .*other\.key is not that of the certificate in .*server\.crt: give the key that --cert-file/,
  );
  await opening({ cert: folder.write('empty', '', '--cert-file') }).toThrow(
    /^--cert-file: .*holds no certificate/,
  );
  const garbled = issued.cert.replace(/MII/, 'MIX');
  await opening({ cert: folder.write('garbled', garbled, '--cert-file') }).toThrow(
    /^--cert-file: .*cannot be read/,
  );
  await opening({ key: folder.write('nokey', issued.cert, '--key-file') }).toThrow(
    /^--key-file: .*no private key/,
  );
  await opening({ trustedCa: folder.write('noca', 'x', '--trusted-ca-file') }).toThrow(
    /^--trusted-ca-file: /,
  );
});

test('no error shows anything of a key', async () => {
  const { cert, key } = await ca.issue();
  const cut = key.slice(0, -60);
  const secret = key.split('\n')[1] ?? '';
  const pair = {
    cert: folder.write('cut.crt', cert, '--cert-file'),
    key: folder.write('cut.key', cut, '--key-file'),
  };
  const error: unknown = await ServerTls.open({ ...pair, alpn: [] }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(TlsConfigError);
  expect(String((error as Error).stack) + String((error as Error).cause)).not.toContain(secret.slice(0, 16));
});

test('an expired certificate is served, with a warning', async () => {
  const listener = await open(
    folder.writePair('expired', await ca.issue({ commonName: 'old', fromDays: -9, toDays: -1 })),
  );
  expect(listener.warnings).toEqual([
    expect.stringMatching(/^--cert-file: the certificate "CN=old" in .* expired at /),
  ]);
  expect(await listener.dial({ ca: ca.pem, rejectUnauthorized: false })).toMatchObject({ served: true });
});

test('a rule about certificates that nobody has to show is an error, not a rule without effect', async () => {
  const flags = { commonNames: '--peer-cert-allowed-cn', hostNames: '--peer-cert-allowed-hostname' };
  const crl = folder.write('some.crl', await ca.crl([]), '--client-crl-file');
  await expect(open({ ...plain, crl })).rejects.toThrow('--client-crl-file is a rule about certificates');
  await expect(open({ ...plain, allowed: { commonNames: ['a'], hostNames: [], flags } })).rejects.toThrow(
    '--peer-cert-allowed-cn is a rule about certificates',
  );
  await expect(open({ ...mutual, allowed: { commonNames: ['a'], hostNames: ['b'], flags } })).rejects.toThrow(
    '--peer-cert-allowed-cn and --peer-cert-allowed-hostname are mutually exclusive (cn=["a"], hostname=["b"])',
  );
  await open({ ...plain, allowed: { commonNames: [], hostNames: [], flags } });
});

test('without a file of authorities, those of the system are believed, and no others', async () => {
  const listener = await open({ ...plain, clientCertAuth: true });
  expect(await listener.dial({ ca: ca.pem })).toMatchObject({ served: false });
  expect(await listener.dial({ ca: ca.pem, ...(await ca.issue()) })).toMatchObject({ served: false });
  expect(listener.refusals.map(({ reason }) => reason)).toEqual(['no certificate', 'untrusted certificate']);
});
