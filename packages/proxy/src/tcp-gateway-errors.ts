/** Why a gateway was not started. */
export type TcpGatewayErrorCode =
  /** An address, a limit or a time that makes no sense. */
  | 'GATEWAY_OPTIONS'
  /** The host of an endpoint, or the one to listen on, has no address. */
  | 'GATEWAY_UNRESOLVED'
  /** An endpoint is where the gateway itself listens: each connection would come back to it without end. */
  | 'GATEWAY_OWN_ADDRESS'
  /** Endpoints have to show a certificate, and not one of them has shown one that is trusted. */
  | 'GATEWAY_UNPROVEN';

/** A gateway that cannot be started as it was asked for; the message says what is wrong and what to do. */
export class TcpGatewayError extends Error {
  override readonly name = 'TcpGatewayError';
  readonly code: TcpGatewayErrorCode;

  constructor(code: TcpGatewayErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
