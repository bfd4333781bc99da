import { invariant, type BackendRow } from '@quorate/std';
import { storedSize, tombstoneSize, writeTombstone, keyOf } from './key-value-bytes.ts';
import { decodeRevisionKey, encodeRevisionKey } from './revision-key.ts';
import { defaultTuning } from './revision-log.ts';
import { checkRow, RowBuilder, RowReader } from './row.ts';

/**
 * The rows that etcd's own bucket `key` would have for one of ours, one for each revision, in order: for
 * snapshots and databases in etcd's format. Values are views of the row.
 *
 * @throws DamagedRowError
 */
export function toEtcdRows([rowKey, bytes]: BackendRow): BackendRow[] {
  const { main, sub } = decodeRevisionKey(rowKey);
  const reader = new RowReader();
  reader.open(main, checkRow(main, sub, bytes));
  const rows: BackendRow[] = [];
  while (reader.next()) {
    const end = reader.offset + storedSize(reader.size, reader.tombstone, reader.main);
    const key = encodeRevisionKey(reader.main, reader.sub, reader.tombstone);
    rows.push([key, bytes.subarray(reader.offset, end)]);
  }
  return rows;
}

/**
 * Packs rows of etcd's bucket `key`, given in order, into ours: for a member that starts from a snapshot or
 * database in etcd's format. The rows it hands out share no memory with what it was given.
 */
export class EtcdRowPacker {
  readonly #builder = new RowBuilder();

  /** Adds the next revision; returns a row when one is full. @throws InvariantError, RangeError for no such row */
  add([etcdKey, value]: BackendRow): BackendRow | undefined {
    const { main, sub, tombstone } = decodeRevisionKey(etcdKey);
    const bytes = tombstone ? withRevision(value, main) : value;
    const full = this.#fits(bytes.length) ? undefined : this.finish();
    if (this.#builder.count === 0) this.#builder.start(main, sub);
    this.#builder.add(main, sub, tombstone, bytes, 0, bytes.length);
    return full;
  }

  /** The last row; undefined when there is nothing left. */
  finish(): BackendRow | undefined {
    const builder = this.#builder;
    if (builder.count === 0) return undefined;
    const row: BackendRow = [encodeRevisionKey(builder.rowMain, builder.rowSub), builder.finish()];
    builder.count = 0;
    return row;
  }

  #fits(size: number): boolean {
    const { rowRevisionsMax, rowBytesMax } = defaultTuning;
    const { count, valueBytes } = this.#builder;
    return count === 0 || (count < rowRevisionsMax && valueBytes + size <= rowBytesMax);
  }
}

/** etcd keeps of a tombstone only the key; ours has the revision as well. */
function withRevision(value: Uint8Array, main: number): Uint8Array {
  const key = keyOf(value, 0);
  const bytes = new Uint8Array(tombstoneSize(key.length, main));
  writeTombstone(key, main, bytes, 0);
  invariant(storedSize(bytes.length, true, main) === value.length, 'a tombstone of etcd holds only its key');
  return bytes;
}
