import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';

/** Where health is asked for, and with what. */
export interface HealthTarget {
  /** As a listener was told: `https://0.0.0.0:2379`. */
  readonly listenUrl: string;
  /** The files of the listener's own certificate, shown where clients need one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Longest time for an answer; the health check of an image has more, so that it is us who say what is wrong. */
const timeoutMs = 4_000;

/**
 * Asks a listener in this container for `/health`. Resolves with what it said when it is healthy.
 *
 * @throws Error with the reason, where it is not
 */
export async function getHealth(target: HealthTarget): Promise<string> {
  const { status, body } = await fetchText(target);
  if (status === 200) return body;
  throw new Error(`${status}: ${body.trim()}`);
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function fetchText({ listenUrl, cert, key }: HealthTarget): Promise<Answer> {
  const url = new URL('/health', listenUrl);
  url.hostname = ownAddress(url.hostname);
  const options = { signal: AbortSignal.timeout(timeoutMs), agent: false };
  if (url.protocol !== 'https:') return answerTo((take) => get(url, options, take));
  // Without TLS it is not loaded, which is a third of the time that a check takes.
  const { get: getSecurely } = await import('node:https');
  const secure = {
    ...options,
    // It is this container that is asked, by an address that no certificate has to name, and it is told nothing.
    rejectUnauthorized: false,
    ...(cert !== undefined && key !== undefined && { cert: readFileSync(cert), key: readFileSync(key) }),
  };
  return answerTo((take) => getSecurely(url, secure, take));
}

/** What a request that is begun here is answered. */
function answerTo(
  begin: (take: (response: IncomingMessage) => void) => {
    on(event: 'error', then: (error: Error) => void): unknown;
  },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = begin((response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    request.on('error', reject);
  });
}

/** An address that a listener on all addresses is reached by from here. */
function ownAddress(hostName: string): string {
  if (hostName === '0.0.0.0') return '127.0.0.1';
  return hostName === '[::]' ? '[::1]' : hostName;
}
