import { Client } from '@quorate/client';
import { toUtf8 } from '@quorate/std';

/**
 * Writes new keys from several writers until the server is gone, and remembers which were acknowledged.
 * Afterwards `verify` tells whether a server holds what it must, and nothing that nobody wrote.
 */
export class Load {
  readonly #acknowledged = new Set<string>();
  readonly #attempted = new Set<string>();
  readonly #ended = new AbortController();
  readonly #client: Client;
  readonly #value: string;
  readonly #writers: Promise<void>[];
  #waiting: { readonly count: number; readonly reached: () => void }[] = [];

  constructor(endpoint: string, options: { readonly writers: number; readonly valueBytes?: number }) {
    this.#client = new Client({ endpoints: [endpoint] });
    this.#value = 'v'.repeat(options.valueBytes ?? 10);
    this.#writers = Array.from({ length: options.writers }, (_, writer) => this.#write(writer));
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** Resolves when so many writes were acknowledged. */
  acknowledged(count: number): Promise<void> {
    if (this.#acknowledged.size >= count) return Promise.resolve();
    return new Promise((reached) => this.#waiting.push({ count, reached }));
  }

  /** The server has ended: whatever was not answered by now never will be. */
  async end(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#writers);
    await this.#client[Symbol.asyncDispose]();
  }

  /** Reads everything back. @throws Error that names the key that is lost or made up */
  async verify(endpoint: string): Promise<void> {
    await using client = new Client({ endpoints: [endpoint] });
    const { kvs } = await client.kv.range({ key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) });
    const found = new Map(kvs.map(({ key, value }) => [toUtf8(key), toUtf8(value)]));
    for (const key of this.#acknowledged) {
      if (found.get(key) !== this.#value) throw new Error(`${key} was acknowledged and is lost`);
    }
    for (const key of found.keys()) {
      if (!this.#attempted.has(key)) throw new Error(`nobody wrote ${key}`);
    }
  }

  async #write(writer: number): Promise<void> {
    for (let n = 0; !this.#ended.signal.aborted; n++) {
      const key = `writer ${writer}, write ${n}`;
      this.#attempted.add(key);
      try {
        await this.#client.put(key, this.#value, { signal: this.#ended.signal });
      } catch {
        return; // It may or may not be there.
      }
      this.#acknowledged.add(key);
      this.#tell();
    }
  }

  #tell(): void {
    const isReached = ({ count }: { readonly count: number }): boolean => this.#acknowledged.size >= count;
    if (!this.#waiting.some(isReached)) return;
    for (const { reached } of this.#waiting.filter(isReached)) reached();
    this.#waiting = this.#waiting.filter((waiting) => !isReached(waiting));
  }
}
