import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { readAuthorities } from './certificates.ts';
import type { NamedFile } from './files.ts';

/** Whom to believe, as OpenSSL takes it and as certificates. */
export interface Authorities {
  readonly ca: readonly (string | Buffer)[];
  readonly certificates: readonly X509Certificate[];
}

/** The authorities of a file, or without one those that this system trusts. @throws TlsConfigError */
export function authoritiesOf(
  file: NamedFile | undefined,
  options: { readonly nowMs: number; readonly onWarning: (message: string) => void },
): Authorities {
  if (file !== undefined) {
    const { pem, certificates } = readAuthorities(file, options);
    return { ca: [pem], certificates };
  }
  return (systemAuthorities ??= readSystemAuthorities());
}

/** Node reads them once for a process, and so do we: parsing some hundred of them takes longer than all of a start. */
let systemAuthorities: Authorities | undefined;

function readSystemAuthorities(): Authorities {
  const ca = getCACertificates('system');
  return { ca, certificates: ca.map((pem) => new X509Certificate(pem)) };
}
