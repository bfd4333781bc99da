import { copyBytes, type BackendReader, type BucketChanges } from '@quorate/std';
import { encodeRevisionKey } from './revision-key.ts';
import { RowDirectory } from './row-directory.ts';
import { RowMemory } from './row-memory.ts';
import { checkRow, RowReader, type RowBuilder } from './row.ts';
import { DamagedRowError } from './errors.ts';

/** Bytes of rows read from the backend that are kept, since neighbours are often asked for next; the last one is in any case. */
const cachedBytesMax = 1024 * 1024;
/**
 * What it costs to find a revision in a row, and to get a row from the backend, in keys that could be read meanwhile: the
 * latter at all, and one more for so many bytes.
 */
const findWork = 8;
const loadWork = 32;
const bytesPerWork = 1024;

/** How a row is known in maps: its main revision, or a text when it starts within one. */
type RowName = number | string;

function nameOf(main: number, sub: number): RowName {
  return sub === 0 ? main : `${main}/${sub}`;
}

/** A row that was got from the backend. */
export interface GotRow {
  readonly main: number;
  readonly bytes: Uint8Array;
}

/** A row whose bytes the backend may not have yet. */
interface UnflushedRow {
  /** Written over once the row is stored: whoever reads gets a copy. */
  readonly bytes: Uint8Array;
  /** The row is stored once this batch is. */
  readonly token: number;
}

/**
 * The rows of bucket `key`: those stored, and in memory those written to a batch that is not stored yet.
 */
export class Rows {
  readonly directory = new RowDirectory();
  /** What reading has cost since the start. */
  work = 0;
  /** How many rows were got from the backend, and the last one. */
  gotCount = 0;
  got: GotRow = { main: 0, bytes: new Uint8Array(0) };
  readonly #backend: BackendReader;
  readonly #unflushed = new Map<RowName, UnflushedRow>();
  readonly #memory = new RowMemory();
  /** Least recently read first. */
  readonly #cache = new Map<RowName, Uint8Array>();
  #cachedBytes = 0;
  readonly #found = new RowReader();

  constructor(backend: BackendReader) {
    this.#backend = backend;
  }

  /** How many rows wait for their batch to be stored. */
  get unflushedCount(): number {
    return this.#unflushed.size;
  }

  /** Writes a new last row to `changes`, and keeps it until batch `token` is stored. */
  append(row: RowBuilder, token: number, changes: BucketChanges): void {
    this.directory.append(row.rowMain, row.rowSub);
    this.replace(row, token, changes);
  }

  /** Writes new content of an existing row. */
  replace(row: RowBuilder, token: number, changes: BucketChanges): void {
    const bytes = row.finish(this.#memory.take(row.size, token));
    const name = nameOf(row.rowMain, row.rowSub);
    this.#forget(name);
    this.#unflushed.set(name, { bytes, token });
    changes.put('key', encodeRevisionKey(row.rowMain, row.rowSub), bytes);
  }

  /** Deletes a row. */
  remove(place: number, changes: BucketChanges): void {
    const main = this.directory.main(place);
    const sub = this.directory.sub(place);
    this.directory.remove(place);
    this.#forget(nameOf(main, sub));
    this.#unflushed.delete(nameOf(main, sub));
    changes.delete('key', encodeRevisionKey(main, sub));
  }

  /** Batches up to `token` are stored, and what `changes` were given for them is not read any more. */
  markFlushed(token: number): void {
    for (const [name, row] of this.#unflushed) if (row.token <= token) this.#unflushed.delete(name);
    this.#memory.release(token);
  }

  /** The bytes of the row at a place of the directory. @throws DamagedRowError */
  load(place: number): Uint8Array {
    const main = this.directory.main(place);
    const sub = this.directory.sub(place);
    const name = nameOf(main, sub);
    const unflushed = this.#unflushed.get(name);
    if (unflushed !== undefined) return copyBytes(unflushed.bytes);
    const cached = this.#cache.get(name);
    if (cached !== undefined) return cached;
    const bytes = checkRow(main, sub, this.#backend.get('key', encodeRevisionKey(main, sub)));
    this.work += loadWork + Math.floor(bytes.length / bytesPerWork);
    this.gotCount++;
    this.got = { main, bytes };
    return bytes;
  }

  /** A view of the KeyValue of a revision that is in a row. @throws DamagedRowError */
  find(main: number, sub: number): Uint8Array {
    this.work += findWork;
    const place = this.directory.placeOf(main, sub);
    if (place >= 0) {
      const bytes = this.load(place);
      this.#remember(nameOf(this.directory.main(place), this.directory.sub(place)), bytes);
      const reader = this.#found;
      // Values that were written one after the other are mostly read so: the search goes on where the last one ended.
      if (reader.bytes !== bytes || !reader.isBefore(main, sub))
        reader.open(this.directory.main(place), bytes);
      while (reader.next()) {
        if (reader.main === main && reader.sub === sub) {
          return bytes.subarray(reader.offset, reader.offset + reader.size);
        }
      }
    }
    throw new DamagedRowError(`of revision ${main}/${sub}`, 'it does not hold the revision');
  }

  #remember(name: RowName, bytes: Uint8Array): void {
    if (this.#unflushed.has(name)) return;
    this.#forget(name);
    this.#cache.set(name, bytes);
    this.#cachedBytes += bytes.length;
    if (this.#cachedBytes <= cachedBytesMax) return;
    for (const oldest of this.#cache.keys()) {
      if (oldest === name) return;
      this.#forget(oldest);
      if (this.#cachedBytes <= cachedBytesMax) return;
    }
  }

  #forget(name: RowName): void {
    const bytes = this.#cache.get(name);
    if (bytes === undefined) return;
    this.#cache.delete(name);
    this.#cachedBytes -= bytes.length;
  }
}
