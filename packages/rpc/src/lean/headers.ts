import { PreparedHeader, type OutgoingField } from '@quorate/http2';
import type { RpcError } from '../errors.ts';

const again = (name: string, value: string): OutgoingField => ({ name, value, isRepeated: true });
const once = (name: string, value: string): OutgoingField => ({ name, value, isRepeated: false });

const contentType = again('content-type', 'application/grpc');
/** What every answer begins with. */
export const responseHeader = new PreparedHeader([again(':status', '200'), contentType]);
/** What a good one ends with. */
export const okTrailer = new PreparedHeader([again('grpc-status', '0')]);

/** What ends a call that failed. */
export function errorTrailer(error: RpcError): OutgoingField[] {
  return [again('grpc-status', String(error.status)), once('grpc-message', percentEncoded(error.message))];
}

/** The same where nothing else was sent; `httpStatus` tells of what is no call as gRPC has them. */
export function errorHeader(error: RpcError, httpStatus = 200): OutgoingField[] {
  return [again(':status', String(httpStatus)), contentType, ...errorTrailer(error)];
}

/** A call that is compressed in a way that we don't know. */
export function encodingHeader(error: RpcError): OutgoingField[] {
  return [...errorHeader(error), again('grpc-accept-encoding', 'identity,deflate,gzip')];
}

/** Bytes beyond visible ASCII, and the percent itself (gRPC over HTTP/2, "Status-Message"). */
function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
