import { Client, EndpointError, TlsOptionsError, type TlsOptions } from '@quorate/client';
import { RestSurface, routes } from '@quorate/rest';
import { systemClock } from '@quorate/std';
import { ServerTls } from '@quorate/tls';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { ClusterBackend } from './cluster-backend.ts';
import { GatewayConfigError, type GatewayConfig } from './config.ts';
import { GatewayMetrics } from './gateway-metrics.ts';
import { HttpPort, type PlainAnswer } from './http-port.ts';
import { MemberHealth } from './member-health.ts';
import { refuseOwnAddress } from './own-address.ts';
import { gatewayVersion } from './version.ts';

/** Room for what stands around a value in a request, as in etcd. */
const requestOverheadBytes = 512 * 1024;

const routePaths: ReadonlyMap<string, boolean> = new Map(
  routes.map(({ path, method }) => [path, method.serverStreams]),
);

/** A running gateway. It keeps nothing: any number of them may stand in front of one cluster. */
export class Gateway implements AsyncDisposable {
  readonly #config: GatewayConfig;
  readonly #client: Client;
  readonly #health: MemberHealth;
  readonly #port: HttpPort;
  readonly #tls: ServerTls | undefined;
  #closed: Promise<void> | undefined;
  #ports: readonly number[] = [];

  /** Starts serving. @throws GatewayConfigError, TlsConfigError, or as `net.listen` */
  static async start(config: GatewayConfig, { log }: { readonly log: Logger }): Promise<Gateway> {
    await refuseOwnAddress(config.endpoints, config.listenUrls);
    const tls = await listenerTls(config);
    const client = newClient(config, log);
    const gateway = new Gateway(config, { log, tls, client });
    try {
      await gateway.#health.start();
      const ports: number[] = [];
      for (const url of config.listenUrls) ports.push(await gateway.#port.listen(url));
      gateway.#ports = ports;
      return gateway;
    } catch (error) {
      await gateway.close();
      throw error;
    }
  }

  private constructor(
    config: GatewayConfig,
    {
      log,
      tls,
      client,
    }: { readonly log: Logger; readonly tls: ServerTls | undefined; readonly client: Client },
  ) {
    this.#config = config;
    this.#client = client;
    this.#tls = tls;
    this.#health = new MemberHealth({
      client,
      intervalMs: config.healthIntervalMs,
      clock: systemClock,
      onChange: (endpoint, isHealthy) =>
        isHealthy
          ? log.info({ endpoint }, 'a member answers')
          : log.warn({ endpoint }, 'a member does not answer'),
    });
    const surface = new RestSurface({
      backend: new ClusterBackend(client),
      maxMessageBytes: config.maxRequestBytes + requestOverheadBytes,
      maxStreams: config.maxStreams,
      version: gatewayVersion,
      onInternalError: (path, error) => log.error({ err: error, path }, 'a call failed'),
    });
    const metrics = new GatewayMetrics({
      openStreams: () => surface.openStreams,
      members: () => this.#health.members,
    });
    this.#port = new HttpPort({
      surface,
      access: { hosts: config.hostWhitelist, origins: config.cors },
      pages: {
        '/health': () => this.#healthPage(),
        '/metrics': async () => ({
          status: 200,
          contentType: metrics.contentType,
          body: await metrics.text(),
        }),
        '/version': () => json(200, { gateway: gatewayVersion }),
      },
      tls,
      requestTimeoutMs: config.requestTimeoutMs,
      maxConnections: config.maxConnections,
      onAnswered: (request, response, seconds) => count(metrics, request, response, seconds),
      onError: (error) => log.error({ err: error }, 'HTTP failed'),
    });
  }

  /** Where it listens, in the order of `--listen-urls`. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** Lets calls under way end for `--drain-timeout-ms`, then cuts what is left. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#port.close(this.#config);
    this.#health[Symbol.dispose]();
    await this.#client.close();
    await this.#tls?.[Symbol.asyncDispose]();
  }

  #healthPage(): PlainAnswer {
    if (this.#closed !== undefined) return json(503, { health: 'false', reason: 'STOPPING' });
    const isHealthy = this.#health.isAnyHealthy;
    return json(isHealthy ? 200 : 503, {
      health: String(isHealthy),
      reason: isHealthy ? '' : 'NO MEMBER ANSWERS',
    });
  }
}

function json(status: number, value: unknown): PlainAnswer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}

function count(
  metrics: GatewayMetrics,
  { url = '' }: IncomingMessage,
  { statusCode }: ServerResponse,
  seconds: number,
) {
  const path = url.split('?', 1)[0] ?? '';
  const isStream = routePaths.get(path);
  metrics.answered(
    isStream === undefined ? 'other' : path,
    statusCode,
    isStream === false ? seconds : undefined,
  );
}

/** @throws GatewayConfigError for an endpoint that is written wrong, or a file of TLS that is of no use */
function newClient(config: GatewayConfig, log: Logger): Client {
  const tls = memberTls(config, log);
  try {
    return new Client({
      endpoints: config.endpoints,
      requestTimeoutMs: config.requestTimeoutMs,
      maxSendBytes: config.maxRequestBytes + requestOverheadBytes,
      ...(tls !== undefined && { tls }),
    });
  } catch (error) {
    if (error instanceof EndpointError)
      throw new GatewayConfigError(`--endpoints: ${error.message}`, { cause: error });
    if (!(error instanceof TlsOptionsError)) throw error;
    throw new GatewayConfigError(tlsProblem(error), { cause: error });
  }
}

/** How members are spoken to; the files may change while the gateway runs. */
function memberTls({ cacert, cert, key, insecureSkipTlsVerify }: GatewayConfig, log: Logger) {
  const usesTls = cacert !== undefined || cert !== undefined || insecureSkipTlsVerify;
  if (!usesTls) return undefined;
  return {
    ...(cacert !== undefined && { ca: { file: cacert } }),
    ...(cert !== undefined && { cert: { file: cert } }),
    ...(key !== undefined && { key: { file: key } }),
    insecureSkipVerify: insecureSkipTlsVerify,
    onReloaded: () => log.info('new connections to members use certificates that have changed'),
    onReloadFailed: (error) =>
      log.warn(
        { reason: tlsProblem(error) },
        'certificates for members have changed and are of no use: those read before stay in use',
      ),
  } satisfies TlsOptions;
}

const flagOfProblem = {
  CLIENT_TLS_CA: '--cacert',
  CLIENT_TLS_CERT: '--cert',
  CLIENT_TLS_KEY: '--key',
  CLIENT_TLS_PAIR: '--cert and --key',
} as const;

function tlsProblem({ code, message }: TlsOptionsError): string {
  return `${flagOfProblem[code]}: ${message}`;
}

async function listenerTls({
  certFile,
  keyFile,
  trustedCaFile,
}: GatewayConfig): Promise<ServerTls | undefined> {
  if (certFile === undefined || keyFile === undefined) return undefined;
  return ServerTls.open({
    cert: { path: certFile, flag: '--cert-file' },
    key: { path: keyFile, flag: '--key-file' },
    ...(trustedCaFile !== undefined && { trustedCa: { path: trustedCaFile, flag: '--trusted-ca-file' } }),
    alpn: ['http/1.1'],
  });
}
