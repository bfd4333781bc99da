import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { opensslCiphers } from './cipher-suites.ts';
import { TlsConfigError } from './errors.ts';

/** Versions that exist here; those before are broken. */
export const tlsVersions = ['TLS1.2', 'TLS1.3'] as const;

/** One of `tlsVersions`. */
export type TlsVersion = (typeof tlsVersions)[number];

/** Which TLS is spoken; what is left out is TLS 1.2 and later with all suites that are safe. */
export interface ProtocolOptions {
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
  /** Names as Go has them, for TLS 1.2; empty is all. */
  readonly cipherSuites?: readonly string[];
}

/** Flags that errors name. */
const flags = { ciphers: '--cipher-suites', min: '--tls-min-version', max: '--tls-max-version' } as const;

const nodeVersions = { 'TLS1.2': 'TLSv1.2', 'TLS1.3': 'TLSv1.3' } as const;

/** A version by the name that flags have for it; undefined for an empty text. @throws TlsConfigError */
export function parseTlsVersion(text: string, flag: string): TlsVersion | undefined {
  if (text === '') return undefined;
  const version = tlsVersions.find((known) => known === text);
  if (version !== undefined) return version;
  throw new TlsConfigError(
    `${flag}: unexpected TLS version "${text}" (must be one of: ${tlsVersions.join(', ')})`,
  );
}

/** What a context of OpenSSL is told of the protocol. @throws TlsConfigError when the options contradict each other */
export function protocolOf(options: ProtocolOptions): SecureContextOptions {
  const { minVersion = 'TLS1.2', maxVersion = 'TLS1.3', cipherSuites = [] } = options;
  if (minVersion > maxVersion) {
    throw new TlsConfigError(
      `${flags.min}: min version (${minVersion}) is greater than max version (${maxVersion})`,
    );
  }
  if (minVersion === 'TLS1.3' && cipherSuites.length > 0) {
    throw new TlsConfigError(
      `${flags.ciphers}: cipher suites cannot be configured when only TLS1.3 is enabled; leave out one of it and ${flags.min}`,
    );
  }
  return {
    minVersion: nodeVersions[minVersion],
    maxVersion: nodeVersions[maxVersion],
    ciphers: opensslCiphers(cipherSuites, flags.ciphers),
    honorCipherOrder: true,
    // Without tickets and without a cache no session is resumed, so every connection shows its certificate anew.
    secureOptions:
      constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  };
}
