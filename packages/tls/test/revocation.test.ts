import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { Revocations } from '../src/revocation.ts';
import { CertificateAuthority } from '../src/testing/index.ts';
import { setUp, showing } from './support/setup.ts';

const { ca, folder, mutual, plain, open } = await setUp();

test('a serial is revoked for the authority that has signed the list, not for others', async () => {
  const other = await CertificateAuthority.create('other');
  const trustedCa = folder.write('two.crt', ca.pem + other.pem, '--trusted-ca-file');
  const crl = folder.write('two.crl', await ca.crl(['0abc']), '--client-crl-file');
  const listener = await open({ ...plain, trustedCa, crl });
  expect(await listener.dial(showing(ca, await ca.issue({ serial: '0abc' })))).toMatchObject({
    served: false,
  });
  expect(await listener.dial(showing(ca, await other.issue({ serial: '0abc' })))).toMatchObject({
    served: true,
  });
  expect(listener.refusals).toEqual([
    { reason: 'revoked certificate', detail: 'certificate serial 0ABC is revoked' },
  ]);
});

test('a list in the name of an authority must bear its signature', async () => {
  const forger = await CertificateAuthority.create(ca.name);
  const crl = folder.write('forged.crl', await forger.crl([]), '--client-crl-file');
  await expect(open({ ...mutual, crl })).rejects.toThrow(
    /^--client-crl-file: the list of "CN=test-ca" in .* does not bear the signature of that authority/,
  );
});

test('a list of somebody unknown counts for all, and is warned of', async () => {
  const stranger = await CertificateAuthority.create('stranger');
  const crl = folder.write('strange.crl', await stranger.crl(['0def']), '--client-crl-file');
  const listener = await open({ ...mutual, crl });
  expect(listener.warnings).toEqual([
    expect.stringContaining('is of nobody who is trusted, and counts for all certificates'),
  ]);
  expect(await listener.dial(showing(ca, await ca.issue({ serial: '0def' })))).toMatchObject({
    served: false,
  });
  expect(await listener.dial(showing(ca, await ca.issue()))).toMatchObject({ served: true });
});

test('a list that is out of date still counts, and is warned of', async () => {
  const issued = await ca.issue();
  const crl = folder.write(
    'old.crl',
    await ca.crl([issued.serial], { nextUpdateDays: -1 }),
    '--client-crl-file',
  );
  const listener = await open({ ...mutual, crl });
  expect(listener.warnings).toEqual([expect.stringContaining('was to be replaced by')]);
  expect(await listener.dial(showing(ca, issued))).toMatchObject({ served: false });
});

test('whoever has a certificate of an intermediate authority that is revoked is refused', async () => {
  const below = await ca.intermediate('below', { serial: '77' });
  const trustedCa = folder.write('chain.crt', ca.pem + below.pem, '--trusted-ca-file');
  const crl = folder.write('chain.crl', await ca.crl([]), '--client-crl-file');
  const listener = await open({ ...plain, trustedCa, crl });
  const client = showing(ca, await below.issue());
  expect(await listener.dial(client)).toMatchObject({ served: true });
  folder.write('chain.crl', await ca.crl(['77']));
  expect(await listener.dial(client)).toMatchObject({ served: false });
});

test('where the chain cannot be seen, nobody can say that nothing in it is revoked', async () => {
  const below = await ca.intermediate('below', { serial: '78' });
  const crl = folder.write('unseen.crl', await ca.crl(['78']), '--client-crl-file');
  const listener = await open({ ...mutual, crl });
  // Whether Node shows what the client sent differs between its versions; refused it is in both cases.
  expect(await listener.dial(showing(ca, await below.issue()))).toMatchObject({ served: false });
});

test('DER is read as PEM is', async () => {
  const issued = await ca.issue();
  const pem = await ca.crl([issued.serial]);
  const der = Buffer.from(pem.replace(/-----.*?-----/g, ''), 'base64');
  const crl = folder.write('der.crl', der, '--client-crl-file');
  const listener = await open({ ...mutual, crl });
  expect(await listener.dial(showing(ca, issued))).toMatchObject({ served: false });
});

test.each([
  ['not there', undefined, 'cannot read'],
  ['text', 'hello', 'holds no list of revoked certificates that can be read'],
  ['a certificate', ca.pem, 'no block with BEGIN X509 CRL'],
])('a file that is %s is an error that names flag and file', async (_what, text, message) => {
  const crl =
    text === undefined
      ? { path: `${folder.path}/nowhere.crl`, flag: '--client-crl-file' }
      : folder.write('bad.crl', text, '--client-crl-file');
  await expect(open({ ...mutual, crl })).rejects.toThrow(message);
  await expect(open({ ...mutual, crl })).rejects.toThrow(`--client-crl-file: `);
});

test('a look-alike of a revoked authority, made by the client, does not hide it', async () => {
  const below = await ca.intermediate('below', { serial: '79' });
  const decoy = await (await CertificateAuthority.create(ca.name)).intermediate('below', { serial: '7a' });
  const file = folder.write('decoy.crl', await ca.crl(['79']), '--client-crl-file');
  const revocations = Revocations.read(file, [new X509Certificate(ca.pem)], {
    nowMs: Date.now(),
    onWarning: () => {},
  });
  const leaf = new X509Certificate((await below.issue()).cert);
  const sending = (sent: X509Certificate | undefined) =>
    revocations.refusalOf(
      Object.defineProperty(leaf, 'issuerCertificate', { value: sent, configurable: true }),
    );
  expect(sending(new X509Certificate(below.pem))).toBe('certificate serial 79 is revoked');
  expect(sending(new X509Certificate(decoy.pem))).toMatch(
    /^the issuer of certificate serial .* is not known/,
  );
  expect(sending(undefined)).toMatch(/^the issuer of certificate serial .* is not known/);
});
