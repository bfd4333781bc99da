import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps, type RequestOptions } from 'node:https';
import type { ReadTlsOptions } from '../../cli/tls-files.ts';
import type { ClockSample } from '../clock-bounds.ts';

/** More than any member publishes; what is longer is no page of a member. */
const pageBytesMax = 16 * 1024 * 1024;

/** A page of a member. */
export interface Page {
  readonly status: number;
  readonly body: string;
  /** Undefined when the answer has no `Date`. */
  readonly clock: ClockSample | undefined;
}

/** Where and how long a page is asked for. */
export interface PageOptions {
  readonly url: string;
  readonly tls: ReadTlsOptions | undefined;
  readonly timeoutMs: number;
}

/** Fetches a page, over a connection of its own: one that is kept would keep the program. @throws Error */
export function fetchPage({ url, tls, timeoutMs }: PageOptions): Promise<Page> {
  const signal = AbortSignal.timeout(timeoutMs);
  const options: RequestOptions = { agent: false, signal };
  return new Promise((resolve, reject) => {
    const sentMs = Date.now();
    const onResponse = (response: IncomingMessage): void => {
      const receivedMs = Date.now();
      const dateMs = Date.parse(response.headers.date ?? '');
      const clock = Number.isNaN(dateMs) ? undefined : { sentMs, receivedMs, dateMs };
      collect(response).then((body) => resolve({ status: response.statusCode ?? 0, body, clock }), reject);
    };
    const request = url.startsWith('https:')
      ? getHttps(url, { ...options, ...connectionOptions(tls) }, onResponse)
      : getHttp(url, options, onResponse);
    request.on('error', reject);
  });
}

function connectionOptions(tls: ReadTlsOptions | undefined): RequestOptions {
  const { ca, cert, key, serverName, insecureSkipVerify } = tls ?? {};
  const pem = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes);
  return {
    ca: pem(ca),
    cert: pem(cert),
    key: pem(key),
    servername: serverName,
    rejectUnauthorized: insecureSkipVerify !== true,
  };
}

async function collect(response: IncomingMessage): Promise<string> {
  let page = '';
  for await (const chunk of response.setEncoding('utf8')) {
    page += String(chunk);
    if (page.length > pageBytesMax) throw new Error('the page does not end');
  }
  return page;
}

/** The address of a page at a client URL; undefined where there is no HTTP, as on a unix socket. */
export function pageUrl(endpoint: string, path: string, hasTls: boolean): string | undefined {
  const [, scheme = hasTls ? 'https' : 'http', host = ''] = /^(?:([a-z]+):\/\/)?([^/]+)/.exec(endpoint) ?? [];
  const isHttp = scheme === 'http' || scheme === 'https';
  return isHttp && host !== '' ? `${scheme}://${host}${path}` : undefined;
}
