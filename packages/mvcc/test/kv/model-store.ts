import { fromLatin1, toLatin1 } from '@quorate/std';
import { encodeKeyValue, type EventType, type KeyValue } from '@quorate/wire';
import { CompactedError, FutureRevisionError } from '../../src/errors.ts';
import type {
  Change,
  Key,
  KeyRange,
  RangeOptions,
  RangeResult,
  ReadView,
  WriteTxn,
} from '../../src/types.ts';

/** The live keys at one revision. */
export type Snapshot = ReadonlyMap<Key, KeyValue>;

/**
 * A store that is slow and obviously right: it keeps a whole copy of all keys for every revision.
 */
export class ModelStore implements ReadView {
  /** `snapshots[r]` is the state at revision `r`; a fresh store is at revision 1. */
  readonly snapshots: Snapshot[] = [new Map(), new Map()];
  compactedRevision = -1;

  get currentRevision(): number {
    return this.snapshots.length - 1;
  }

  get newest(): Snapshot {
    return this.snapshots.at(-1)!;
  }

  range(range: KeyRange, options?: RangeOptions): RangeResult {
    return readRange(this.#at(options?.revision ?? 0, this.currentRevision), range, options);
  }

  latest(key: Key): Uint8Array | undefined {
    const kv = this.newest.get(key);
    return kv === undefined ? undefined : encodeKeyValue(kv);
  }

  begin(): WriteTxn {
    return new ModelTxn(this);
  }

  /** What a transaction reads at a revision of the past, or its own state for the newest. */
  read(own: Snapshot, ownRevision: number, range: KeyRange, options?: RangeOptions): RangeResult {
    const revision = options?.revision ?? 0;
    if (revision <= 0 || revision === ownRevision) return readRange(own, range, options);
    return readRange(this.#at(revision, ownRevision), range, options);
  }

  #at(revision: number, current: number): Snapshot {
    if (revision > current) throw new FutureRevisionError(revision, current);
    if (revision <= 0) return this.newest;
    if (revision < this.compactedRevision) throw new CompactedError(revision, this.compactedRevision);
    return this.snapshots[revision]!;
  }
}

class ModelTxn implements WriteTxn {
  readonly #store: ModelStore;
  readonly #state: Map<Key, KeyValue>;
  readonly #changes: Change[] = [];

  constructor(store: ModelStore) {
    this.#store = store;
    this.#state = new Map(store.newest);
  }

  get currentRevision(): number {
    return this.#store.currentRevision + (this.#changes.length > 0 ? 1 : 0);
  }

  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  range(range: KeyRange, options?: RangeOptions): RangeResult {
    return this.#store.read(this.#state, this.currentRevision, range, options);
  }

  latest(key: Key): Uint8Array | undefined {
    const kv = this.#state.get(key);
    return kv === undefined ? undefined : encodeKeyValue(kv);
  }

  put(key: Uint8Array, value: Uint8Array, lease: bigint): Uint8Array | undefined {
    const name = toLatin1(key);
    const old = this.#state.get(name);
    const revision = this.#store.currentRevision + 1;
    const kv: KeyValue = {
      key,
      createRevision: old?.createRevision ?? revision,
      modRevision: revision,
      version: (old?.version ?? 0) + 1,
      value,
      lease,
    };
    this.#state.set(name, kv);
    return this.#record(0, name, kv, old);
  }

  deleteRange(range: KeyRange): readonly Uint8Array[] {
    const revision = this.#store.currentRevision + 1;
    return keysIn(this.#state, range).map((name) => {
      const old = this.#state.get(name)!;
      this.#state.delete(name);
      const tombstone: KeyValue = {
        key: fromLatin1(name),
        createRevision: 0,
        modRevision: revision,
        version: 0,
        value: new Uint8Array(0),
        lease: 0n,
      };
      return this.#record(1, name, tombstone, old)!;
    });
  }

  end(): { revision: number; changes: readonly Change[] } {
    if (this.#changes.length > 0) this.#store.snapshots.push(this.#state);
    return { revision: this.#store.currentRevision, changes: this.#changes };
  }

  #record(type: EventType, key: Key, kv: KeyValue, old: KeyValue | undefined): Uint8Array | undefined {
    const prev = old === undefined ? undefined : encodeKeyValue(old);
    this.#changes.push({ type, key, kv: encodeKeyValue(kv), prev });
    return prev;
  }
}

/** The keys of a snapshot in a range, ascending. */
export function keysIn(snapshot: Snapshot, range: KeyRange): Key[] {
  return [...snapshot.keys()].filter((key) => key >= range.start && key < range.endExclusive).sort();
}

function readRange(snapshot: Snapshot, range: KeyRange, options: RangeOptions | undefined): RangeResult {
  const keys = keysIn(snapshot, range);
  const limit = options?.limit ?? 0;
  const read = options?.countOnly ? [] : limit > 0 ? keys.slice(0, limit) : keys;
  return { kvs: read.map((key) => encodeKeyValue(snapshot.get(key)!)), count: keys.length };
}
