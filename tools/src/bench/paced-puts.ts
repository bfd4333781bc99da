import { encodePutRequest } from '@quorate/wire';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf, prefixes, valueOf, valueSize } from './dataset.ts';
import { emptyPut, putPath } from './kv-requests.ts';
import { LoadConnection } from './load-connection.ts';

const keyCount = 1000;
const keySize = 20;
const connectionCount = 4;

/** How often it is looked whether puts are due. */
const beatMs = 1;

/** One put that was acknowledged. */
export interface PacedPut {
  /** On the clock of `performance.now()`. */
  readonly sentAtMs: number;
  /** Since it was due, which is before it was sent when this process was late. */
  readonly latencyMs: number;
}

/**
 * A light load at a fixed pace: puts are sent when they are due, whether or not those before were answered, so
 * that a server that stalls is seen for as long as it stalls. It runs in the process that starts it, which should do
 * little else.
 */
export class PacedPuts {
  readonly #connections: readonly LoadConnection[];
  readonly #perSecond: number;
  readonly #requests = Array.from({ length: keyCount }, (_, n) =>
    encodePutRequest({ ...emptyPut, key: keyOf(prefixes.paced, n, keySize), value: valueOf(n, valueSize) }),
  );
  readonly #puts: PacedPut[] = [];
  readonly #failure: Promise<never>;
  #outstanding = 0;
  #isStopped = false;
  readonly #sending: Promise<void>;

  private constructor(
    connections: readonly LoadConnection[],
    options: { readonly perSecond: number; readonly failure: Promise<never> },
  ) {
    this.#connections = connections;
    this.#perSecond = options.perSecond;
    this.#failure = options.failure;
    this.#failure.catch(() => {}); // `stop` throws it.
    this.#sending = this.#send();
  }

  static async start(options: { readonly endpoint: string; readonly perSecond: number }): Promise<PacedPuts> {
    const { endpoint, perSecond } = options;
    const { promise: failure, reject: onError } = Promise.withResolvers<never>();
    const connections = await Promise.all(
      Array.from({ length: connectionCount }, () =>
        LoadConnection.connect({ endpoint, path: putPath, onError }),
      ),
    );
    return new PacedPuts(connections, { perSecond, failure });
  }

  /** Sends no more, and waits for the last answer. @throws Error when a put was refused */
  async stop(): Promise<readonly PacedPut[]> {
    this.#isStopped = true;
    try {
      await Promise.race([this.#drain(), this.#failure]);
    } finally {
      for (const connection of this.#connections) connection.close();
    }
    return this.#puts;
  }

  async #send(): Promise<void> {
    const startedAtMs = performance.now();
    let sent = 0;
    while (!this.#isStopped) {
      const due = ((performance.now() - startedAtMs) / 1000) * this.#perSecond;
      for (; sent < due; sent++) this.#put(sent, startedAtMs + (1000 * sent) / this.#perSecond);
      await sleep(beatMs);
    }
  }

  #put(n: number, dueAtMs: number): void {
    this.#outstanding++;
    const sentAtMs = performance.now();
    this.#connections[n % connectionCount]!.unary(this.#requests[n % keyCount]!, () => {
      this.#outstanding--;
      this.#puts.push({ sentAtMs, latencyMs: performance.now() - dueAtMs });
    });
  }

  async #drain(): Promise<void> {
    await this.#sending;
    while (this.#outstanding > 0) await sleep(beatMs);
  }
}
