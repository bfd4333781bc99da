import { invariant, type BackendReader, type BackendRow } from '@quorate/std';
import { finishedCompactKey, readRevision, scheduledCompactKey } from './compaction.ts';
import { HeadGathering } from './head-gathering.ts';
import type { KeyIndex } from './key-index.ts';
import { isRevisionMark, KeyValueFields, keyOf } from './key-value-bytes.ts';
import type { RevisionLog } from './revision-log.ts';
import { decodeRevisionKey } from './revision-key.ts';
import { checkRow, RowReader } from './row.ts';
import type { Key, LeaseAttachments } from './types.ts';

/** What the rows of a backend say about the revisions. */
export interface Restored {
  /** The newest revision in a row, 0 when there is none. */
  readonly lastRevision: number;
  /** The newest compaction that was finished, -1 for none. */
  readonly finished: number;
  /** The newest compaction that was asked for, -1 for none. */
  readonly scheduled: number;
}

/** Fills an empty index and log from the backend, and attaches the keys that live to their leases. */
export async function restore(
  backend: BackendReader,
  index: KeyIndex,
  log: RevisionLog,
  options: { leases: LeaseAttachments | undefined; onAdd: (version: number) => void },
): Promise<Restored> {
  const loader = new RowLoader(index, log, options.onAdd);
  for await (const rows of backend.scan('key')) for (const row of rows) loader.load(row);
  loader.heads.finish();
  for (const [key, lease] of loader.leases) options.leases?.attach(lease, key);
  return {
    lastRevision: loader.lastRevision,
    finished: readRevision(backend, finishedCompactKey),
    scheduled: readRevision(backend, scheduledCompactKey),
  };
}

class RowLoader {
  /** Leases of the keys that live as of the last row loaded. */
  readonly leases = new Map<Key, bigint>();
  /** The newest version of each key; they are in the tree once this is finished. */
  readonly heads: HeadGathering;
  lastRevision = 0;
  readonly #index: KeyIndex;
  readonly #log: RevisionLog;
  readonly #onAdd: (version: number) => void;
  readonly #reader = new RowReader();
  readonly #fields = new KeyValueFields();

  constructor(index: KeyIndex, log: RevisionLog, onAdd: (version: number) => void) {
    this.heads = new HeadGathering(index.tree);
    this.#index = index;
    this.#log = log;
    this.#onAdd = onAdd;
  }

  load([rowKey, bytes]: BackendRow): void {
    const { main, sub } = decodeRevisionKey(rowKey);
    checkRow(main, sub, bytes);
    this.#log.rows.directory.append(main, sub);
    const reader = this.#reader;
    reader.open(main, bytes);
    const values = bytes.subarray(reader.valuesOffset);
    this.#log.slabs.fill(values);
    while (reader.next()) this.#enter(reader, bytes.length - reader.offset);
    this.#log.slabs.tidy();
  }

  #enter(reader: RowReader, offsetFromEnd: number): void {
    const { versions } = this.#index;
    const key = isRevisionMark(reader.size) ? '' : keyOf(reader.bytes, reader.offset);
    const head = this.heads.head(key);
    const older = Math.abs(head);
    const version = versions.add(reader.main, reader.sub, reader.tombstone, older);
    versions.markDrained(version);
    this.#log.slabs.takeWithin(version, offsetFromEnd, reader.size);
    if (older !== 0) {
      versions.markSuperseded(older);
      if (head > 0) this.#log.slabs.release(older);
    }
    this.heads.setHead(key, reader.tombstone ? -version : version);
    this.#noteLease(key, reader);
    invariant(reader.main >= this.lastRevision, 'rows hold revisions in order');
    this.lastRevision = reader.main;
    this.#onAdd(version);
  }

  #noteLease(key: Key, reader: RowReader): void {
    const fields = this.#fields;
    fields.read(reader.bytes, reader.offset, reader.offset + reader.size);
    if (fields.hasLease) this.leases.set(key, fields.lease());
    else if (this.leases.size > 0) this.leases.delete(key);
  }
}
