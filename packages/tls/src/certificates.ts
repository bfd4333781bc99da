import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { TlsConfigError, textOf } from './errors.ts';
import { readNamed, type NamedFile } from './files.ts';

/** A certificate with the chain that goes with it, and its key. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Every certificate of a PEM file, in its order. @throws TlsConfigError when there is none, or one is unreadable */
export function certificatesIn(bytes: Buffer, { path, flag }: NamedFile): X509Certificate[] {
  const blocks = bytes.toString('latin1').match(pemBlock);
  if (blocks === null) {
    throw new TlsConfigError(`${flag}: ${path} holds no certificate: it must be PEM, with BEGIN CERTIFICATE`);
  }
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new TlsConfigError(
        `${flag}: ${path} holds a certificate that cannot be read (${textOf(error)})`,
        {
          cause: error,
        },
      );
    }
  });
}

/**
 * Reads a certificate and its key, and sees that they belong together. A certificate that has expired, or that is
 * not valid yet, is a warning only: whether that matters is for the other side to say.
 *
 * @throws TlsConfigError
 */
export function readKeyPair(
  files: { readonly cert: NamedFile; readonly key: NamedFile },
  { nowMs, onWarning }: { readonly nowMs: number; readonly onWarning: (message: string) => void },
): KeyPair {
  const cert = readNamed(files.cert);
  const key = readNamed(files.key);
  const [leaf] = certificatesIn(cert, files.cert);
  const privateKey = privateKeyIn(key, files.key);
  if (leaf?.checkPrivateKey(privateKey) !== true) {
    throw new TlsConfigError(
      `${files.key.flag}: the key in ${files.key.path} is not that of the certificate in ${files.cert.path}: ` +
        `give the key that ${files.cert.flag} was issued for`,
    );
  }
  warnOfValidity(leaf, files.cert, { nowMs, onWarning });
  return { cert, key };
}

/** The authorities in a file, and its text as OpenSSL takes it. @throws TlsConfigError */
export function readAuthorities(
  file: NamedFile,
  options: { readonly nowMs: number; readonly onWarning: (message: string) => void },
): { readonly pem: Buffer; readonly certificates: readonly X509Certificate[] } {
  const pem = readNamed(file);
  const certificates = certificatesIn(pem, file);
  for (const certificate of certificates) warnOfValidity(certificate, file, options);
  return { pem, certificates };
}

function privateKeyIn(bytes: Buffer, { path, flag }: NamedFile): KeyObject {
  try {
    return createPrivateKey(bytes);
  } catch (error) {
    // The library's text speaks of formats and never shows the key.
    const hint = /ENCRYPTED/.test(bytes.toString('latin1'))
      ? 'it is encrypted: give one without a passphrase'
      : 'it must be PEM, with BEGIN PRIVATE KEY';
    throw new TlsConfigError(`${flag}: ${path} holds no private key that can be read: ${hint}`, {
      cause: error,
    });
  }
}

function warnOfValidity(
  certificate: X509Certificate,
  { path, flag }: NamedFile,
  { nowMs, onWarning }: { readonly nowMs: number; readonly onWarning: (message: string) => void },
): void {
  const name = certificate.subject?.replaceAll('\n', ', ') ?? '';
  if (certificate.validToDate.getTime() < nowMs) {
    onWarning(`${flag}: the certificate "${name}" in ${path} expired at ${certificate.validTo}: renew it`);
  } else if (certificate.validFromDate.getTime() > nowMs) {
    onWarning(`${flag}: the certificate "${name}" in ${path} is valid only from ${certificate.validFrom} on`);
  }
}
