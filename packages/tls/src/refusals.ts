import { codeOf } from './errors.ts';
import type { TlsRefusal } from './observer.ts';

/** Codes of OpenSSL's verification that have a name of their own; whatever else it says, it does not trust. */
const verificationRefusals: Readonly<Record<string, TlsRefusal>> = {
  CERT_HAS_EXPIRED: 'expired certificate',
  CERT_NOT_YET_VALID: 'certificate not yet valid',
  INVALID_PURPOSE: 'wrong purpose',
};

/** What a verification that failed means; undefined when it did not. */
export function refusalOfVerification(authorizationError: unknown): TlsRefusal | undefined {
  if (authorizationError === undefined || authorizationError === null) return undefined;
  // Node has a code there, though its types say Error.
  const code = typeof authorizationError === 'string' ? authorizationError : codeOf(authorizationError);
  return verificationRefusals[code ?? ''] ?? 'untrusted certificate';
}

/** What the error of a handshake means. */
export function refusalOfError(error: Error): TlsRefusal {
  const code = codeOf(error) ?? '';
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'no certificate';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout';
  // Alerts are what the other side says of us.
  if (code === 'ECONNRESET' || code === 'EPIPE' || /_ALERT_/.test(code)) return 'closed by the other side';
  return 'protocol';
}
