import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, getCACertificates, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import type { ReadTlsOptions } from '../../cli/tls-files.ts';
import { observed, unobserved, type Outcome } from '../check.ts';
import type { CertificateFacts, CertificateFile, ServedCertificate } from '../cluster-facts.ts';
import { reasonOf } from './reason.ts';

/** How a server is reached, and by what it is judged. */
export interface CertificateOptions {
  readonly url: string;
  readonly tls: ReadTlsOptions | undefined;
  readonly timeoutMs: number;
}

/** Connects to a server to see its certificate, whatever that is, and hangs up: nothing is sent to it. */
export async function observeCertificate(options: CertificateOptions): Promise<ServedCertificate> {
  const { url, tls } = options;
  try {
    const seen = await withSocket(options, {}, (socket) => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) throw new Error('it shows none');
      return {
        chain: chainOf(certificate).map(factsOf),
        distrust: distrustOf(socket),
        wrongName: wrongNameOf(certificate, tls?.serverName ?? hostOf(url).host),
        protocol: socket.getProtocol() ?? '',
      };
    });
    return { url, shown: observed({ ...seen, weakProtocol: await weakProtocolOf(options) }) };
  } catch (error) {
    return { url, shown: unobserved(reasonOf(error)) };
  }
}

/** The certificates in a file in PEM form. */
export function certificatesIn(source: string, pem: Uint8Array): CertificateFile {
  const blocks = Buffer.from(pem)
    .toString('latin1')
    .match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  const certificates: Outcome<readonly CertificateFacts[]> =
    blocks === null
      ? unobserved('it has no certificate')
      : observed(blocks.map((block) => factsOf(new X509Certificate(block))));
  return { source, certificates };
}

/** What a server still takes that nobody should speak. */
async function weakProtocolOf(options: CertificateOptions): Promise<string | undefined> {
  // Without lowering it, our own side would refuse.
  const weak = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  try {
    return await withSocket(options, weak, (socket) => socket.getProtocol() ?? undefined);
  } catch {
    return undefined;
  }
}

async function withSocket<T>(
  { url, tls, timeoutMs }: CertificateOptions,
  more: ConnectionOptions,
  look: (socket: TLSSocket) => T,
): Promise<T> {
  const { host, port } = hostOf(url);
  const pem = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes);
  const name = tls?.serverName ?? host;
  const socket = connect({
    ...{ host, port, ALPNProtocols: ['h2', 'http/1.1'] },
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...{ cert: pem(tls?.cert), key: pem(tls?.key) },
    ca: pem(tls?.ca) ?? [...getCACertificates('default'), ...getCACertificates('system')],
    // It is judged afterwards; refused, it could not be looked at.
    rejectUnauthorized: false,
    ...more,
  });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(timeoutMs) });
    return look(socket);
  } finally {
    socket.on('error', () => undefined); // What comes behind the look is no news.
    socket.destroy();
  }
}

/** What Node says of the chain; that of names is asked for by itself, and time has a check of its own. */
function distrustOf(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  const error: unknown = socket.authorizationError;
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (/^(?:ERR_TLS_CERT_ALTNAME_INVALID|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/.test(code)) return undefined;
  return error instanceof Error ? error.message : code;
}

/** Names in the subject alone count no more: Go's clients, too, pass over them. */
function wrongNameOf(certificate: X509Certificate, name: string): string | undefined {
  const isRight =
    isIP(name) === 0 ? certificate.checkHost(name, { subject: 'never' }) : certificate.checkIP(name);
  if (isRight !== undefined) return undefined;
  return `${name} is not among its names (${certificate.subjectAltName ?? 'it has none'})`;
}

/** A certificate and those that it leads back to, as far as the server sent them. */
function chainOf(certificate: X509Certificate): X509Certificate[] {
  const chain = [certificate];
  for (let next = certificate.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    const { fingerprint256 } = next;
    if (chain.some((other) => other.fingerprint256 === fingerprint256)) break;
    chain.push(next);
  }
  return chain;
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  const { subject = '', validFrom, validTo } = certificate;
  return {
    name: /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll('\n', ', '),
    notBeforeMs: Date.parse(validFrom),
    notAfterMs: Date.parse(validTo),
  };
}

/** The host without brackets, and the port of an URL. */
export function hostOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(url);
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  };
}
