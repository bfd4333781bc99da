import { EtcdError, type Client } from '@quorate/client';
import type { Clock, Timer } from '@quorate/std';

const checkPath = '/grpc.health.v1.Health/Check';

export interface MemberHealthOptions {
  readonly client: Client;
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Told when a member is found to be there, or gone. */
  readonly onChange: (endpoint: string, isHealthy: boolean) => void;
}

/** Looks at every member again and again: whether somebody is there who answers. */
export class MemberHealth implements Disposable {
  readonly #options: MemberHealthOptions;
  readonly #healthy = new Map<string, boolean>();
  readonly #ended = new AbortController();
  #timer: Timer | undefined;

  constructor(options: MemberHealthOptions) {
    this.#options = options;
  }

  /** Endpoints, and whether they answered when they were asked last. */
  get members(): ReadonlyMap<string, boolean> {
    return this.#healthy;
  }

  get isAnyHealthy(): boolean {
    return this.#healthy.values().some((isHealthy) => isHealthy);
  }

  /** Resolves after the first look at all of them; then goes on looking. */
  async start(): Promise<void> {
    const { client, clock, intervalMs } = this.#options;
    await Promise.all(client.endpoints.map((endpoint) => this.#look(endpoint)));
    this.#leaveTheUnhealthy();
    if (this.#ended.signal.aborted) return;
    this.#timer = clock.after(intervalMs, () => void this.start());
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#timer?.cancel();
  }

  /** Calls find out by themselves who refuses connections; of who takes them and is silent, they would wait for long. */
  #leaveTheUnhealthy(): void {
    const { client } = this.#options;
    for (let left = client.endpoints.length; left > 0 && this.isAnyHealthy; left--) {
      if (this.#healthy.get(client.preferredEndpoint) !== false) return;
      client.avoid(client.preferredEndpoint);
    }
  }

  async #look(endpoint: string): Promise<void> {
    const { client, intervalMs, onChange } = this.#options;
    const { signal } = this.#ended;
    let isHealthy = true;
    try {
      await client.unary(checkPath, new Uint8Array(0), {
        endpoint,
        signal,
        timeoutMs: Math.max(intervalMs, 1_000),
      });
    } catch (error) {
      // Whoever says no is there.
      isHealthy = error instanceof EtcdError && !['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code);
    }
    if (signal.aborted || this.#healthy.get(endpoint) === isHealthy) return;
    this.#healthy.set(endpoint, isHealthy);
    onChange(endpoint, isHealthy);
  }
}
