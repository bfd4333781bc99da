import type { RegistryClient, RegistryEntry } from '../src/index.ts';

/** What a call is refused with, or undefined. */
type Fault = (call: { readonly verb: string; readonly key: string }) => Error | undefined;

/** A registry in memory: revisions, create revisions and watches as etcd has them. */
export class FakeRegistry implements RegistryClient {
  #revision = 1;
  readonly #rows = new Map<string, RegistryEntry>();
  readonly #log: { readonly revision: number; readonly entry: RegistryEntry }[] = [];
  readonly #waiters = new Set<() => void>();
  /** Every call made, as `verb key`. */
  readonly calls: string[] = [];
  fault: Fault = () => undefined;
  isFinal = (_error: unknown): boolean => false;
  /** Resolves with the next call of `watch`. */
  readonly #watching: (() => void)[] = [];

  async get(key: string): Promise<RegistryEntry | undefined> {
    await this.#call('get', key);
    return this.#rows.get(key);
  }

  async put(key: string, value: string): Promise<void> {
    await this.#call('put', key);
    this.set(key, value);
  }

  async list(prefix: string, { limit }: { limit: number }) {
    await this.#call('list', prefix);
    const entries = [...this.#rows.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => a.createRevision - b.createRevision)
      .slice(0, limit);
    return { entries, revision: this.#revision };
  }

  async *watch(prefix: string, { startRevision, signal }: { startRevision: number; signal?: AbortSignal }) {
    await this.#call('watch', prefix);
    for (const started of this.#watching.splice(0)) started();
    for (let next = startRevision; ;) {
      const news = this.#log.filter(
        ({ revision, entry }) => revision >= next && entry.key.startsWith(prefix),
      );
      next = Math.max(next, this.#revision + 1);
      for (const { entry } of news) yield [entry];
      const failure = this.fault({ verb: 'watching', key: prefix });
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => {
        this.#waiters.add(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
      signal?.throwIfAborted();
    }
  }

  /** Puts a key as somebody else would. */
  set(key: string, value: string): void {
    const revision = ++this.#revision;
    const entry = { key, value, createRevision: this.#rows.get(key)?.createRevision ?? revision };
    this.#rows.set(key, entry);
    this.#log.push({ revision, entry });
    this.wake();
  }

  delete(key: string): void {
    this.#rows.delete(key);
    this.#revision++;
  }

  value(key: string): string | undefined {
    return this.#rows.get(key)?.value;
  }

  keys(): string[] {
    return [...this.#rows.keys()];
  }

  /** Lets those who watch look again. */
  wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }

  /** Resolves when somebody begins to watch. */
  watched(): Promise<void> {
    return new Promise((resolve) => this.#watching.push(resolve));
  }

  async #call(verb: string, key: string): Promise<void> {
    this.calls.push(`${verb} ${key}`);
    await Promise.resolve();
    const failure = this.fault({ verb, key });
    if (failure !== undefined) throw failure;
  }
}
