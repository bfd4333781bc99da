import type { ClientTls } from '@quorate/tls';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

const timeoutMs = 5_000;
/** More is no page of metrics. */
const bytesMax = 32 * 1024 * 1024;

/** A page of a member. */
export interface MemberPage {
  readonly contentType: string;
  readonly body: string;
}

/** `/metrics` of a member. `tls` is for endpoints that have it. @throws Error that says what went wrong */
export async function memberMetrics(endpoint: string, tls: ClientTls | undefined): Promise<MemberPage> {
  const response = await get(endpoint, tls);
  const { statusCode = 0, headers } = response;
  const body = await bodyOf(response);
  if (statusCode !== 200) throw new Error(`${endpoint} answers with status ${statusCode}`);
  return { contentType: headers['content-type'] ?? 'text/plain; version=0.0.4', body };
}

function get(endpoint: string, tls: ClientTls | undefined): Promise<IncomingMessage> {
  const [, scheme = '', rest = endpoint] = /^([a-z]+):\/\/(.*)$/.exec(endpoint) ?? [];
  const isSocket = scheme.startsWith('unix');
  const isSecure = scheme === 'https' || scheme === 'unixs' || (scheme === '' && tls !== undefined);
  const url = new URL(`${isSecure ? 'https' : 'http'}://${isSocket ? 'localhost' : rest}/metrics`);
  const options = {
    // A page now and then does not need a connection that stays.
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
    ...(isSocket && { socketPath: rest }),
  } as const;
  return new Promise((resolve, reject) => {
    const request = isSecure
      ? httpsRequest(url, { ...options, ...tls?.connectOptions(url.hostname.replace(/^\[|\]$/g, '')) })
      : httpRequest(url, options);
    request.once('response', resolve).once('error', reject).end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A response without an encoding is read as buffers.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error('a member sends more metrics than there can be');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
