import { fromLatin1, type BackendReader, type BucketChanges } from '@quorate/std';
import type { KeyIndex } from './key-index.ts';
import { KeyValuesHash, type RevisionHash } from './key-values-hash.ts';
import { rowCostBytes, type RevisionLog } from './revision-log.ts';
import { RevisionSet } from './revision-set.ts';
import { RowBuilder, RowReader } from './row.ts';
import { decodeRevisionKey, encodeRevisionKey } from './revision-key.ts';
import type { Key } from './types.ts';

/** Where bucket `meta` says up to which revision a compaction was asked for. Shared: nobody writes to it. */
export const scheduledCompactKey = fromLatin1('scheduledCompactRev');
/** Where bucket `meta` says up to which revision compactions have been done. Shared: nobody writes to it. */
export const finishedCompactKey = fromLatin1('finishedCompactRev');

/** What one of these keys says, -1 when it says nothing. */
export function readRevision(backend: BackendReader, metaKey: Uint8Array): number {
  const stored = backend.get('meta', metaKey);
  return stored === undefined ? -1 : decodeRevisionKey(stored).main;
}

export interface CompactionOptions {
  /** All versions that a newer one at or below this revision supersedes go. */
  readonly revision: number;
  /** The compaction before; undefined for a resumed one, whose hash cannot be known. */
  readonly previous: number | undefined;
  /** Told of every version that goes, while it is still in the table. */
  readonly onDrop: (version: number) => void;
}

/**
 * One compaction, in slices: first the index is cut back, key by key, and says which revisions go; then the
 * rows are walked, hashed, and written again without those. Small neighbouring rows are joined on the way.
 */
export class Compaction {
  readonly revision: number;
  /** The revisions that the index has dropped; rows not walked yet still hold them. */
  readonly dropped = new RevisionSet();
  readonly #options: CompactionOptions;
  readonly #index: KeyIndex;
  readonly #log: RevisionLog;
  readonly #hash: KeyValuesHash | undefined;
  #phase: 'index' | 'rows' | 'done' = 'index';
  #nextKey: Key | undefined;
  #anyKept = false;
  #nextPlace = 0;
  readonly #reader = new RowReader();
  readonly #pending: PendingRow;

  constructor(index: KeyIndex, log: RevisionLog, options: CompactionOptions) {
    this.revision = options.revision;
    this.#options = options;
    this.#index = index;
    this.#log = log;
    this.#hash = options.previous === undefined ? undefined : new KeyValuesHash();
    this.#pending = new PendingRow(log);
  }

  /** The hash of what the compaction saw; undefined for a resumed one. */
  get result(): RevisionHash | undefined {
    if (this.#hash === undefined || this.#phase !== 'done') return undefined;
    const compactRevision = this.#options.previous ?? -1;
    return { hash: this.#hash.value, compactRevision, hashRevision: this.revision };
  }

  /** Works for a slice; true when work remains. */
  slice(changes: BucketChanges): boolean {
    if (this.#phase === 'index') this.#sliceIndex();
    else if (this.#phase === 'rows') this.#sliceRows(changes);
    return this.#phase !== 'done';
  }

  #sliceIndex(): void {
    const emptied: Key[] = [];
    const drop = (version: number): void => this.#drop(version);
    const { sliceKeys } = this.#log.tuning;
    this.#nextKey = this.#index.walk(this.#nextKey, sliceKeys, (head, key) => {
      // Most keys have one version, a put: nothing to do but to note that something stays.
      if (head > 0 && this.#anyKept && this.#index.versions.older(head) === 0) return;
      const { kept, empty } = this.#index.compact(head, this.revision, drop);
      if (kept) this.#anyKept = true;
      if (empty) emptied.push(key);
    });
    for (const key of emptied) this.#index.tree.remove(key);
    if (this.#nextKey === undefined) this.#phase = 'rows';
  }

  #drop(version: number): void {
    const { versions } = this.#index;
    this.dropped.add(versions.main(version), versions.sub(version));
    this.#options.onDrop(version);
  }

  #sliceRows(changes: BucketChanges): void {
    const { rows, tuning } = this.#log;
    const { directory } = rows;
    for (let read = 0; read < tuning.sliceBytes; this.#nextPlace++) {
      if (this.#nextPlace >= directory.count || directory.main(this.#nextPlace) > this.revision) {
        this.#pending.close(changes);
        this.#finish(changes);
        return;
      }
      const bytes = rows.load(this.#nextPlace);
      read += bytes.length + rowCostBytes;
      this.#cleanRow(this.#nextPlace, bytes, changes);
    }
    this.#pending.close(changes);
  }

  #cleanRow(place: number, bytes: Uint8Array, changes: BucketChanges): void {
    const reader = this.#reader;
    let kept = 0;
    let total = 0;
    let keptBytes = 0;
    reader.open(this.#log.rows.directory.main(place), bytes);
    while (reader.next()) {
      total++;
      if (reader.main <= this.revision) {
        const drops = this.dropped.has(reader.main, reader.sub);
        this.#addToHash(drops);
        if (drops) continue;
      }
      kept++;
      keptBytes += reader.size;
    }
    if (kept === 0) {
      this.#log.rows.remove(place, changes);
      return;
    }
    const row = { place, bytes, kept, keptBytes, changed: kept < total };
    this.#pending.take(row, reader, this.dropped, this.revision, changes);
  }

  #addToHash(drops: boolean): void {
    const { previous } = this.#options;
    if (this.#hash === undefined || previous === undefined) return;
    const { main, tombstone } = this.#reader;
    // As etcd: below the previous compaction only what stays counts, unless nothing stays at all.
    if (main <= previous && drops && this.#anyKept) return;
    if (tombstone && main === previous) return;
    this.#hash.add(this.#reader);
  }

  #finish(changes: BucketChanges): void {
    changes.put('meta', finishedCompactKey, encodeRevisionKey(this.revision, 0));
    this.#log.rows.directory.purge();
    this.#phase = 'done';
  }
}

/** A row that was walked. */
interface WalkedRow {
  readonly place: number;
  readonly bytes: Uint8Array;
  readonly kept: number;
  readonly keptBytes: number;
  /** Whether it holds revisions that go. */
  readonly changed: boolean;
}

/**
 * The row being gathered: what stays of one row, and of the small ones behind it. It keeps the key of the first,
 * even when that revision goes, so that whoever reads the backend meanwhile finds the same places.
 */
class PendingRow {
  readonly #log: RevisionLog;
  readonly #builder = new RowBuilder();
  /** Whether what was gathered differs from the row as it is stored. */
  #changed = false;

  constructor(log: RevisionLog) {
    this.#log = log;
  }

  take(
    row: WalkedRow,
    reader: RowReader,
    dropped: RevisionSet,
    revision: number,
    changes: BucketChanges,
  ): void {
    const { rows } = this.#log;
    const main = rows.directory.main(row.place);
    if (this.#builder.count > 0 && this.#joins(row)) {
      rows.remove(row.place, changes);
      this.#changed = true;
    } else {
      this.close(changes);
      this.#builder.start(main, rows.directory.sub(row.place));
      this.#changed = row.changed;
    }
    reader.open(main, row.bytes);
    while (reader.next()) {
      if (reader.main <= revision && dropped.has(reader.main, reader.sub)) continue;
      this.#builder.add(reader.main, reader.sub, reader.tombstone, reader.bytes, reader.offset, reader.size);
    }
  }

  /** Writes the row, if it is not stored just so. */
  close(changes: BucketChanges): void {
    if (this.#builder.count > 0 && this.#changed) {
      this.#log.rows.replace(this.#builder, this.#log.nextToken, changes);
    }
    this.#builder.count = 0;
    this.#changed = false;
  }

  /** Rows are joined while they are at most half full together, so that a row is not written again and again. */
  #joins(row: WalkedRow): boolean {
    const { rowRevisionsMax, rowBytesMax } = this.#log.tuning;
    const count = this.#builder.count + row.kept;
    const bytes = this.#builder.valueBytes + row.keptBytes;
    if (this.#changed || row.changed) return count <= rowRevisionsMax && bytes <= rowBytesMax;
    return row.kept * 4 <= rowRevisionsMax && count <= rowRevisionsMax && bytes * 2 <= rowBytesMax;
  }
}
