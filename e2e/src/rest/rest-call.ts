import { request, type IncomingHttpHeaders } from 'node:http';

/** What is asked over HTTP. */
export interface RestRequest {
  readonly path: string;
  readonly body: string | Uint8Array;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Longest wait for an answer that is due. */
const patienceMs = 20_000;

/** Asks a server, and reads the answer to its end, or until it has that many lines: then the client goes away. */
export function restCall(
  endpoint: string,
  { path, body, method = 'POST', headers = {} }: RestRequest,
  { linesMax = Infinity }: { readonly linesMax?: number } = {},
): Promise<RestAnswer> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers, 'Content-Length': Buffer.byteLength(body) } };
    const call = request(`http://${endpoint}${path}`, options, (response) => {
      let text = '';
      const done = (): void => {
        clearTimeout(late);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      };
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        if (text.split('\n').length <= linesMax) return;
        done();
        call.destroy();
      });
      response.on('end', done);
      response.on('error', () => {}); // It was left, or `call` says why.
    });
    const late = setTimeout(
      () => call.destroy(new Error(`${path} says nothing: ${String(body)}`)),
      patienceMs,
    );
    call.on('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    call.end(body);
  });
}
