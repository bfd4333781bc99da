import { TlsConfigError } from './errors.ts';

/**
 * What TLS 1.2 may use, as OpenSSL calls it, by the names that Go and IANA have for it: keys are agreed anew for each
 * connection (ECDHE) and data is sealed with its tag (AEAD). Everything else is weak, or forbidden to HTTP/2
 * (RFC 9113, appendix A), and is not to be had.
 */
const tls12Suites: ReadonlyMap<string, string> = new Map([
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
]);

/** Suites of TLS 1.3: all are good, and none can be switched off, as in Go. */
const tls13Suites = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Names that Go had before the registry gave others. */
const oldNames: ReadonlyMap<string, string> = new Map([
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'],
]);

/** What Go knows beside these; each with a weakness that has a name. */
const weaknesses: readonly (readonly [RegExp, string])[] = [
  [/RC4/, 'RC4 is broken'],
  [/3DES/, '3DES has too short a block'],
  [/^TLS_RSA_/, 'without ECDHE, one stolen key opens all recorded connections'],
  [/_CBC_/, 'CBC is open to padding attacks, and HTTP/2 forbids it'],
];

/** Names that a list of cipher suites may hold. */
export const cipherSuiteNames: readonly string[] = [...tls12Suites.keys(), ...tls13Suites];

/**
 * What OpenSSL takes for a list of Go's names; for an empty list all suites there are.
 *
 * @throws TlsConfigError for a name that is unknown or stands for something weak
 */
export function opensslCiphers(names: readonly string[], flag: string): string {
  const picked = names.map((given) => {
    const name = oldNames.get(given) ?? given;
    if (tls13Suites.includes(name)) return undefined;
    return tls12Suites.get(name) ?? refuse(given, flag);
  });
  const tls12 = new Set(picked.filter((name) => name !== undefined));
  return [...tls13Suites, ...(names.length === 0 ? tls12Suites.values() : tls12)].join(':');
}

function refuse(name: string, flag: string): never {
  const [, weakness] = /^TLS_[A-Z0-9_]+$/.test(name)
    ? (weaknesses.find(([pattern]) => pattern.test(name)) ?? [])
    : [];
  const problem =
    weakness === undefined ? `there is no cipher suite "${name}"` : `${name} is refused: ${weakness}`;
  throw new TlsConfigError(`${flag}: ${problem}; choose of ${cipherSuiteNames.join(', ')}`);
}
