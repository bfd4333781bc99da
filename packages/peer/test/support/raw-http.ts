import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { idToHex } from '@quorate/std';

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends a request as it is written, and gives the whole answer. */
export async function rawAnswer(baseUrl: string, raw: RawRequest): Promise<RawAnswer> {
  const response = await rawResponse(baseUrl, raw);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    // A real etcd cuts the connection behind some refusals, once they are written.
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

/** Sends a request, and gives the response when its head is there. */
export async function rawResponse(
  baseUrl: string,
  { method = 'GET', path, headers = {}, body }: RawRequest,
): Promise<IncomingMessage> {
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const call = request(new URL(path, baseUrl), { method, agent: false, headers: { ...length, ...headers } });
  call.end(body);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return response;
}

/** Headers of a member of the given cluster. */
export function peerHeaders(
  clusterId: bigint,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    'X-Server-Version': '3.5.30',
    'X-Min-Cluster-Version': '3.0.0',
    'X-Etcd-Cluster-ID': idToHex(clusterId),
    ...extra,
  };
}
