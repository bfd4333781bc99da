import { toHex, toLatin1, type BackendRow } from '@quorate/std';
import { DamagedRowError } from './errors.ts';
import {
  KeyValueFields,
  startsWithKey,
  storedSize,
  tombstoneSize,
  writeTombstone,
} from './key-value-bytes.ts';
import { decodeRevisionKey, encodeRevisionKey, type RevisionKey } from './revision-key.ts';
import { defaultTuning, type MvccTuning } from './revision-log.ts';
import { checkRow, RowBuilder, RowReader } from './row.ts';

/** How large packed rows get. */
export type RowLimits = Pick<MvccTuning, 'rowRevisionsMax' | 'rowBytesMax'>;

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
  readonly #limits: RowLimits;
  readonly #builder = new RowBuilder();
  readonly #fields = new KeyValueFields();
  /** The revision added last; none comes before the first transaction. */
  #lastMain = 0;
  #lastSub = Infinity;

  constructor(limits: RowLimits = defaultTuning) {
    this.#limits = limits;
  }

  /**
   * Adds the next revision; returns a row when one is full.
   *
   * @throws DamagedRowError when it does not come after the one before, or etcd would not have written it
   */
  add([etcdKey, value]: BackendRow): BackendRow | undefined {
    const { main, sub, tombstone } = this.#nextRevision(etcdKey);
    const bytes = tombstone
      ? this.#checkTombstone(etcdKey, value, main)
      : this.#checkPut(etcdKey, value, main);
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
    const { rowRevisionsMax, rowBytesMax } = this.#limits;
    const { count, valueBytes } = this.#builder;
    return count === 0 || (count < rowRevisionsMax && valueBytes + size <= rowBytesMax);
  }

  #nextRevision(etcdKey: Uint8Array): RevisionKey {
    const revision = decodedKey(etcdKey);
    const { main, sub } = revision;
    const ascends = main > this.#lastMain || (main === this.#lastMain && sub > this.#lastSub);
    if (!ascends) throw damaged(etcdKey, 'it does not come after the row before it');
    this.#lastMain = main;
    this.#lastSub = sub;
    return revision;
  }

  #checkPut(etcdKey: Uint8Array, value: Uint8Array, main: number): Uint8Array {
    // A restore that raises revisions leaves a row without a KeyValue; see `isRevisionMark`.
    if (value.length === 0) return value;
    const { modRevision } = this.#readFields(etcdKey, value);
    if (modRevision !== main) throw damaged(etcdKey, `its KeyValue is of revision ${modRevision}`);
    return value;
  }

  /** etcd keeps of a tombstone only the key; ours has the revision as well. */
  #checkTombstone(etcdKey: Uint8Array, value: Uint8Array, main: number): Uint8Array {
    const { keyStart, keyEnd } = this.#readFields(etcdKey, value);
    const bytes = new Uint8Array(tombstoneSize(keyEnd - keyStart, main));
    writeTombstone(toLatin1(value, keyStart, keyEnd), main, bytes, 0);
    if (storedSize(bytes.length, true, main) !== value.length) {
      throw damaged(etcdKey, 'a tombstone holds only its key');
    }
    return bytes;
  }

  /** What comes from elsewhere is read here once, so that a store that opens on it meets no surprise. */
  #readFields(etcdKey: Uint8Array, value: Uint8Array): KeyValueFields {
    try {
      this.#fields.read(value, 0, value.length);
    } catch (error) {
      throw damaged(etcdKey, 'it holds no KeyValue', error);
    }
    if (!startsWithKey(value)) throw damaged(etcdKey, 'its KeyValue does not start with a key');
    return this.#fields;
  }
}

function decodedKey(etcdKey: Uint8Array): RevisionKey {
  try {
    return decodeRevisionKey(etcdKey);
  } catch (error) {
    throw damaged(etcdKey, 'its key is no revision', error);
  }
}

function damaged(etcdKey: Uint8Array, reason: string, cause?: unknown): DamagedRowError {
  return new DamagedRowError(toHex(etcdKey), reason, { cause });
}
