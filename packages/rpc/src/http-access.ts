import type { IncomingHttpHeaders } from 'node:http';
import type { HttpAnswer } from './http-surface.ts';

/** Which HTTP requests are answered at all, whatever they ask for. */
export interface HttpAccess {
  /** Host names that a request without TLS may be addressed to; `*` stands for all. */
  readonly hosts: readonly string[];
  /** Origins whose pages may read answers; `*` stands for all. */
  readonly origins: readonly string[];
  /** Whether a certificate that names somebody keeps calls from being made; never, when it is left out. */
  readonly refusesNames?: () => boolean;
}

/** What is checked of a request. */
export interface HttpHead {
  readonly method: string;
  readonly url?: string;
  readonly headers: IncomingHttpHeaders;
  readonly isEncrypted: boolean;
  /** Of a certificate that was verified. */
  readonly commonName?: string | undefined;
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

/**
 * Refuses a call as JSON over a connection whose certificate names a user, as etcd does: such calls are nobody's but
 * the token's, and whoever counts on the certificate should hear that. What is no call is answered.
 */
export function refuseCertificate(
  { url = '', commonName }: HttpHead,
  { refusesNames }: HttpAccess,
): HttpAnswer | undefined {
  if (commonName === undefined || commonName === '' || !isCall(url)) return undefined;
  if (refusesNames?.() !== true) return undefined;
  return {
    status: 400,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: 'CommonName of client sending a request against gateway will be ignored and not used as expected\n',
  };
}

/** Whether a path is one of a call, however it is written. */
function isCall(url: string): boolean {
  try {
    return /^\/v3(beta)?\//.test(decodeURIComponent(url));
  } catch {
    return false; // No call has such a path.
  }
}

/** Refuses a WebSocket from a page of an origin that may not read answers: there is no other check of it. */
export function refuseOrigin(
  { headers: { origin, host } }: HttpHead,
  { origins }: HttpAccess,
): HttpAnswer | undefined {
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return undefined;
  if (URL.parse(origin)?.host === host) return undefined;
  return {
    status: 403,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: 'Pages of this origin are not among those of --cors.\n',
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
