import { systemClock, type Clock } from '@quorate/std';
import { randomBytes, webcrypto } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { NamedFile } from './files.ts';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type JsonGeneralName,
} from './x509.ts';

export interface AutoTlsOptions {
  /** Where `cert.pem` and `key.pem` lie; made for the owner only. */
  readonly dir: string;
  /** Host names and addresses that the certificate is for. */
  readonly hosts: readonly string[];
  readonly years: number;
  /** The flag that asked for it, for errors about the files. */
  readonly flag: string;
  readonly clock?: Clock;
  readonly onWarning?: (message: string) => void;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' } as const;
const yearMs = 365 * 24 * 3_600_000;
const serialBytes = 16;

/**
 * A certificate that a member makes for itself: nobody vouches for it, so it keeps secrets from who only listens, and
 * proves nothing. Files that exist are used again; whoever wants new ones removes them.
 */
export async function autoTls(
  options: AutoTlsOptions,
): Promise<{ readonly cert: NamedFile; readonly key: NamedFile }> {
  const { dir, flag } = options;
  const cert = { path: join(dir, 'cert.pem'), flag };
  const key = { path: join(dir, 'key.pem'), flag };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (existsSync(cert.path) && existsSync(key.path)) {
    for (const path of [dir, key.path]) tighten(path, options);
    return { cert, key };
  }
  tighten(dir, options);
  const made = await makeCertificate(options);
  // The key first, and each in one step: a pair of files is either there or not.
  writePrivate(key.path, made.key);
  writePrivate(cert.path, made.cert);
  return { cert, key };
}

/** Takes away what others may do with what is ours alone. */
function tighten(path: string, { onWarning, flag }: AutoTlsOptions): void {
  const { mode } = statSync(path);
  if ((mode & 0o077) === 0) return;
  chmodSync(path, mode & 0o700);
  onWarning?.(
    `${flag}: others could use ${path} (mode ${(mode & 0o777).toString(8)}): it is the owner's alone now`,
  );
}

function writePrivate(path: string, text: string): void {
  const unfinished = `${path}.tmp`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx', flush: true });
  renameSync(unfinished, path);
}

async function makeCertificate({
  hosts,
  years,
  clock = systemClock,
}: AutoTlsOptions): Promise<{ readonly cert: string; readonly key: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const nowMs = clock.wallMs();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: positiveSerial(),
    name: 'O=etcd',
    notBefore: new Date(nowMs),
    notAfter: new Date(nowMs + years * yearMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment | KeyUsageFlags.keyCertSign,
        true,
      ),
      // A member is both, towards other members.
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      ...alternativeNames(hosts),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: `${certificate.toString('pem')}\n`, key: `${PemConverter.encode(key, 'PRIVATE KEY')}\n` };
}

/** 127 bits of chance; the first bit says that it is not negative. */
function positiveSerial(): string {
  const bytes = randomBytes(serialBytes);
  bytes[0] = (bytes[0]! & 0x7f) | 0x01;
  return bytes.toString('hex');
}

function alternativeNames(hosts: readonly string[]): SubjectAlternativeNameExtension[] {
  const names = [...new Set(hosts)].map((value): JsonGeneralName => ({
    type: isIP(value) === 0 ? 'dns' : 'ip',
    value,
  }));
  return names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)];
}
