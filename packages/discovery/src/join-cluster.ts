import type { Clock } from '@quorate/std';
import { DiscoveryError } from './errors.ts';
import { clusterOf, parseClusterSize, Registrations, type SkipReason } from './registrations.ts';
import { registryKeys, type RegistryClient, type RegistryEntry, type RegistryKeys } from './registry.ts';
import { sleep } from './sleep.ts';

/** Pauses between tries double from 2 seconds up to 256 seconds, and stay there. */
const retryExponentMax = 8;
/** Entries read at most: what lies behind them came too late for any cluster that is allowed. */
const listLimit = 1_000;

/** What happened meanwhile, for the log of whoever waits. */
export type DiscoveryEvent =
  | { readonly kind: 'found'; readonly key: string; readonly value: string }
  | { readonly kind: 'skipped'; readonly key: string; readonly reason: SkipReason }
  | { readonly kind: 'registered'; readonly key: string }
  | { readonly kind: 'waiting'; readonly found: number; readonly size: number }
  | { readonly kind: 'retry'; readonly step: string; readonly delayMs: number; readonly error: unknown };

/** What joining takes. */
export interface JoinOptions {
  readonly client: RegistryClient;
  readonly clock: Clock;
  /** The token: one for each cluster, never to be used again. */
  readonly token: string;
  /** This member: its ID (of its peer URLs and the token), and `name=url[,name=url…]`. */
  readonly memberId: bigint;
  readonly registration: string;
  /** How often a step that failed is tried again. Without it: until it is done. */
  readonly retryCountMax?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: (event: DiscoveryEvent) => void;
}

/**
 * Registers a member under a token, waits until as many have as the token's cluster shall have, and returns
 * them, as `--initial-cluster` would name them. The first to register form the cluster: all of them get the same
 * text, and who comes later is refused. A member that registers again, after a crash, is still the same one.
 *
 * @throws DiscoveryError, the signal's reason, or the error of the client that it says is final
 */
export async function joinCluster(options: JoinOptions): Promise<string> {
  return new Joining(options).join();
}

/** The size of the cluster and who has registered, as of one revision. */
interface Standing {
  readonly size: number;
  readonly registrations: Registrations;
  readonly revision: number;
}

class Joining {
  readonly #options: JoinOptions;
  readonly #keys: RegistryKeys;
  readonly #ownKey: string;
  #failures = 0;

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#keys = registryKeys(options.token);
    this.#ownKey = this.#keys.memberOf(options.memberId);
  }

  async join(): Promise<string> {
    const { registration, token } = this.#options;
    const own = { key: this.#ownKey, value: registration, createRevision: 0 };
    clusterOf([own], token); // What others could not read is not written.
    // Before registering, so that who comes too late leaves no trace.
    await this.#standing();
    await this.#retried('register member itself', () => this.#register());
    for (;;) {
      const { size, registrations, revision } = await this.#standing();
      if (!registrations.has(this.#ownKey)) {
        await this.#pause('register member itself', new Error('the registration was removed'));
        await this.#retried('register member itself', () => this.#register());
        continue;
      }
      if (registrations.count < size) await this.#wait(registrations, size, revision);
      if (registrations.count >= size) return clusterOf(registrations.first(size), token);
    }
  }

  /** @throws DiscoveryError when there is no size, or the cluster has its members and this is none of them */
  async #standing(): Promise<Standing> {
    const standing = await this.#retried('cluster status check', () => this.#read());
    if (standing.registrations.hasRoomFor(this.#ownKey, standing.size)) return standing;
    throw new DiscoveryError(
      'DISCOVERY_CLUSTER_FULL',
      `discovery: cluster is full (${standing.size} others have registered: join them by "member add", or use a new token)`,
    );
  }

  async #read(): Promise<Standing> {
    const { client, signal } = this.#options;
    const entry = await client.get(this.#keys.size, { signal });
    if (entry === undefined) {
      throw new DiscoveryError(
        'DISCOVERY_SIZE_NOT_FOUND',
        `discovery: size key not found (put the number of members at ${this.#keys.size} first)`,
      );
    }
    const size = parseClusterSize(entry.value);
    const { entries, revision } = await client.list(this.#keys.membersPrefix, { signal, limit: listLimit });
    const registrations = new Registrations();
    this.#add(entries, registrations);
    return { size, registrations, revision };
  }

  async #register(): Promise<void> {
    const { client, registration, signal } = this.#options;
    await client.put(this.#ownKey, registration, { signal });
    this.#emit({ kind: 'registered', key: this.#ownKey });
  }

  /** Adds who registers from now on, until there are enough. After an error the caller reads everything anew. */
  async #wait(registrations: Registrations, size: number, revision: number): Promise<void> {
    const { client, signal } = this.#options;
    this.#emit({ kind: 'waiting', found: registrations.count, size });
    const startRevision = revision + 1;
    try {
      for await (const entries of client.watch(this.#keys.membersPrefix, { signal, startRevision })) {
        this.#add(entries, registrations);
        if (registrations.count >= size) return;
      }
    } catch (error) {
      await this.#pause('wait for members', error);
      return;
    }
    await this.#pause('wait for members', new Error('the watch ended'));
  }

  #add(entries: readonly RegistryEntry[], registrations: Registrations): void {
    for (const entry of entries) {
      const reason = registrations.add(entry);
      if (reason === undefined) this.#emit({ kind: 'found', key: entry.key, value: entry.value });
      else this.#emit({ kind: 'skipped', key: entry.key, reason });
    }
  }

  async #retried<T>(step: string, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await attempt();
        this.#failures = 0;
        return result;
      } catch (error) {
        await this.#pause(step, error);
      }
    }
  }

  /** Waits before the next try; throws when there is to be none. */
  async #pause(step: string, error: unknown): Promise<void> {
    const { client, clock, signal, retryCountMax = Infinity } = this.#options;
    signal?.throwIfAborted();
    if (error instanceof DiscoveryError || client.isFinal?.(error) === true) throw error;
    if (this.#failures >= retryCountMax) {
      throw new DiscoveryError('DISCOVERY_TOO_MANY_RETRIES', `discovery: too many retries (${step})`, {
        cause: error,
      });
    }
    this.#failures++;
    const delayMs = 2 ** Math.min(this.#failures, retryExponentMax) * 1_000;
    this.#emit({ kind: 'retry', step, delayMs, error });
    await sleep(clock, delayMs, signal);
  }

  #emit(event: DiscoveryEvent): void {
    this.#options.onEvent?.(event);
  }
}
