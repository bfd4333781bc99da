import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@quorate/std/testing';
import { afterAll, expect, test } from 'vitest';
import { autoTls, ServerTls, type NamedFile } from '../src/index.ts';

const parent = mkdtempSync(join(tmpdir(), 'quorate-auto-'));
afterAll(() => rmSync(parent, { recursive: true }));

const options = (name: string) => ({
  dir: join(parent, name, 'fixtures', 'client'),
  hosts: ['127.0.0.1', 'localhost', '::1', 'localhost'],
  years: 2,
  flag: '--auto-tls',
  clock: new ManualClock(Date.UTC(2026, 0, 1)),
});

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('a certificate is made as etcd makes it, and is for the owner only', async () => {
  const { cert, key } = await autoTls(options('new'));
  const certificate = new X509Certificate(readFileSync(cert.path));
  expect(certificate.subject).toBe('O=etcd');
  expect(certificate.issuer).toBe('O=etcd');
  expect(certificate.ca).toBe(true);
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('secp521r1');
  expect(certificate.subjectAltName).toBe('IP Address:127.0.0.1, DNS:localhost, IP Address:0:0:0:0:0:0:0:1');
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.validFromDate).toEqual(new Date('2026-01-01T00:00:00Z'));
  expect(certificate.validToDate).toEqual(new Date('2028-01-01T00:00:00Z'));
  expect([modeOf(cert.path), modeOf(key.path), modeOf(join(parent, 'new/fixtures/client'))]).toEqual([
    '600',
    '600',
    '700',
  ]);
  await using tls = await ServerTls.open({ cert, key, alpn: [] });
  expect(tls.handshakes).toBe(0);
});

const bothOf = ({ cert, key }: Record<'cert' | 'key', NamedFile>): string =>
  readFileSync(cert.path, 'latin1') + readFileSync(key.path, 'latin1');

test('a certificate that is there is used again', async () => {
  const { cert, key } = await autoTls(options('again'));
  const before = bothOf({ cert, key });
  await autoTls(options('again'));
  expect(bothOf({ cert, key })).toBe(before);
  rmSync(key.path);
  await autoTls(options('again'));
  expect(bothOf({ cert, key })).not.toBe(before);
});

test('what others could read is the owner’s alone from then on, and that is told (GHSA-chh6-ppwq-jh92)', async () => {
  const { dir } = options('loose');
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o777);
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  const { key } = await autoTls({ ...options('loose'), onWarning });
  chmodSync(key.path, 0o644);
  await autoTls({ ...options('loose'), onWarning });
  expect([modeOf(dir), modeOf(key.path)]).toEqual(['700', '600']);
  expect(warnings).toEqual([
    expect.stringMatching(/^--auto-tls: others could use .*client \(mode 777\)/),
    expect.stringMatching(/^--auto-tls: others could use .*key\.pem \(mode 644\)/),
  ]);
});
