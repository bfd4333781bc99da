import { invariant } from '@quorate/std';
import type { InitialState, KeyValue } from '../../history/types.ts';
import type { KeyInterval } from './key-interval.ts';
import type { ModelState, Selection, SelectOptions } from './model-state.ts';
import { OrderedKeys } from './ordered-keys.ts';

/** One key changed by a revision: set, or deleted when `kv` is a tombstone (version 0). */
export interface ModelChange {
  readonly kv: KeyValue;
  /** What was there before, undefined when the key was absent. */
  readonly previous: KeyValue | undefined;
}

/** What a model remembers. */
export interface StoreModelOptions {
  readonly keepsChanges?: boolean;
}

const noKeyValues: readonly KeyValue[] = [];

/** The state of a store that nobody has written to. */
export const emptyState: InitialState = { revision: 1, compactedRevision: -1, kvs: [], leases: [] };

/**
 * A store in plain maps that remembers every revision since its initial state. It forgets nothing when it is
 * compacted: only `compactedRevision` moves.
 *
 * Invariant: a key's versions ascend by mod revision; a key is live exactly when its last one is no tombstone
 */
export class StoreModel implements ModelState {
  readonly #keepsChanges: boolean;
  readonly #initialRevision: number;
  readonly #versions = new Map<string, KeyValue[]>();
  readonly #live = new OrderedKeys();
  readonly #ever = new OrderedKeys();
  readonly #leases = new Map<bigint, LeaseModel>();
  /** Changes of revision `initial + 1 + i`. */
  readonly #changes: (readonly ModelChange[])[] = [];
  readonly #underWay: ModelChange[] = [];
  #isChanged = false;
  #revision: number;
  #compactedRevision: number;

  /** With `keepsChanges` it can say what each revision changed. */
  constructor(initial: InitialState = emptyState, { keepsChanges = false }: StoreModelOptions = {}) {
    this.#keepsChanges = keepsChanges;
    this.#initialRevision = initial.revision;
    this.#revision = initial.revision;
    this.#compactedRevision = initial.compactedRevision;
    for (const { id, ttlSeconds } of initial.leases) this.grant(id, ttlSeconds);
    for (const kv of initial.kvs) this.#set(kv, undefined);
  }

  get revision(): number {
    return this.#revision;
  }

  /** The revision before the first change: states before it are not known. */
  get initialRevision(): number {
    return this.#initialRevision;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  latest(key: string): KeyValue | undefined {
    const last = this.#versions.get(key)?.at(-1);
    return last === undefined || last.version === 0 ? undefined : last;
  }

  /** A key's value as of a revision, which must not be before the initial one. */
  at(key: string, revision: number): KeyValue | undefined {
    const versions = this.#versions.get(key);
    if (versions === undefined) return undefined;
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (versions[middle]!.modRevision <= revision) low = middle + 1;
      else high = middle;
    }
    const version = versions[low - 1];
    return version === undefined || version.version === 0 ? undefined : version;
  }

  /** What a revision changed, in the order in which it did; nothing if changes are not kept. */
  changesOf(revision: number): readonly ModelChange[] {
    return this.#changes[revision - this.#initialRevision - 1] ?? [];
  }

  select({ interval, revision, limit }: SelectOptions): Selection {
    const isNow = revision === 0 || revision === this.#revision;
    // Changes under way are seen by a read of "now" only; one of the current revision is one of the past then.
    if (isNow && (revision === 0 || !this.#isChanged)) return this.#selectNow(interval, limit);
    return this.#selectPast(interval, revision, limit);
  }

  /** How many live keys an interval has. */
  count({ start, endExclusive }: KeyInterval): number {
    return this.#live.count(start, endExclusive);
  }

  hasLease(id: bigint): boolean {
    return this.#leases.has(id);
  }

  keysOfLease(id: bigint): readonly string[] {
    const lease = this.#leases.get(id);
    return lease === undefined ? [] : [...lease.keys].sort();
  }

  /** The leases of now. */
  leases(): Iterable<bigint> {
    return this.#leases.keys();
  }

  put(kv: KeyValue): void {
    invariant(kv.modRevision === this.#revision + 1, 'a put belongs to the revision under way');
    const previous = this.latest(kv.key);
    this.#set(kv, previous);
    this.#note(kv, previous);
  }

  delete(key: string): void {
    const previous = this.latest(key);
    invariant(previous !== undefined, 'only a live key is deleted');
    const kv = tombstone(key, this.#revision + 1);
    this.#versions.get(key)!.push(kv);
    this.#live.delete(key);
    this.#detach(previous);
    this.#note(kv, previous);
  }

  commit(): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    this.#revision++;
    if (!this.#keepsChanges) return;
    // An array that has grown has room to spare; these are kept in their millions.
    const [first] = this.#underWay;
    this.#changes.push(this.#underWay.length === 1 ? [first!] : this.#underWay.slice());
    this.#underWay.length = 0;
  }

  compact(revision: number): void {
    this.#compactedRevision = revision;
  }

  grant(id: bigint, ttlSeconds: number): void {
    this.#leases.set(id, { ttlSeconds, keys: new Set() });
  }

  dropLease(id: bigint): void {
    this.#leases.delete(id);
  }

  #note(kv: KeyValue, previous: KeyValue | undefined): void {
    this.#isChanged = true;
    if (this.#keepsChanges) this.#underWay.push({ kv, previous });
  }

  #set(kv: KeyValue, previous: KeyValue | undefined): void {
    const versions = this.#versions.get(kv.key);
    if (versions === undefined) {
      this.#versions.set(kv.key, [kv]);
      this.#ever.add(kv.key);
    } else {
      versions.push(kv);
    }
    if (previous === undefined) this.#live.add(kv.key);
    else if (previous.lease !== kv.lease) this.#detach(previous);
    if (kv.lease !== 0n) this.#leases.get(kv.lease)?.keys.add(kv.key);
  }

  #detach(kv: KeyValue): void {
    if (kv.lease !== 0n) this.#leases.get(kv.lease)?.keys.delete(kv.key);
  }

  #selectNow(interval: KeyInterval, limit: number): Selection {
    const { start, endExclusive } = interval;
    if (endExclusive.length === start.length + 1 && endExclusive === `${start}\0`) {
      const kv = this.latest(start);
      return kv === undefined ? { kvs: noKeyValues, count: 0 } : { kvs: [kv], count: 1 };
    }
    const kvs: KeyValue[] = [];
    this.#live.forEach(start, endExclusive, (key) => {
      kvs.push(this.latest(key)!);
      return limit === 0 || kvs.length < limit;
    });
    const cut = limit !== 0 && kvs.length === limit;
    return { kvs, count: cut ? this.#live.count(start, endExclusive) : kvs.length };
  }

  #selectPast({ start, endExclusive }: KeyInterval, revision: number, limit: number): Selection {
    invariant(revision >= this.#initialRevision, 'states before the initial one are not known');
    const kvs: KeyValue[] = [];
    let count = 0;
    this.#ever.forEach(start, endExclusive, (key) => {
      const kv = this.at(key, revision);
      if (kv === undefined) return true;
      count++;
      if (limit === 0 || kvs.length < limit) kvs.push(kv);
      return true;
    });
    return { kvs, count };
  }
}

interface LeaseModel {
  readonly ttlSeconds: number;
  readonly keys: Set<string>;
}

/** The key-value of a delete: nothing but its key and revision. */
export function tombstone(key: string, revision: number): KeyValue {
  return { key, value: '', createRevision: 0, modRevision: revision, version: 0, lease: 0n };
}
