import { connect, type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2';

/** What came of a call. */
export interface RawReply {
  readonly status: string;
  /** The message, without its prefix; empty when there was none. */
  readonly message: Buffer;
}

/** A message as it is sent. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A connection by which calls are made without a library of gRPC, so that HTTP/2 is as it is wanted. */
export class RawCalls implements Disposable {
  readonly session: ClientHttp2Session;

  constructor(endpoint: string, options: SecureClientSessionOptions = {}) {
    this.session = connect(endpoint, options);
  }

  /** A call with one request and one answer. */
  unary(path: string, request: Uint8Array): Promise<RawReply> {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status = 'none';
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      const said = headers['grpc-status'];
      if (typeof said === 'string') status = said;
    };
    stream.on('response', note).on('trailers', note);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(framed(request));
    return new Promise((resolve, reject) => {
      stream.once('error', reject);
      stream.once('close', () => resolve({ status, message: Buffer.concat(chunks).subarray(5) }));
    });
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}
