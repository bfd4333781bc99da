/** TLS as operators of etcd expect it: one policy for what is accepted, and one for what is dialled. */
export { ServerTls, type OnSecure, type ServerTlsOptions, type TlsIdentity } from './server-tls.ts';
export { ClientTls, type ClientTlsOptions } from './client-tls.ts';
export { autoTls, type AutoTlsOptions } from './auto-tls.ts';
export { TlsConfigError } from './errors.ts';
export { cipherSuiteNames } from './cipher-suites.ts';
export {
  parseTlsVersion,
  protocolOf,
  tlsVersions,
  type ProtocolOptions,
  type TlsVersion,
} from './protocol.ts';
export type { AddressResolver } from './peer-address.ts';
export type { AllowedNames } from './names.ts';
export type { NamedFile } from './files.ts';
export type { TlsObserver, TlsRefusal } from './observer.ts';
