import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ReadTlsOptions } from './cli/tls-files.ts';

const metric = 'process_resident_memory_bytes';

/** Where a member's metrics are, and how to get at them. */
export interface MetricsSource {
  /** As `--endpoints` has it, with or without a scheme. */
  readonly endpoint: string;
  /** For `https://`, and for an endpoint without a scheme. */
  readonly tls: ReadTlsOptions | undefined;
  readonly timeoutMs: number;
}

/** How much memory the process of a member takes, in bytes. @throws Error that says why nobody knows */
export async function residentMemory(source: MetricsSource): Promise<number> {
  const text = await metricsOf(source);
  const found = new RegExp(`^${metric} +(\\S+)`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`could not find: ${metric}`);
  return Number(found);
}

function metricsOf({ endpoint, tls, timeoutMs }: MetricsSource): Promise<string> {
  const url = urlOf(endpoint, tls !== undefined);
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new Error(`fetch error: Get "${url.href}": ${error.message}`));
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { ...requestTls(tls), signal, agent: false })
        : requestHttp(url, { signal, agent: false });
    request.on('error', fail);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', fail);
    });
    request.end();
  });
}

function urlOf(endpoint: string, secure: boolean): URL {
  const hasScheme = /^https?:\/\//.test(endpoint);
  const base = hasScheme ? endpoint : `${secure ? 'https' : 'http'}://${endpoint}`;
  const url = `${base.replace(/\/+$/, '')}/metrics`;
  const parsed = URL.parse(url);
  if (parsed === null) throw new Error(`fetch error: Get "${url}": this is no address`);
  return parsed;
}

/** What of the client's options for TLS matters here, by Node's names. */
function requestTls(tls: ReadTlsOptions | undefined) {
  if (tls === undefined) return {};
  const { ca, cert, key, serverName, insecureSkipVerify = false } = tls;
  return {
    ...(ca === undefined ? {} : { ca: pem(ca) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: !insecureSkipVerify,
  };
}

function pem(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}
