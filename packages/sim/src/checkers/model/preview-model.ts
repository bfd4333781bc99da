import type { KeyValue } from '../../history/types.ts';
import type { ModelState, Selection, SelectOptions } from './model-state.ts';
import { tombstone, type ModelChange } from './store-model.ts';

/**
 * What one request would do to a model, without doing it: changes are kept apart and seen first. Made for a single
 * `execute`, then thrown away.
 */
export class PreviewModel implements ModelState {
  readonly #base: ModelState;
  readonly #changed = new Map<string, KeyValue>();
  readonly #changes: ModelChange[] = [];

  constructor(base: ModelState) {
    this.#base = base;
  }

  /** What the request would change, in order. */
  get changes(): readonly ModelChange[] {
    return this.#changes;
  }

  get revision(): number {
    return this.#base.revision;
  }

  get compactedRevision(): number {
    return this.#base.compactedRevision;
  }

  latest(key: string): KeyValue | undefined {
    const changed = this.#changed.get(key);
    if (changed === undefined) return this.#base.latest(key);
    return changed.version === 0 ? undefined : changed;
  }

  select(options: SelectOptions): Selection {
    if (this.#changed.size === 0 || options.revision !== 0) return this.#base.select(options);
    const { interval, limit } = options;
    const byKey = new Map(this.#base.select({ ...options, limit: 0 }).kvs.map((kv) => [kv.key, kv]));
    for (const [key, kv] of this.#changed) {
      if (key < interval.start || key >= interval.endExclusive) continue;
      if (kv.version === 0) byKey.delete(key);
      else byKey.set(key, kv);
    }
    const kvs = [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return { kvs: limit === 0 ? kvs : kvs.slice(0, limit), count: kvs.length };
  }

  hasLease(id: bigint): boolean {
    return this.#base.hasLease(id);
  }

  keysOfLease(id: bigint): readonly string[] {
    return this.#base.keysOfLease(id);
  }

  put(kv: KeyValue): void {
    this.#changes.push({ kv, previous: this.latest(kv.key) });
    this.#changed.set(kv.key, kv);
  }

  delete(key: string): void {
    const kv = tombstone(key, this.revision + 1);
    this.#changes.push({ kv, previous: this.latest(key) });
    this.#changed.set(key, kv);
  }

  commit(): void {}

  compact(_revision: number): void {}

  grant(_id: bigint, _ttlSeconds: number): void {}

  dropLease(_id: bigint): void {}
}
