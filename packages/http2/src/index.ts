/** The server's side of a connection of HTTP/2, from bytes to bytes. */
export { Http2Connection, defaultHttp2Limits, type Http2Host, type Http2Limits } from './connection.ts';
export { pageBytes, Pages } from './pages.ts';
export { Http2Stream, type OutgoingData, type OutgoingHeader } from './stream.ts';
export { ConnectionError, errorCode, type BudgetName, type ErrorCode } from './errors.ts';
export { HpackDecoder, type HpackDecoderOptions } from './hpack/decoder.ts';
export { HpackEncoder, PreparedHeader, type OutgoingField } from './hpack/encoder.ts';
export { HeaderField } from './hpack/header-field.ts';
export { HeaderList } from './hpack/header-list.ts';
export type { BudgetOptions } from './budget.ts';
