import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { TlsConfigError } from './errors.ts';

/** Who may come in, of all those whom the authorities vouch for; empty lists let everybody in. */
export interface AllowedNames {
  readonly commonNames: readonly string[];
  readonly hostNames: readonly string[];
  /** The flags that set them, for errors. */
  readonly flags: { readonly commonNames: string; readonly hostNames: string };
}

/** @throws TlsConfigError when both lists are set */
export function checkAllowedNames({ commonNames, hostNames, flags }: AllowedNames): void {
  if (commonNames.length === 0 || hostNames.length === 0) return;
  throw new TlsConfigError(
    `${flags.commonNames} and ${flags.hostNames} are mutually exclusive (cn=${JSON.stringify(commonNames)}, ` +
      `hostname=${JSON.stringify(hostNames)}): leave out one of them`,
  );
}

/** Whether a verified certificate has one of the names. */
export function isAllowed(certificate: X509Certificate, { commonNames, hostNames }: AllowedNames): boolean {
  if (commonNames.length > 0) {
    const commonName = commonNameOf(certificate);
    return commonName !== undefined && commonNames.includes(commonName);
  }
  return hostNames.length === 0 || hostNames.some((name) => isFor(certificate, name));
}

/** Whether a certificate is for that host name or address: only alternative names count, never the common name. */
export function isFor(certificate: X509Certificate, host: string): boolean {
  if (isIP(host) !== 0) return certificate.checkIP(host) !== undefined;
  return certificate.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined;
}

/** The common name of a certificate, the last one if it has several, as in Go; undefined when it has none. */
export function commonNameOf(certificate: X509Certificate): string | undefined {
  // The typed `subject` is one escaped text; the old form has each attribute as it is.
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  const commonName = typeof CN === 'string' ? CN : CN?.at(-1);
  return commonName === '' ? undefined : commonName;
}
