/** Why a new cluster could not be found. */
export type DiscoveryErrorCode =
  | 'DISCOVERY_BAD_TOKEN'
  | 'DISCOVERY_SIZE_NOT_FOUND'
  | 'DISCOVERY_BAD_SIZE'
  | 'DISCOVERY_CLUSTER_FULL'
  | 'DISCOVERY_BAD_REGISTRATION'
  | 'DISCOVERY_DUPLICATE_NAME'
  | 'DISCOVERY_DUPLICATE_URL'
  | 'DISCOVERY_TOO_MANY_RETRIES'
  | 'DISCOVERY_NO_RECORDS'
  | 'DISCOVERY_NOT_IN_RECORDS'
  | 'DISCOVERY_URLS_DIFFER';

/** The members of a new cluster could not be found. The text begins with etcd's and goes on with what to do. */
export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError';
  readonly code: DiscoveryErrorCode;

  constructor(code: DiscoveryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
