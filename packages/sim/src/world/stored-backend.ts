import { copyBytes, toLatin1, type Bucket, type BucketChange, type ScanRange } from '@quorate/std';
import type { Chance } from './chance.ts';

/** Sorted rows of buckets in memory. Values are never written to, so copies share them. */
export class StoredRows {
  readonly #buckets = new Map<Bucket, Map<string, Uint8Array>>();

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    const value = this.#buckets.get(bucket)?.get(toLatin1(key));
    return value && copyBytes(value);
  }

  apply(changes: readonly BucketChange[]): void {
    for (const { bucket, key, value } of changes) {
      let rows = this.#buckets.get(bucket);
      if (rows === undefined) this.#buckets.set(bucket, (rows = new Map<string, Uint8Array>()));
      if (value === undefined) rows.delete(toLatin1(key));
      else rows.set(toLatin1(key), value);
    }
  }

  /** In the order of keys; the values are not the caller's to write to. */
  range(bucket: Bucket, { start, endExclusive }: ScanRange): [key: string, value: Uint8Array][] {
    const first = start && toLatin1(start);
    const end = endExclusive && toLatin1(endExclusive);
    const rows: [string, Uint8Array][] = [];
    for (const row of this.#buckets.get(bucket) ?? []) {
      if ((first === undefined || row[0] >= first) && (end === undefined || row[0] < end)) rows.push(row);
    }
    return rows.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Of all buckets; the values are not the caller's to write to. */
  *all(): Iterable<{ readonly bucket: Bucket; readonly key: string; readonly value: Uint8Array }> {
    for (const [bucket, rows] of this.#buckets) {
      for (const [key, value] of rows) yield { bucket, key, value };
    }
  }

  copy(): StoredRows {
    const copy = new StoredRows();
    for (const [bucket, rows] of this.#buckets) copy.#buckets.set(bucket, new Map(rows));
    return copy;
  }

  sizeBytes(): number {
    let size = 0;
    for (const rows of this.#buckets.values()) {
      for (const [key, value] of rows) size += key.length + value.length;
    }
    return size;
  }
}

/** `filling` -> `sealed` -> `installed`, and from both of the first to `discarded`. */
type StageState = 'filling' | 'sealed' | 'installed' | 'discarded';

/** A second set of rows beside the present one. */
export class StoredStage {
  readonly rows: StoredRows;
  state: StageState = 'filling';

  constructor(rows = new StoredRows()) {
    this.rows = rows;
  }
}

/**
 * The store of a machine: what a process sees, what is durable, and the batches between the two. It outlives
 * processes; `losePower` says what it is after the power was gone.
 */
export class StoredBackend {
  #live = new StoredRows();
  #durable = new StoredRows();
  #unsynced: (readonly BucketChange[])[] = [];
  #stage: StoredStage | undefined;

  get live(): StoredRows {
    return this.#live;
  }

  get sealed(): StoredStage | undefined {
    return this.#stage?.state === 'sealed' ? this.#stage : undefined;
  }

  write(batch: readonly BucketChange[], { sync }: { readonly sync: boolean }): void {
    this.#live.apply(batch);
    this.#unsynced.push(batch);
    if (sync) this.#makeDurable(this.#unsynced.length);
  }

  /** Begins a stage; the one before is thrown away. */
  beginStage(): StoredStage {
    this.discard(this.#stage);
    return (this.#stage = new StoredStage());
  }

  /** A sealed stage takes the place of the rows, durably. */
  install(stage: StoredStage): void {
    stage.state = 'installed';
    this.#stage = undefined;
    this.#live = stage.rows;
    this.#durable = stage.rows.copy();
    this.#unsynced = [];
  }

  discard(stage: StoredStage | undefined): void {
    if (stage === undefined || stage !== this.#stage) return;
    stage.state = 'discarded';
    this.#stage = undefined;
  }

  /** The process went, the machine did not: what was begun and not sealed is of no use. */
  loseProcess(): void {
    if (this.#stage?.state === 'filling') this.discard(this.#stage);
  }

  /** A second store that is as this one would be after a crash of the process. */
  copy(): StoredBackend {
    const copy = new StoredBackend();
    copy.#live = this.#live.copy();
    copy.#durable = this.#durable.copy();
    copy.#unsynced = [...this.#unsynced];
    if (this.sealed !== undefined) {
      copy.#stage = new StoredStage(this.sealed.rows.copy());
      copy.#stage.state = 'sealed';
    }
    return copy;
  }

  /** Of the batches that were not synced, the first few survive. */
  losePower(chance: Chance): void {
    this.loseProcess();
    this.#makeDurable(chance.below(this.#unsynced.length + 1));
    this.#unsynced = [];
    this.#live = this.#durable.copy();
  }

  #makeDurable(count: number): void {
    for (const batch of this.#unsynced.splice(0, count)) this.#durable.apply(batch);
  }
}
