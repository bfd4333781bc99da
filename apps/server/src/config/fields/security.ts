import { boolean, duration, integer, text } from '../field.ts';

const selfDialled = 'nothing here dials a URL for clients';

/** Settings of TLS, authentication and HTTP origins (reference: flags and configuration). */
export const securityFields = {
  certFile: text('', {
    flag: 'cert-file',
    section: 'security',
    description: 'Certificate shown to clients, PEM, with its chain.',
  }),
  keyFile: text('', {
    flag: 'key-file',
    section: 'security',
    description: 'Key of that certificate, PEM.',
  }),
  clientCertFile: text('', {
    flag: 'client-cert-file',
    section: 'security',
    ignored: selfDialled,
    description: 'Certificate shown when dialling a URL for clients.',
  }),
  clientKeyFile: text('', {
    flag: 'client-key-file',
    section: 'security',
    ignored: selfDialled,
    description: 'Key of that certificate.',
  }),
  trustedCaFile: text('', {
    flag: 'trusted-ca-file',
    section: 'security',
    description: 'Authorities of client certificates, PEM; with them every client needs one.',
  }),
  clientCrlFile: text('', {
    flag: 'client-crl-file',
    section: 'security',
    description: 'Revoked client certificates: a CRL, PEM or DER.',
  }),
  clientCertAuth: boolean(false, {
    flag: 'client-cert-auth',
    section: 'security',
    description: 'Demand client certificates, and take their common name for the user.',
  }),
  clientCertAllowedHostname: text('', {
    flag: 'client-cert-allowed-hostname',
    section: 'security',
    description: 'Host names of which a client certificate must have one, comma-separated.',
  }),
  autoTls: boolean(false, {
    flag: 'auto-tls',
    section: 'security',
    description: 'Make a certificate for clients, in the data directory, when none is given.',
  }),
  peerCertFile: text('', {
    flag: 'peer-cert-file',
    section: 'security',
    description: 'Certificate shown to members, PEM, with its chain; to dial as well.',
  }),
  peerKeyFile: text('', {
    flag: 'peer-key-file',
    section: 'security',
    description: 'Key of that certificate, PEM.',
  }),
  peerClientCertFile: text('', {
    flag: 'peer-client-cert-file',
    section: 'security',
    description: 'Certificate shown to members that are dialled, instead of the other one.',
  }),
  peerClientKeyFile: text('', {
    flag: 'peer-client-key-file',
    section: 'security',
    description: 'Key of that certificate, PEM.',
  }),
  peerTrustedCaFile: text('', {
    flag: 'peer-trusted-ca-file',
    section: 'security',
    description: 'Authorities of certificates of members, PEM; with them every member needs one.',
  }),
  peerClientCertAuth: boolean(false, {
    flag: 'peer-client-cert-auth',
    section: 'security',
    description: 'Demand certificates of members.',
  }),
  peerAutoTls: boolean(false, {
    flag: 'peer-auto-tls',
    section: 'security',
    description: 'Make a certificate for members, in the data directory, when none is given; proves nothing.',
  }),
  peerCrlFile: text('', {
    flag: 'peer-crl-file',
    section: 'security',
    description: 'Revoked certificates of members: a CRL, PEM or DER.',
  }),
  peerCertAllowedCn: text('', {
    flag: 'peer-cert-allowed-cn',
    section: 'security',
    description: 'Common names of which the certificate of a member must have one, comma-separated.',
  }),
  peerCertAllowedHostname: text('', {
    flag: 'peer-cert-allowed-hostname',
    section: 'security',
    description: 'Host names of which the certificate of a member must have one, comma-separated.',
  }),
  peerSkipClientSanVerification: boolean(false, {
    flag: 'peer-skip-client-san-verification',
    section: 'security',
    experimental: true,
    description: 'Do not check that a member comes from where its certificate says.',
  }),
  cipherSuites: text('', {
    flag: 'cipher-suites',
    section: 'security',
    description:
      'Cipher suites of TLS 1.2 by their names in Go, comma-separated; empty is all that are safe.',
  }),
  tlsMinVersion: text('TLS1.2', {
    flag: 'tls-min-version',
    section: 'security',
    description: 'Lowest TLS version: TLS1.2 or TLS1.3.',
  }),
  tlsMaxVersion: text('', {
    flag: 'tls-max-version',
    section: 'security',
    description: 'Highest TLS version; empty is the newest.',
  }),
  selfSignedCertValidity: integer(1, {
    flag: 'self-signed-cert-validity',
    section: 'security',
    min: 1,
    max: 100,
    description: 'Years that a certificate made here is valid.',
  }),
  cors: text('*', {
    flag: 'cors',
    section: 'security',
    description: 'Origins whose pages may read answers over HTTP, comma-separated; * is all.',
  }),
  hostWhitelist: text('*', {
    flag: 'host-whitelist',
    section: 'security',
    description: 'Host names that requests over HTTP without TLS may name, comma-separated; * is all.',
  }),
  authToken: text('simple', {
    flag: 'auth-token',
    section: 'security',
    description: 'Kind of token: simple, or jwt,sign-method=RS256,priv-key=FILE,pub-key=FILE,ttl=10m.',
  }),
  authTokenTtl: integer(300, {
    flag: 'auth-token-ttl',
    section: 'security',
    min: 1,
    description: 'Seconds that a simple token lives after its last use.',
  }),
  bcryptCost: integer(10, {
    flag: 'bcrypt-cost',
    section: 'security',
    description: 'Cost of a password hash, 4 to 31; each step doubles the work.',
  }),
  maxConnections: integer(0, {
    flag: 'max-connections',
    section: 'security',
    own: true,
    min: 0,
    description:
      'Connections that clients, and that members, may have at once; 0 is what the limit of open files allows.',
  }),
  connectionTimeoutMs: duration('10s', {
    flag: 'connection-timeout',
    section: 'security',
    own: true,
    positive: true,
    description:
      'Wait for a TLS handshake, for the first request on a connection, and for all of an HTTP request.',
  }),
  maxConnectionDelayMs: duration('1s', {
    flag: 'max-connection-delay',
    section: 'security',
    own: true,
    description:
      'Longest wait of a new connection from an address that had many connections cut or left without a request; 0 is none.',
  }),
};
