import { KeyPrefix, type ClientOptions } from '@quorate/client';
import { ClientPort, GrpcServer, LeanGrpcServer, type GrpcTransport, type MethodTable } from '@quorate/rpc';
import { systemClock, systemRandom, type Clock, type Random } from '@quorate/std';
import type { ServerTls } from '@quorate/tls';
import { pause } from './back-off.ts';
import { EndpointSync } from './endpoint-sync.ts';
import { GrpcProxyError } from './errors.ts';
import { KeepAliveHub } from './lease/keep-alive-hub.ts';
import { Leasing } from './leasing/leasing.ts';
import { proxyMethods } from './method-table.ts';
import { ProxyMetrics } from './metrics.ts';
import {
  parseListenAddress,
  settingsOf,
  type GrpcProxyOptions,
  type ListenAddress,
  type ProxySettings,
} from './options.ts';
import { ProxyPages } from './pages.ts';
import { RangeCache } from './range-cache.ts';
import { Registry } from './registry.ts';
import { RevisionOrder } from './revision-order.ts';
import { openDialTls, openListenTls, type DialTls } from './tls.ts';
import { Upstream } from './upstream.ts';
import { proxyStopped } from './upstream-errors.ts';
import { WatchHub } from './watch/watch-hub.ts';

/** What gRPC takes around a value of the largest size. */
const requestOverheadBytes = 512 * 1024;
/** What a server in Go takes where nothing is said, as in etcd's proxy. */
const requestBytesMin = 4 * 1024 * 1024;
/** How long the cluster may take to hear that a proxy closes. */
const farewellMs = 2_000;
/** Longer than any process lives, and what timers can hold. */
const neverMs = 2 ** 31 - 1;

/** Where a proxy listens. */
export interface GrpcProxyPorts {
  /** Of `--listen-addr`: gRPC and HTTP. */
  readonly client: number;
  /** Of `--metrics-addr`; undefined without it. */
  readonly metrics: number | undefined;
}

/** etcd's gRPC proxy: the API of a cluster, with watchers, keep-alives and reads of many clients made fewer. */
export class GrpcProxy implements AsyncDisposable {
  readonly #settings: ProxySettings;
  readonly #tls: ServerTls | undefined;
  readonly #upstream: Upstream;
  readonly #watches: WatchHub;
  readonly #keepAlives: KeepAliveHub;
  readonly #registry: Registry | undefined;
  readonly #sync: EndpointSync | undefined;
  readonly #leasing: Leasing | undefined;
  readonly #port: ClientPort;
  readonly #closing = new AbortController();
  #ports: GrpcProxyPorts = { client: 0, metrics: undefined };
  #closed: Promise<void> | undefined;

  /**
   * Starts to serve. No member need be there yet.
   *
   * @throws GrpcProxyError, TlsConfigError, TlsOptionsError, or as `net.listen`
   */
  static async start(options: GrpcProxyOptions): Promise<GrpcProxy> {
    const settings = settingsOf(options);
    const dialTls = await openDialTls(settings.dialTls, settings.observer);
    const tls = await openListenTls(settings);
    const proxy = new GrpcProxy(settings, { tls, dialTls });
    try {
      await proxy.#listen();
      return proxy;
    } catch (error) {
      await proxy.close({ graceMs: 0 });
      throw error;
    }
  }

  private constructor(
    settings: ProxySettings,
    { tls, dialTls }: { readonly tls: ServerTls | undefined; readonly dialTls: DialTls | undefined },
  ) {
    this.#settings = settings;
    this.#tls = tls;
    const { clock = systemClock, random = systemRandom, observer, endpoints, namespace } = settings;
    const shared = { clock, random, namespace: new KeyPrefix(namespace) };
    const client = clientOptions(settings, { dialTls, clock, random });
    this.#upstream = new Upstream({ client, endpoints, maxReceiveBytes: settings.maxReceiveBytes });
    const upstream = this.#upstream;
    const metrics: ProxyMetrics = new ProxyMetrics(() => ({
      cacheEntries: cache.size,
      watchers: this.#watches.usage.watchers,
      watchSources: this.#watches.usage.sources,
      watchStreams: this.#watches.usage.streams,
      keepAliveStreams: this.#keepAlives.usage.streams,
    }));
    const cache = new RangeCache({
      ttlMs: settings.cacheTtlMs,
      now: () => clock.now(),
      observer: { onHit: () => metrics.hit(), onMiss: () => metrics.missed() },
    });
    const order = new RevisionOrder({
      isKept: settings.serializableOrdering,
      endpoints: () => upstream.endpoints,
      ...shared,
    });
    this.#watches = new WatchHub({
      ...{ upstream, ...shared },
      observer: {
        onCoalesced: (events) => metrics.coalesced(events),
        onResumed: (event) => observer.onWatchResumed?.(event),
      },
    });
    this.#keepAlives = new KeepAliveHub({ upstream, ...shared });
    this.#registry = registryOf(settings, { client: { ...client, endpoints }, clock, random });
    this.#leasing = leasingOf(settings, { client: { ...client, endpoints }, clock, random });
    this.#sync = syncOf(settings, { upstream, clock });
    const methods = proxyMethods({
      ...{ upstream, cache, order, watches: this.#watches, keepAlives: this.#keepAlives },
      ...{
        registry: this.#registry,
        leasing: this.#leasing,
        namespace: shared.namespace,
        closing: this.#closing.signal,
      },
      advertiseClientUrl: settings.advertiseClientUrl,
    });
    this.#port = new ClientPort({
      grpc: serverOf(settings, { methods, clock }),
      // Pages of other origins have no business here.
      access: { hosts: ['*'], origins: [] },
      http: new ProxyPages({ upstream, metrics, tls: dialTls?.pages, random }),
      clock,
      onInternalError: (path, error) => observer.onInternalError?.(path, error),
      onConnectionError: (error) => observer.onConnectionError?.(error),
      onConnectionRefused: (reason) => observer.onConnectionRefused?.(reason),
    });
  }

  /** Where it listens: of a port 0, the one that was picked. */
  get ports(): GrpcProxyPorts {
    return this.#ports;
  }

  /** The members that are asked. */
  get endpoints(): readonly string[] {
    return this.#upstream.endpoints;
  }

  /**
   * Takes no more calls. Streams that never end by themselves end at once, so that their clients go elsewhere; calls
   * under way may finish for that long. Harmless when done twice.
   */
  close(options: { readonly graceMs: number }): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: 0 });
  }

  async #close(options: { readonly graceMs: number }): Promise<void> {
    // A cluster that cannot be reached is told nothing: what it keeps for us ends with its leases.
    const farewell = new AbortController();
    const { clock = systemClock } = this.#settings;
    const patience = pause(Math.max(options.graceMs, farewellMs), { clock, signal: farewell.signal });
    // Nobody shall be sent here any more.
    await Promise.race([this.#registry?.close(), patience]);
    await this.#sync?.close();
    this.#closing.abort(proxyStopped());
    this.#watches.close();
    this.#keepAlives.close();
    // So that their ends are written before their connections are told to go.
    await nextTurn();
    await this.#port.close(options);
    await Promise.race([this.#leasing?.close(), patience]);
    farewell.abort();
    await this.#upstream.close();
    await this.#tls?.close();
  }

  async #listen(): Promise<void> {
    const { listenAddress, metricsUrl } = this.#settings;
    const secure = this.#tls && (this.#tls.accept.bind(this.#tls) satisfies ServerTls['accept']);
    const address = parseListenAddress(listenAddress, '--listen-addr');
    const client = await this.#port.listen(address, { serves: 'all', secure });
    let metrics: number | undefined;
    if (metricsUrl !== '') {
      const { isSecure, ...where } = parseMetricsUrl(metricsUrl);
      if (isSecure && secure === undefined) {
        throw new GrpcProxyError(
          'PROXY_OPTIONS',
          `--metrics-addr: ${metricsUrl} needs --cert-file and --key-file, or --auto-tls`,
        );
      }
      metrics = await this.#port.listen(where, { serves: 'http', ...(isSecure && { secure }) });
    }
    this.#ports = { client, metrics };
  }
}

/** What has been decided in this turn has been done in the next but one: calls end in between. */
async function nextTurn(): Promise<void> {
  for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
}

function clientOptions(
  settings: ProxySettings,
  {
    dialTls,
    clock,
    random,
  }: { readonly dialTls: DialTls | undefined; readonly clock: Clock; readonly random: Random },
): Omit<ClientOptions, 'endpoints'> {
  return {
    maxSendBytes: settings.maxSendBytes,
    requestTimeoutMs: settings.requestTimeoutMs,
    keepaliveTimeMs: settings.dialKeepAliveTimeMs || neverMs,
    keepaliveTimeoutMs: settings.dialKeepAliveTimeoutMs,
    keepaliveWithoutCalls: settings.permitWithoutStream,
    ...{ clock, random },
    ...(dialTls !== undefined && { tls: dialTls.client }),
  };
}

function serverOf(
  settings: ProxySettings,
  { methods, clock }: { readonly methods: MethodTable; readonly clock: Clock },
): GrpcTransport {
  const Transport = settings.grpcTransport === 'lean' ? LeanGrpcServer : GrpcServer;
  return new Transport({
    ...{ methods, clock },
    maxReceiveBytes: Math.max(requestBytesMin, settings.maxSendBytes + requestOverheadBytes),
    limits: { maxConcurrentStreams: settings.maxConcurrentStreams },
    keepAliveMinTimeMs: settings.keepAliveMinTimeMs,
    keepAliveIntervalMs: settings.keepAliveIntervalMs || neverMs,
    keepAliveTimeoutMs: settings.keepAliveTimeoutMs || neverMs,
    observer: { onInternalError: (path, error) => settings.observer.onInternalError?.(path, error) },
  });
}

function registryOf(
  { resolver, namespace, advertiseClientUrl, observer }: ProxySettings,
  {
    client,
    clock,
    random,
  }: { readonly client: ClientOptions; readonly clock: Clock; readonly random: Random },
): Registry | undefined {
  if (resolver === undefined || resolver.prefix === '') return undefined;
  return new Registry({
    ...{ client, namespace, clock, random, observer },
    ...{ prefix: resolver.prefix, ttlSeconds: resolver.ttlSeconds, address: advertiseClientUrl },
  });
}

function leasingOf(
  { leasingPrefix: prefix, namespace }: ProxySettings,
  {
    client,
    clock,
    random,
  }: { readonly client: ClientOptions; readonly clock: Clock; readonly random: Random },
): Leasing | undefined {
  return prefix === '' ? undefined : new Leasing({ client, namespace, prefix, clock, random });
}

function syncOf(
  { endpointsAutoSyncIntervalMs: intervalMs, observer }: ProxySettings,
  { upstream, clock }: { readonly upstream: Upstream; readonly clock: Clock },
): EndpointSync | undefined {
  return intervalMs > 0 ? new EndpointSync({ upstream, intervalMs, clock, observer }) : undefined;
}

/** @throws GrpcProxyError */
function parseMetricsUrl(text: string): ListenAddress & { readonly isSecure: boolean } {
  const [, scheme, rest = ''] = /^(https?):\/\/([^/]*)\/?$/.exec(text) ?? [];
  if (scheme === undefined) {
    const example = 'http://127.0.0.1:4001';
    throw new GrpcProxyError('PROXY_OPTIONS', `--metrics-addr: ${text} is no URL such as ${example}`);
  }
  return { ...parseListenAddress(rest, '--metrics-addr'), isSecure: scheme === 'https' };
}
