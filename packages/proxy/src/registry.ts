import { Client, type ClientOptions, type Keyspace } from '@quorate/client';
import { toUtf8, type Clock, type Random } from '@quorate/std';
import { hostname } from 'node:os';
import { backOff } from './back-off.ts';

/** A proxy that others can be told of. */
export interface RegisteredProxy {
  readonly name: string;
  readonly address: string;
}

export interface RegistryOptions {
  readonly client: ClientOptions;
  readonly namespace: string;
  readonly prefix: string;
  readonly ttlSeconds: number;
  /** What this proxy is reached at. */
  readonly address: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: {
    onRegistered?(event: { readonly key: string; readonly ttlSeconds: number }): void;
    onRegistrationFailed?(error: unknown): void;
  };
}

/**
 * The proxies of one prefix, in the cluster itself: each keeps a key there with a lease, in the form that etcd's
 * endpoint managers read.
 */
export class Registry implements AsyncDisposable {
  readonly #options: RegistryOptions;
  readonly #client: Client;
  readonly #keys: Keyspace;
  readonly #closed = new AbortController();
  readonly #registered: Promise<void>;

  /** Begins to register; goes on trying until it is closed. */
  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#client = new Client(options.client);
    this.#keys = options.namespace === '' ? this.#client : this.#client.namespace(options.namespace);
    this.#registered = this.#stayRegistered();
  }

  /** All that are registered now. @throws EtcdError */
  async list(signal: AbortSignal): Promise<readonly RegisteredProxy[]> {
    const kvs = await this.#keys.getAll({ prefix: `${this.#options.prefix}/` }, { signal });
    return kvs.flatMap(({ value }) => parseEndpoint(toUtf8(value)) ?? []);
  }

  /** Takes the own key away. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#registered;
    await this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #stayRegistered(): Promise<void> {
    const { observer } = this.#options;
    const { signal } = this.#closed;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#register(signal, () => (attempt = 1));
      } catch (error) {
        if (signal.aborted) return;
        observer.onRegistrationFailed?.(error);
        await backOff(attempt, { ...this.#options, signal });
      }
    }
  }

  /** Until the lease is lost, which throws, or the registry is closed. */
  async #register(signal: AbortSignal, onRegistered: () => void): Promise<void> {
    const { prefix, address, ttlSeconds, observer } = this.#options;
    await using session = await this.#keys.session({ ttlSeconds, signal });
    const key = `${prefix}/${address}`;
    await this.#keys.put(key, endpointText(address), { lease: session.leaseId, signal });
    onRegistered();
    observer.onRegistered?.({ key, ttlSeconds });
    await aborted(AbortSignal.any([session.signal, signal]));
    if (!signal.aborted) session.signal.throwIfAborted();
  }
}

/** As `endpoints.Manager` of etcd's client in Go writes it: an `Update` that adds, with metadata of the proxy's own. */
function endpointText(address: string): string {
  return JSON.stringify({ Op: 0, Addr: address, Metadata: JSON.stringify({ name: hostname() }) });
}

/** Undefined for what no proxy has written. */
export function parseEndpoint(text: string): RegisteredProxy | undefined {
  const { Addr: address, Metadata: metadata } = fieldsOf(text);
  if (typeof address !== 'string') return undefined;
  const { name } = fieldsOf(typeof metadata === 'string' ? metadata : '');
  return { address, name: typeof name === 'string' ? name : '' };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
