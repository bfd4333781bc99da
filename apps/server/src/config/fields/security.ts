import { boolean, integer, text } from '../field.ts';

const tls = 'TLS';

/** Settings of TLS, authentication and HTTP origins (reference: flags and configuration). */
export const securityFields = {
  certFile: text('', {
    flag: 'cert-file',
    section: 'security',
    notBuilt: tls,
    description: 'Certificate for clients.',
  }),
  keyFile: text('', {
    flag: 'key-file',
    section: 'security',
    notBuilt: tls,
    description: 'Key for clients.',
  }),
  clientCertFile: text('', {
    flag: 'client-cert-file',
    section: 'security',
    notBuilt: tls,
    description: 'Certificate shown when dialling.',
  }),
  clientKeyFile: text('', {
    flag: 'client-key-file',
    section: 'security',
    notBuilt: tls,
    description: 'Key used when dialling.',
  }),
  trustedCaFile: text('', {
    flag: 'trusted-ca-file',
    section: 'security',
    notBuilt: tls,
    description: 'Authorities of client certificates.',
  }),
  clientCrlFile: text('', {
    flag: 'client-crl-file',
    section: 'security',
    notBuilt: tls,
    description: 'Revoked client certificates.',
  }),
  clientCertAuth: boolean(false, {
    flag: 'client-cert-auth',
    section: 'security',
    notBuilt: tls,
    description: 'Demand client certificates.',
  }),
  clientCertAllowedHostname: text('', {
    flag: 'client-cert-allowed-hostname',
    section: 'security',
    notBuilt: tls,
    description: 'Allowed host names of clients.',
  }),
  autoTls: boolean(false, {
    flag: 'auto-tls',
    section: 'security',
    notBuilt: tls,
    description: 'Generate a certificate for clients.',
  }),
  peerCertFile: text('', {
    flag: 'peer-cert-file',
    section: 'security',
    notBuilt: tls,
    description: 'Certificate for peers.',
  }),
  peerKeyFile: text('', {
    flag: 'peer-key-file',
    section: 'security',
    notBuilt: tls,
    description: 'Key for peers.',
  }),
  peerClientCertFile: text('', {
    flag: 'peer-client-cert-file',
    section: 'security',
    notBuilt: tls,
    description: 'Certificate shown when dialling peers.',
  }),
  peerClientKeyFile: text('', {
    flag: 'peer-client-key-file',
    section: 'security',
    notBuilt: tls,
    description: 'Key used when dialling peers.',
  }),
  peerTrustedCaFile: text('', {
    flag: 'peer-trusted-ca-file',
    section: 'security',
    notBuilt: tls,
    description: 'Authorities of peer certificates.',
  }),
  peerClientCertAuth: boolean(false, {
    flag: 'peer-client-cert-auth',
    section: 'security',
    notBuilt: tls,
    description: 'Demand peer certificates.',
  }),
  peerAutoTls: boolean(false, {
    flag: 'peer-auto-tls',
    section: 'security',
    notBuilt: tls,
    description: 'Generate a certificate for peers.',
  }),
  peerCrlFile: text('', {
    flag: 'peer-crl-file',
    section: 'security',
    notBuilt: tls,
    description: 'Revoked peer certificates.',
  }),
  peerCertAllowedCn: text('', {
    flag: 'peer-cert-allowed-cn',
    section: 'security',
    notBuilt: tls,
    description: 'Allowed common names of peers.',
  }),
  peerCertAllowedHostname: text('', {
    flag: 'peer-cert-allowed-hostname',
    section: 'security',
    notBuilt: tls,
    description: 'Allowed host names of peers.',
  }),
  peerSkipClientSanVerification: boolean(false, {
    flag: 'peer-skip-client-san-verification',
    section: 'security',
    experimental: true,
    notBuilt: tls,
    description: 'Do not check the names in certificates of peers.',
  }),
  cipherSuites: text('', {
    flag: 'cipher-suites',
    section: 'security',
    notBuilt: tls,
    description: 'TLS cipher suites.',
  }),
  tlsMinVersion: text('TLS1.2', {
    flag: 'tls-min-version',
    section: 'security',
    notBuilt: tls,
    description: 'Lowest TLS version.',
  }),
  tlsMaxVersion: text('', {
    flag: 'tls-max-version',
    section: 'security',
    notBuilt: tls,
    description: 'Highest TLS version.',
  }),
  selfSignedCertValidity: integer(1, {
    flag: 'self-signed-cert-validity',
    section: 'security',
    notBuilt: tls,
    description: 'Years that a generated certificate is valid.',
  }),
  cors: text('*', {
    flag: 'cors',
    section: 'security',
    notBuilt: 'CORS',
    description: 'Origins allowed to call over HTTP.',
  }),
  hostWhitelist: text('*', {
    flag: 'host-whitelist',
    section: 'security',
    notBuilt: 'a list of allowed hosts',
    description: 'Host names that HTTP requests may name.',
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
};
