import type { IncomingMessage, ServerResponse } from 'node:http';

/** Which requests are answered at all, whatever they ask for. */
export interface AccessRules {
  /** Host names that a request without TLS may be addressed to; `*` stands for all. */
  readonly hosts: readonly string[];
  /** Origins whose pages may read answers; `*` stands for all. */
  readonly origins: readonly string[];
}

/** A request that a page of a stranger may have sent by a name of its own that points here (CVE-2018-5702). */
export function isForeignHost({ headers, socket }: IncomingMessage, { hosts }: AccessRules): boolean {
  if ('encrypted' in socket || hosts.includes('*')) return false;
  return !hosts.includes(URL.parse(`http://${headers.host ?? ''}`)?.hostname.replace(/^\[|\]$/g, '') ?? '');
}

/** Whether a WebSocket comes from a page that may not read answers; there is no other check of those. */
export function isForeignOrigin({ headers }: IncomingMessage, { origins }: AccessRules): boolean {
  const { origin, host } = headers;
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return false;
  return URL.parse(origin)?.host !== host;
}

/** Tells a browser whether a page of another origin may read the answer, in etcd's words. */
export function setCorsHeaders(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { origins }: AccessRules,
): void {
  const origin = origins.includes('*') ? '*' : headers.origin;
  if (origin === undefined || !(origin === '*' || origins.includes(origin))) return;
  response.setHeader('Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE');
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Headers', 'accept, content-type, authorization');
  // Caches must not hand the answer for one origin to another.
  if (origin !== '*') response.setHeader('Vary', 'Origin');
}
