import { invariant } from '@quorate/std';
import type { InitialState, KeyValue } from '../../history/types.ts';
import type { KeyInterval } from '../model/key-interval.ts';
import type { ModelState, Selection, SelectOptions } from '../model/model-state.ts';
import { tombstone } from '../model/store-model.ts';

/** What `rewind` goes back to. */
export interface Mark {
  readonly journal: number;
  readonly revision: number;
  readonly history: number;
  readonly compactedRevision: number;
  readonly leases: ReadonlySet<bigint>;
  readonly meta: number;
}

/**
 * A store that can take steps back, for searches.
 *
 * States have numbers: the sequence of all changes so far is interned (`history`: the number of the sequence before,
 * and the change), and so are leases and compacted revision (`meta`). Two states are the same exactly when both
 * numbers are, whatever way led to them, so that a search need never compare states.
 */
export class UndoModel implements ModelState {
  /** All keys that any request may put, sorted. */
  readonly #keys: readonly string[];
  readonly #versions = new Map<string, KeyValue[]>();
  /** Keys with a version to pop, oldest first. */
  readonly #journal: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #initialRevision: number;
  #underWay: KeyValue[] = [];
  #revision: number;
  #history = 0;
  #compactedRevision: number;
  /** Replaced, never changed, so that a mark can hold it. */
  #leases: ReadonlySet<bigint>;
  #meta = 0;

  constructor(initial: InitialState, keys: Iterable<string>) {
    this.#keys = [...new Set([...keys, ...initial.kvs.map(({ key }) => key)])].sort();
    for (const key of this.#keys) this.#versions.set(key, []);
    for (const kv of initial.kvs) this.#versions.get(kv.key)!.push(kv);
    this.#initialRevision = initial.revision;
    this.#revision = initial.revision;
    this.#compactedRevision = initial.compactedRevision;
    this.#leases = new Set(initial.leases.map(({ id }) => id));
  }

  get revision(): number {
    return this.#revision;
  }

  get initialRevision(): number {
    return this.#initialRevision;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** Number of the sequence of changes so far. */
  get history(): number {
    return this.#history;
  }

  /** Number of the leases and the compacted revision. */
  get meta(): number {
    return this.#meta;
  }

  mark(): Mark {
    return {
      journal: this.#journal.length,
      revision: this.#revision,
      history: this.#history,
      compactedRevision: this.#compactedRevision,
      leases: this.#leases,
      meta: this.#meta,
    };
  }

  /** Goes back to an earlier state. Marks taken after it are void. */
  rewind(mark: Mark): void {
    while (this.#journal.length > mark.journal) this.#versions.get(this.#journal.pop()!)!.pop();
    this.#underWay = [];
    this.#revision = mark.revision;
    this.#history = mark.history;
    this.#compactedRevision = mark.compactedRevision;
    this.#leases = mark.leases;
    this.#meta = mark.meta;
  }

  latest(key: string): KeyValue | undefined {
    const last = this.#versions.get(key)?.at(-1);
    return last === undefined || last.version === 0 ? undefined : last;
  }

  select({ interval, revision, limit }: SelectOptions): Selection {
    const kvs: KeyValue[] = [];
    let count = 0;
    this.#forEachKey(interval, (key) => {
      const kv = revision === 0 ? this.latest(key) : this.#at(key, revision);
      if (kv === undefined) return;
      count++;
      if (limit === 0 || kvs.length < limit) kvs.push(kv);
    });
    return { kvs, count };
  }

  hasLease(id: bigint): boolean {
    return this.#leases.has(id);
  }

  keysOfLease(id: bigint): readonly string[] {
    return this.#keys.filter((key) => this.latest(key)?.lease === id);
  }

  put(kv: KeyValue): void {
    this.#push(kv);
  }

  delete(key: string): void {
    this.#push(tombstone(key, this.#revision + 1));
  }

  commit(): void {
    if (this.#underWay.length === 0) return;
    const changes = this.#underWay.map(textOfVersion).join(' ');
    this.#history = this.#numberOf(`${this.#history} ${changes}`);
    this.#underWay = [];
    this.#revision++;
  }

  compact(revision: number): void {
    this.#compactedRevision = revision;
    this.#renumberMeta();
  }

  grant(id: bigint): void {
    this.#leases = new Set([...this.#leases, id]);
    this.#renumberMeta();
  }

  dropLease(id: bigint): void {
    this.#leases = new Set([...this.#leases].filter((lease) => lease !== id));
    this.#renumberMeta();
  }

  #push(kv: KeyValue): void {
    const versions = this.#versions.get(kv.key);
    invariant(versions !== undefined, 'a search knows all keys from the start');
    versions.push(kv);
    this.#journal.push(kv.key);
    this.#underWay.push(kv);
  }

  #at(key: string, revision: number): KeyValue | undefined {
    const version = this.#versions.get(key)!.findLast(({ modRevision }) => modRevision <= revision);
    return version === undefined || version.version === 0 ? undefined : version;
  }

  #forEachKey({ start, endExclusive }: KeyInterval, visit: (key: string) => void): void {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < start) low = middle + 1;
      else high = middle;
    }
    for (; low < this.#keys.length && this.#keys[low]! < endExclusive; low++) visit(this.#keys[low]!);
  }

  #renumberMeta(): void {
    this.#meta = this.#numberOf(`meta ${this.#compactedRevision} ${[...this.#leases].sort().join(' ')}`);
  }

  #numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(text, number);
    return number;
  }
}

/** Create revision and version follow from the changes before. */
function textOfVersion({ key, value, version, lease }: KeyValue): string {
  return version === 0 ? JSON.stringify([key]) : JSON.stringify([key, value, String(lease)]);
}
