/** For tests that need certificates, good ones and bad ones. */
export {
  CertificateAuthority,
  CertificateFolder,
  type CertificateOptions,
  type Issued,
} from './certificate-authority.ts';
