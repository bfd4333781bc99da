import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
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

const algorithm = { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' } as const;
const yearMs = 365 * 24 * 3_600_000;
const serialBytes = 16;

/** A certificate that vouches for itself, and its key, both PEM. */
export async function makeCertificate({
  hosts,
  years,
  nowMs,
}: {
  /** Host names and addresses that it is for. */
  readonly hosts: readonly string[];
  readonly years: number;
  readonly nowMs: number;
}): Promise<{ readonly cert: string; readonly key: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
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
