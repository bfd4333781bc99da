import type { IncomingHttpHeaders } from 'node:http';
import type { HttpAnswer } from './http-surface.ts';

/** Which HTTP requests are answered at all, whatever they ask for. */
export interface HttpAccess {
  /** Host names that a request without TLS may be addressed to; `*` stands for all. */
  readonly hosts: readonly string[];
  /** Origins whose pages may read answers; `*` stands for all. */
  readonly origins: readonly string[];
}

/** What is checked of a request. */
export interface HttpHead {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly isEncrypted: boolean;
}

/**
 * Refuses a request that a page of a stranger may have sent by way of a name of its own that points here (DNS
 * rebinding). With TLS the certificate settles that. Undefined when the request may go on.
 */
export function refuseHost(
  { headers, isEncrypted }: HttpHead,
  { hosts }: HttpAccess,
): HttpAnswer | undefined {
  if (isEncrypted || hosts.includes('*')) return undefined;
  const host = hostNameOf(headers.host ?? '');
  if (hosts.includes(host)) return undefined;
  return {
    status: 421,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body:
      `The host ${JSON.stringify(host)} of this request is not one of those that this member answers to.\n` +
      `Either use https, where every host is taken, or start the member with --host-whitelist ${JSON.stringify(host)}.\n` +
      'A page of a stranger could otherwise speak with the member through the browser of somebody else (CVE-2018-5702).\n',
  };
}

/** What tells a browser whether a page of another origin may read the answer; empty when it may not. */
export function corsHeaders(
  { headers }: HttpHead,
  { origins }: HttpAccess,
): Readonly<Record<string, string>> {
  const origin = origins.includes('*') ? '*' : headers.origin;
  if (origin === undefined || !(origin === '*' || origins.includes(origin))) return {};
  return {
    'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Headers': 'accept, content-type, authorization',
    // Caches must not hand the answer for one origin to another.
    ...(origin === '*' ? {} : { Vary: 'Origin' }),
  };
}

/** Without the port, and without the brackets of an address. */
function hostNameOf(host: string): string {
  const [, address] = /^\[(.*)\](?::\d*)?$/.exec(host) ?? [];
  if (address !== undefined) return address;
  return host.split(':').length === 2 ? host.replace(/:\d*$/, '') : host;
}
