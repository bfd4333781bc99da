/** Why a connection got no further than its handshake; few and fixed, so that metrics can count by them. */
export type TlsRefusal =
  /** It took longer than the deadline. */
  | 'timeout'
  /** Too many handshakes were under way, and this one had lasted longest. */
  | 'crowded out'
  /** A certificate is demanded, and there was none. */
  | 'no certificate'
  | 'untrusted certificate'
  | 'expired certificate'
  | 'certificate not yet valid'
  /** The certificate is not for clients. */
  | 'wrong purpose'
  | 'revoked certificate'
  /** Neither the common name nor a host name in the certificate is one of those allowed. */
  | 'name not allowed'
  /** The connection comes from elsewhere than the certificate says. */
  | 'wrong address'
  /** No version, suite or application protocol in common, or no TLS at all. */
  | 'protocol'
  /** The other side ended it: it does not trust our certificate, for example. */
  | 'closed by the other side';

/** What is told to whoever keeps metrics or writes a log. None of it may throw. */
export interface TlsObserver {
  onSecured?(event: { readonly durationMs: number }): void;
  onRefused?(event: {
    readonly reason: TlsRefusal;
    readonly remoteAddress: string | undefined;
    /** More words, of OpenSSL or ours; no secrets. */
    readonly detail: string;
  }): void;
  /** A changed file was read; connections from now on see it. */
  onReloaded?(event: { readonly files: readonly string[] }): void;
  /** A changed file is of no use; what was read before stays. Told once for each change. */
  onReloadFailed?(event: { readonly error: unknown }): void;
  /** Something that works and yet wants to be looked at, such as a certificate that has expired. */
  onWarning?(message: string): void;
}
