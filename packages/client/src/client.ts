import type { Timer } from '@quorate/std';
import { Auth } from './auth.ts';
import { Cluster } from './cluster.ts';
import { Connections, type UnaryCallOptions } from './connections.ts';
import { EtcdError } from './errors.ts';
import { noPrefix } from './key-prefix.ts';
import { Keyspace } from './keyspace.ts';
import { Maintenance } from './maintenance.ts';
import type { CallOptions, ClientOptions } from './options.ts';
import { ElectionService, LockService } from './recipe-services.ts';

/**
 * A client of an etcd or Quorate cluster. Connections are opened when first needed; dispose of the client to
 * close them: `await using client = new Client(…)`.
 *
 * Reads are tried again at other members when one is unavailable. A write is sent again only when it surely
 * never left this process: after any other failure it may have happened, and only the caller knows whether
 * doing it twice is harmless.
 */
export class Client extends Keyspace implements AsyncDisposable {
  /** Members, and changing who they are. */
  readonly cluster: Cluster;
  /** What concerns single members: their state, snapshots, defragmentation. */
  readonly maintenance: Maintenance;
  /** Users, roles, and whether they count. */
  readonly auth: Auth;
  /** Locks that the member takes for the caller: for those who want etcd's calls as they are. */
  readonly lockService: LockService;
  /** Elections in which the member stands for the caller. */
  readonly electionService: ElectionService;
  readonly #connections: Connections;
  readonly #syncIntervalMs: number | undefined;
  #syncTimer: Timer | undefined;
  readonly #closing = new AbortController();

  /** @throws EndpointError, TlsOptionsError, or RangeError when endpoints are missing or options exclude each other */
  constructor(options: ClientOptions) {
    const connections = new Connections(options);
    super(connections, noPrefix);
    this.#connections = connections;
    this.cluster = new Cluster(this.#connections);
    this.maintenance = new Maintenance(this.#connections);
    this.auth = new Auth(this.#connections);
    this.lockService = new LockService(this.#connections);
    this.electionService = new ElectionService(this.#connections);
    this.#syncIntervalMs = options.syncIntervalMs;
    this.#syncLater();
  }

  /** The endpoints given, or those that the cluster has said since. */
  get endpoints(): readonly string[] {
    return this.#connections.endpoints;
  }

  /**
   * Asks the cluster where its members are reached, and asks them there from now on, in place of the endpoints given:
   * members that were added are found, and those that were removed are left. Learners, which answer little, are left
   * out. Returns the endpoints.
   *
   * @throws EtcdError FAILED_PRECONDITION, and nothing changes, when no member says where it is
   */
  async syncEndpoints(options?: CallOptions): Promise<readonly string[]> {
    const { members } = await this.cluster.memberList({}, options);
    const urls = members.flatMap(({ isLearner, clientURLs }) => (isLearner ? [] : clientURLs));
    if (urls.length === 0) throw new EtcdError('FAILED_PRECONDITION', 'no member says where it is reached');
    this.#connections.replaceEndpoints([...new Set(urls)]);
    return this.endpoints;
  }

  /** The endpoint that is asked first now; when calls go round, the one asked last. */
  get preferredEndpoint(): string {
    return this.#connections.preferred;
  }

  /** Says that an endpoint is not well, for those who know: another is asked first, if it was this one. */
  avoid(endpoint: string): void {
    this.#connections.moveOnFrom(endpoint);
  }

  /** Any unary method by its path, `/package.Service/Method`, with bytes in and out. */
  unary(path: string, request: Uint8Array, options: UnaryCallOptions = {}): Promise<Uint8Array> {
    return this.#connections.unary(path, request, options);
  }

  /**
   * Any method with streams by its path, with bytes in and out: requests are sent as they come, responses are read at
   * the pace at which they are asked for. Never retried. Leaving the loop ends the call.
   *
   * @throws EtcdError, the signal's reason, or what `requests` throws
   */
  async *stream(
    path: string,
    requests: AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    using stream = await this.#connections.duplexStream(path, options);
    const fault = new AbortController();
    void stream.sendAll(requests).catch((error: unknown) => {
      fault.abort(error);
      stream[Symbol.dispose]();
    });
    try {
      yield* stream;
    } catch (error) {
      fault.signal.throwIfAborted();
      throw error;
    }
  }

  /**
   * Finds out whether the credentials are good; without a call to this, the first other call does.
   *
   * @throws EtcdError INVALID_ARGUMENT when they are not
   */
  authenticate(options: Pick<CallOptions, 'timeoutMs' | 'signal'> = {}): Promise<void> {
    return this.#connections.authenticate(options);
  }

  /** Ends all streams, waits for the calls under way and closes the connections. Harmless when done twice. */
  close(): Promise<void> {
    this.#closing.abort();
    this.#syncTimer?.cancel();
    return this.#connections.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #syncLater(): void {
    if (this.#syncIntervalMs === undefined || this.#closing.signal.aborted) return;
    this.#syncTimer = this.#connections.clock.after(this.#syncIntervalMs, () => {
      // When nobody says anything, what is known stays good.
      void this.syncEndpoints({ signal: this.#closing.signal })
        .catch(() => {})
        .finally(() => this.#syncLater());
    });
  }
}
