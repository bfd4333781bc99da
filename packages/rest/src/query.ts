import type { BytesForm } from './from-json.ts';

/** `?text=1`: keys and values are text. Everything else in a query is passed over, as by etcd. */
export function bytesFormOf(query: URLSearchParams): BytesForm {
  return query.get('text') === '1' ? 'text' : 'base64';
}
