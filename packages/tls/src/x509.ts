import './reflect-metadata.ts';
import { cryptoProvider } from '@peculiar/x509';
import { webcrypto } from 'node:crypto';

// The library's types are those of browsers; Node's are the same thing under other names.
cryptoProvider.set(webcrypto as unknown as Crypto);

/** The certificate library, ready to be used: import it from here only. */
export {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  AuthorityKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509Crl,
  X509CrlGenerator,
  type Extension,
  type JsonGeneralName,
} from '@peculiar/x509';
