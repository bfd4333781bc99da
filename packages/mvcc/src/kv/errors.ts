/** What can be wrong with a KV request. */
export type KvErrorCode =
  | 'KV_EMPTY_KEY'
  | 'KV_INVALID_SORT'
  | 'KV_STREAM_SORT'
  | 'KV_STREAM_FILTERS'
  | 'KV_VALUE_PROVIDED'
  | 'KV_LEASE_PROVIDED'
  | 'KV_TOO_MANY_OPS'
  | 'KV_DUPLICATE_KEY'
  | 'KV_KEY_NOT_FOUND'
  | 'KV_LEASE_NOT_FOUND';

const messages = {
  KV_EMPTY_KEY: 'a request needs a key',
  KV_INVALID_SORT: 'unknown sort order or sort target',
  KV_STREAM_SORT: 'a streamed range comes in key order only',
  KV_STREAM_FILTERS: 'a streamed range takes no revision filters',
  KV_VALUE_PROVIDED: 'a put that keeps the old value must not bring one',
  KV_LEASE_PROVIDED: 'a put that keeps the old lease must not bring one',
  KV_TOO_MANY_OPS: 'too many operations in a transaction',
  KV_DUPLICATE_KEY: 'a transaction changes a key twice',
  KV_KEY_NOT_FOUND: 'the key does not exist, or an operation is empty',
  KV_LEASE_NOT_FOUND: 'the lease does not exist',
} satisfies Record<KvErrorCode, string>;

/** A KV request that is answered with an error and changes nothing; `code` tells which. */
export class KvRequestError extends Error {
  override readonly name = 'KvRequestError';
  readonly code: KvErrorCode;

  constructor(code: KvErrorCode) {
    super(messages[code]);
    this.code = code;
  }
}
