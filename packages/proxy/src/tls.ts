import type { TlsOptions } from '@quorate/client';
import { autoTls, ClientTls, ServerTls, type NamedFile } from '@quorate/tls';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { GrpcProxyError } from './errors.ts';
import {
  parseListenAddress,
  type GrpcProxyObserver,
  type ProxyDialTls,
  type ProxySettings,
} from './options.ts';

/** TLS of the proxy's own listeners; undefined without it. @throws TlsConfigError */
export async function openListenTls({
  listenTls,
  listenAddress,
  observer,
}: ProxySettings): Promise<ServerTls | undefined> {
  if (listenTls === undefined) return undefined;
  const { pair, ...others } = listenTls;
  const onWarning = (message: string): void => observer.onWarning?.(message);
  const files =
    'cert' in pair
      ? pair
      : await autoTls({
          ...{ dir: pair.autoTlsDir, years: pair.years, flag: pair.flag, onWarning },
          hosts: [parseListenAddress(listenAddress, '--listen-addr').host, hostname(), 'localhost'],
        });
  return await ServerTls.open({
    ...others,
    ...{ cert: files.cert, key: files.key },
    // Whoever has both gets HTTP/2, as from etcd: a proxy in between that offers both may carry gRPC.
    alpn: ['h2', 'http/1.1'],
    observer: {
      onRefused: ({ reason }) => observer.onConnectionRefused?.(reason),
      onReloadFailed: ({ error }) => onWarning(keptText(error)),
      onWarning,
    },
  });
}

/** TLS towards members: for gRPC, and for pages. */
export interface DialTls {
  readonly client: TlsOptions;
  readonly pages: ClientTls;
}

/** @throws GrpcProxyError for a certificate that names somebody, TlsConfigError for files of no use */
export async function openDialTls(
  options: ProxyDialTls | undefined,
  observer: Pick<GrpcProxyObserver, 'onWarning'>,
): Promise<DialTls | undefined> {
  if (options === undefined) return undefined;
  const { trustedCa, cert, key, insecureSkipVerify = false } = options;
  const pages = ClientTls.open({ trustedCa, cert, key, insecure: insecureSkipVerify });
  if (cert !== undefined) await refuseNamed(cert);
  return {
    pages,
    client: {
      insecureSkipVerify,
      onReloadFailed: (error) => observer.onWarning?.(keptText(error)),
      ...(trustedCa !== undefined && { ca: { file: trustedCa.path } }),
      ...(cert !== undefined && { cert: { file: cert.path } }),
      ...(key !== undefined && { key: { file: key.path } }),
    },
  };
}

function keptText(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `certificates have changed and are of no use, so those read before stay in use: ${reason}`;
}

/** A member takes whoever shows a certificate for the user that it names; all clients of the proxy would be that user. */
async function refuseNamed({ path, flag }: NamedFile): Promise<void> {
  const name = commonNameOf(new X509Certificate(await readFile(path)));
  if (name === undefined) return;
  throw new GrpcProxyError(
    'PROXY_CLIENT_CERTIFICATE',
    `${flag}: cert has non empty Common Name (${name}): ${path}; members would take every client of the proxy for ` +
      'that user, so give it a certificate without a common name',
  );
}

function commonNameOf({ subject }: X509Certificate): string | undefined {
  // Node writes a line for each part; of a subject without parts there is no text.
  const names = ((subject as string | undefined) ?? '').split('\n').filter((part) => part.startsWith('CN='));
  return names.map((part) => part.slice('CN='.length)).find((name) => name !== '');
}
