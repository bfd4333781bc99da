import { once } from 'node:events';
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { CertificateAuthority, CertificateFolder } from '../src/testing/index.ts';
import { outcomeOf, type Listener } from './support/listener.ts';
import { setUp, showing } from './support/setup.ts';

const { ca, folder, mutual, open } = await setUp();

/** The serial of the certificate that a new connection is shown. */
async function servedSerial(listener: Listener): Promise<string> {
  const socket = listener.connect({ ca: ca.pem });
  await once(socket, 'secureConnect');
  const { serialNumber } = new X509Certificate(socket.getPeerCertificate().raw);
  socket.destroy();
  return serialNumber.toLowerCase();
}

test('a renewed certificate is served from the next connection on, and those that stand stay', async () => {
  const listener = await open(folder.writePair('renewed', await ca.issue()));
  const before = listener.connect({ ca: ca.pem });
  expect(await outcomeOf(before)).toMatchObject({ served: true });
  const renewed = await ca.issue();
  folder.writePair('renewed', renewed);
  expect(await servedSerial(listener)).toBe(renewed.serial);
  expect(listener.reloads).toEqual(['reloaded']);
  before.write('still there');
  expect(String((await once(before, 'data'))[0])).toBe('still there');
  before.destroy();
});

test('files replaced by moving a link, as mounted secrets are, count as changed', async () => {
  const [one, other] = [await ca.issue(), await ca.issue()];
  const versions = new CertificateFolder(folder.path);
  versions.writePair('one', one);
  versions.writePair('other', other);
  const link = (version: string, extension: string): void => {
    const path = join(folder.path, `linked.${extension}`);
    symlinkSync(`${version}.${extension}`, `${path}.new`);
    renameSync(`${path}.new`, path);
  };
  for (const extension of ['crt', 'key']) link('one', extension);
  const named = (extension: string) => ({
    path: join(folder.path, `linked.${extension}`),
    flag: '--cert-file',
  });
  const listener = await open({ cert: named('crt'), key: named('key') });
  expect(await servedSerial(listener)).toBe(one.serial);
  for (const extension of ['crt', 'key']) link('other', extension);
  expect(await servedSerial(listener)).toBe(other.serial);
});

test('files that are of no use change nothing, and that is told once', async () => {
  const first = await ca.issue();
  const files = folder.writePair('broken', first);
  const listener = await open(files);
  const renewed = await ca.issue();
  // A certificate that is written before its key does not go with the old one.
  folder.write('broken.crt', renewed.cert);
  expect(await servedSerial(listener)).toBe(first.serial);
  expect(await servedSerial(listener)).toBe(first.serial);
  expect(listener.reloads).toEqual([expect.stringContaining('is not that of the certificate')]);
  folder.write('broken.key', renewed.key);
  expect(await servedSerial(listener)).toBe(renewed.serial);
  rmSync(files.cert.path);
  expect(await servedSerial(listener)).toBe(renewed.serial);
  expect(listener.reloads.slice(1)).toEqual(['reloaded', expect.stringContaining('cannot read')]);
});

test('authorities and revoked certificates are read anew as well', async () => {
  const other = await CertificateAuthority.create('other');
  const trustedCa = folder.write('changing.crt', ca.pem, '--trusted-ca-file');
  const crl = folder.write('changing.crl', await ca.crl([]), '--client-crl-file');
  const listener = await open({ ...mutual, trustedCa, crl });
  const [mine, theirs] = [await ca.issue(), await other.issue()];
  const served = async () => [
    (await listener.dial(showing(ca, mine))).served,
    (await listener.dial(showing(ca, theirs))).served,
  ];
  expect(await served()).toEqual([true, false]);
  folder.write('changing.crt', ca.pem + other.pem);
  expect(await served()).toEqual([true, true]);
  folder.write('changing.crl', (await ca.crl([mine.serial])) + (await other.crl([])));
  expect(await served()).toEqual([false, true]);
  folder.write('changing.crl', 'garbage');
  expect(await served()).toEqual([false, true]);
});

test('many connections during one change are served by what comes of it', async () => {
  const listener = await open(folder.writePair('many', await ca.issue()));
  const renewed = await ca.issue();
  folder.writePair('many', renewed);
  const serials = await Promise.all(Array.from({ length: 8 }, () => servedSerial(listener)));
  expect(new Set(serials)).toEqual(new Set([renewed.serial]));
  expect(listener.reloads).toEqual(['reloaded']);
});
