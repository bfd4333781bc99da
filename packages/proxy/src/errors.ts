/** Why a proxy was not started. */
export type GrpcProxyErrorCode = 'PROXY_OPTIONS' | 'PROXY_CLIENT_CERTIFICATE';

/**
 * A proxy that cannot be started as it was asked for; the message names the flag and says what to do.
 * `PROXY_CLIENT_CERTIFICATE`: the certificate that it would show to members names a user.
 */
export class GrpcProxyError extends Error {
  override readonly name = 'GrpcProxyError';
  readonly code: GrpcProxyErrorCode;

  constructor(code: GrpcProxyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
