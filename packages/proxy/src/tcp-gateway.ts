import { systemClock, systemRandom, type Timer } from '@quorate/std';
import { ClientTls } from '@quorate/tls';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dial, isLocal, prove, type DialOptions } from './tcp-gateway-dial.ts';
import { EndpointList, type EndpointState } from './tcp-gateway-endpoints.ts';
import { TcpGatewayError } from './tcp-gateway-errors.ts';
import { TcpLink } from './tcp-gateway-link.ts';
import { parseHostPort, type HostPort, type TcpGatewayOptions } from './tcp-gateway-options.ts';
import { leadsBack, refuseOwnAddress, systemLookup } from './tcp-gateway-own-address.ts';

const defaults = {
  listenAddress: '127.0.0.1:23790',
  retryDelayMs: 60_000,
  dialTimeoutMs: 5_000,
  halfClosedTimeoutMs: 300_000,
  maxConnections: 10_000,
  observer: {},
  lookup: systemLookup,
  clock: systemClock,
  random: systemRandom,
} as const;

/** Connections that are closed at once are told of no more often than this. */
const tellingPauseMs = 10_000;

type Settings = Required<Omit<TcpGatewayOptions, 'proof'>> & Pick<TcpGatewayOptions, 'proof'>;

/**
 * etcd's TCP gateway: connections are passed on to members in turn, byte by byte, without a look at what they carry. An
 * endpoint that does not answer is set aside, and tried again after a while. It keeps nothing: any number of gateways may
 * stand in front of one cluster.
 */
export class TcpGateway implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #endpoints: EndpointList;
  readonly #tls: ClientTls | undefined;
  readonly #server: Server;
  readonly #tasks = new Set<Promise<void>>();
  readonly #links = new Set<TcpLink>();
  readonly #retries = new Map<EndpointState, Timer>();
  /** Aborted when nothing is waited for any more. */
  readonly #end = new AbortController();
  #listening = { address: '', port: 0 };
  #toldAtMs = -Infinity;
  #closed: Promise<void> | undefined;

  /**
   * Starts to pass on connections. Members need not be there yet, unless they have to show certificates.
   *
   * @throws TcpGatewayError, TlsConfigError for the file of authorities, or as `net.listen`
   */
  static async start(options: TcpGatewayOptions): Promise<TcpGateway> {
    const settings = settingsOf(options);
    const listen = parseHostPort(settings.listenAddress, '--listen-addr:');
    await refuseOwnAddress(settings.endpoints, { listen, lookup: settings.lookup });
    const gateway = new TcpGateway(settings);
    try {
      await gateway.#proveAll();
      await gateway.#listen(listen);
      return gateway;
    } catch (error) {
      await gateway.close();
      throw error;
    }
  }

  private constructor(settings: Settings) {
    const { endpoints, random, proof, maxConnections } = settings;
    this.#settings = settings;
    this.#endpoints = new EndpointList(endpoints, random);
    this.#tls = proof && ClientTls.open({ trustedCa: proof.trustedCa });
    // Nothing is read before there is somebody to take it.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', () => this.#refused(`there are ${maxConnections} connections already`));
  }

  /** Where it listens. */
  get port(): number {
    return this.#listening.port;
  }

  /** How many connections of clients there are. */
  get connectionCount(): number {
    return this.#tasks.size;
  }

  /** Every endpoint, and whether connections are passed on to it. */
  get endpoints(): readonly { readonly endpoint: string; readonly isUp: boolean }[] {
    return this.#endpoints.all.map(({ name, isUp }) => ({ endpoint: name, isUp }));
  }

  /** Takes no more connections, lets those that stand go on for that long, then cuts them. Harmless when done twice. */
  close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    this.#server.close();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
    if (graceMs > 0) await this.#endOfConnections(graceMs);
    this.#end.abort(new Error('the gateway is closed'));
    for (const link of this.#links) link.cut();
    await Promise.all(this.#tasks);
  }

  /** Waits until no connection is left, or that time has passed. */
  #endOfConnections(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#settings.clock.after(graceMs, resolve);
      void Promise.all(this.#tasks).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #listen({ host, port }: HostPort): Promise<void> {
    this.#server.listen(host === '' ? { port } : { host, port });
    await once(this.#server, 'listening');
    // What listens on a port has an address, and no name of a pipe.
    this.#listening = this.#server.address() as AddressInfo;
    this.#server.on('error', (error) => this.#settings.observer.onLocalError?.(error));
  }

  #accept(client: Socket): void {
    // Who goes while nobody answers is noticed when somebody has.
    client.on('error', () => {});
    const task = this.#serve(client).finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  /** Ends when both connections have. */
  async #serve(client: Socket): Promise<void> {
    const member = await this.#connectAny();
    if (member === undefined || client.destroyed) {
      client.destroy();
      member?.destroy();
      return;
    }
    const { halfClosedTimeoutMs, clock } = this.#settings;
    await new Promise<void>((resolve) => {
      const link = new TcpLink(client, member, {
        halfClosedTimeoutMs,
        clock,
        onClosed: () => {
          this.#links.delete(link);
          resolve();
        },
      });
      this.#links.add(link);
    });
  }

  /** A connection to the first endpoint that answers; those that do not are set aside. Undefined when none does. */
  async #connectAny(): Promise<Socket | undefined> {
    for (let tries = 0; tries < this.#endpoints.all.length; tries++) {
      const endpoint = this.#endpoints.pick();
      if (endpoint === undefined) break;
      try {
        return await this.#connect(endpoint);
      } catch (error) {
        if (this.#end.signal.aborted) return undefined;
        if (isLocal(error)) {
          this.#tellRarely(() => this.#settings.observer.onLocalError?.(error));
          return undefined;
        }
        this.#setAside(endpoint, error);
      }
    }
    this.#refused('no endpoint is up');
    return undefined;
  }

  async #connect(endpoint: EndpointState): Promise<Socket> {
    const member = await dial(endpoint, this.#dialOptions);
    if (!leadsBack(member, this.#listening)) return member;
    member.destroy();
    throw new Error('it is this gateway itself');
  }

  get #dialOptions(): DialOptions {
    const { clock, dialTimeoutMs: timeoutMs } = this.#settings;
    return { clock, timeoutMs, signal: this.#end.signal };
  }

  #setAside(endpoint: EndpointState, error: unknown): void {
    if (!endpoint.isUp) return;
    endpoint.isUp = false;
    const { retryDelayMs, observer } = this.#settings;
    observer.onEndpointDown?.({ endpoint: endpoint.name, reason: messageOf(error), retryDelayMs });
    this.#retryLater(endpoint);
  }

  #retryLater(endpoint: EndpointState): void {
    if (this.#closed !== undefined) return;
    const { clock, retryDelayMs } = this.#settings;
    this.#retries.set(
      endpoint,
      clock.after(retryDelayMs, () => void this.#retry(endpoint)),
    );
  }

  async #retry(endpoint: EndpointState): Promise<void> {
    try {
      await this.#probe(endpoint);
    } catch (error) {
      if (isLocal(error)) this.#tellRarely(() => this.#settings.observer.onLocalError?.(error));
      this.#retryLater(endpoint);
      return;
    }
    endpoint.isUp = true;
    this.#settings.observer.onEndpointUp?.({ endpoint: endpoint.name });
  }

  /** Whether an endpoint may be used. @throws why not */
  async #probe(endpoint: EndpointState): Promise<void> {
    const serverName = this.#settings.proof?.serverName;
    if (this.#tls !== undefined) await prove(endpoint, { ...this.#dialOptions, tls: this.#tls, serverName });
    else (await this.#connect(endpoint)).destroy();
  }

  /** Where certificates are asked for, none is used that has not shown one. @throws TcpGatewayError when none has */
  async #proveAll(): Promise<void> {
    if (this.#tls === undefined) return;
    const reasons: string[] = [];
    const proofs = this.#endpoints.all.map(async (endpoint) => {
      try {
        await this.#probe(endpoint);
      } catch (error) {
        reasons.push(`${endpoint.name}: ${messageOf(error)}`);
        this.#setAside(endpoint, error);
      }
    });
    await Promise.all(proofs);
    if (this.#endpoints.all.some(({ isUp }) => isUp)) return;
    throw new TcpGatewayError(
      'GATEWAY_UNPROVEN',
      `no endpoint has shown a certificate that is trusted (${reasons.sort().join('; ')})`,
    );
  }

  #refused(reason: string): void {
    this.#tellRarely(() => this.#settings.observer.onRefused?.({ reason }));
  }

  /** What may happen with every connection fills no log. */
  #tellRarely(tell: () => void): void {
    const now = this.#settings.clock.now();
    if (now - this.#toldAtMs < tellingPauseMs) return;
    this.#toldAtMs = now;
    tell();
  }
}

/** @throws TcpGatewayError for what makes no sense */
function settingsOf(options: TcpGatewayOptions): Settings {
  const settings = { ...defaults, ...options };
  const refuse = (message: string): never => {
    throw new TcpGatewayError('GATEWAY_OPTIONS', message);
  };
  if (settings.endpoints.length === 0) refuse('no endpoints found: name at least one by --endpoints');
  for (const { host, port } of settings.endpoints) {
    if (host !== '' && Number.isInteger(port) && port > 0 && port <= 65_535) continue;
    refuse(`--endpoints: "${host}" with port ${port} is no address`);
  }
  for (const name of ['retryDelayMs', 'dialTimeoutMs', 'halfClosedTimeoutMs'] as const) {
    if (!(settings[name] > 0)) refuse(`${name}: ${settings[name]} must be longer than 0`);
  }
  const { maxConnections } = settings;
  if (!Number.isInteger(maxConnections) || maxConnections < 1) {
    refuse(`maxConnections: ${maxConnections} is no positive whole number`);
  }
  return settings;
}

function messageOf(error: unknown): string {
  // Of several addresses that were tried, each has an error of its own.
  if (error instanceof AggregateError) return [...new Set(error.errors.map(messageOf))].join('; ');
  return error instanceof Error ? error.message : String(error);
}
