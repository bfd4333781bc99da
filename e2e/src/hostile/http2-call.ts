import { connect } from 'node:http2';

/**
 * A unary call of bytes that need not be a message: the frame with its length is the caller's own. Resolves to the
 * status, of headers or of trailers; -1 when the stream or its connection ended without one.
 */
export async function unaryOverHttp2(
  endpoint: string,
  path: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly message: string }> {
  const session = connect(`http://${endpoint}`, { maxSendHeaderBlockLength: 1 << 22 });
  session.on('error', () => {});
  try {
    return await new Promise((resolve) => {
      let code = -1;
      let message = '';
      const look = (received: Readonly<Record<string, unknown>>): void => {
        if (received['grpc-status'] === undefined) return;
        code = Number(received['grpc-status']);
        const text = received['grpc-message'];
        message = typeof text === 'string' ? decodeURIComponent(text) : '';
      };
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      stream
        .on('response', look)
        .on('trailers', look)
        .on('error', () => {});
      stream.on('close', () => resolve({ code, message })).resume();
      stream.end(body);
    });
  } finally {
    session.destroy();
  }
}
