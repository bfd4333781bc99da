import { crc32c, toHex } from '@quorate/std';
import { DamagedRowError } from './errors.ts';
import { encodeRevisionKey } from './revision-key.ts';
import { VarintReader, varintSize, writeVarint } from './varint.ts';

/**
 * A row of bucket `key`: up to 64 revisions that were drained together.
 *
 *      row key    revision key (17 bytes) of the first revision put into the row
 *
 *      0        1           5
 *      +--------+-----------+---------+-----------+-----------------+-------------------------------+
 *      | format | CRC-32C   | count   | directory | directory       | the encoded KeyValues,        |
 *      | 1      | LE 32     | varint  | size, var | count entries   | one behind the other          |
 *      +--------+-----------+---------+-----------+-----------------+-------------------------------+
 *
 *      entry      varint main - main of the row key,  varint sub * 2 + tombstone,  varint size of the KeyValue
 *
 * The checksum covers the row key and all that follows it. Entries ascend by (main, sub). The KeyValue of a
 * tombstone has key and mod revision, as watchers get it.
 */
const formatOffset = 0;
const checksumOffset = formatOffset + 1;
const countOffset = checksumOffset + 4;
const format = 1;

/** Reads the entries of a row, one after the other. `next` fills the fields. */
export class RowReader {
  main = 0;
  sub = 0;
  tombstone = false;
  /** Where the KeyValue is in the row's bytes. */
  offset = 0;
  size = 0;
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the first KeyValue is. */
  valuesOffset = 0;
  #rowMain = 0;
  #left = 0;
  #next = 0;
  readonly #reader = new VarintReader(this.bytes);

  /** Starts on a row that was checked. */
  open(rowMain: number, bytes: Uint8Array): void {
    this.bytes = this.#reader.bytes = bytes;
    this.#reader.offset = countOffset;
    this.#rowMain = rowMain;
    this.#left = this.#reader.next();
    const directorySize = this.#reader.next();
    this.valuesOffset = this.#next = this.#reader.offset + directorySize;
  }

  /** Entries that `next` has yet to give. */
  get left(): number {
    return this.#left;
  }

  /** Whether the entry that `next` gave last lies before a revision: what holds that may still come. */
  isBefore(main: number, sub: number): boolean {
    return this.main < main || (this.main === main && this.sub < sub);
  }

  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    this.main = this.#rowMain + this.#reader.next();
    const subAndMark = this.#reader.next();
    this.tombstone = subAndMark % 2 === 1;
    this.sub = Math.floor(subAndMark / 2);
    this.size = this.#reader.next();
    this.offset = this.#next;
    this.#next += this.size;
    return true;
  }
}

/** Gathers entries, then writes them down as one row. */
export class RowBuilder {
  count = 0;
  /** Bytes of the KeyValues. */
  valueBytes = 0;
  rowMain = 0;
  rowSub = 0;
  #directory = new Uint8Array(1024);
  #directorySize = 0;
  /** Stretches of source bytes to copy; neighbours in the same source are one. */
  #sources: Uint8Array[] = [];
  #starts: number[] = [];
  #ends: number[] = [];

  /** Starts an empty row with this key. */
  start(main: number, sub: number): void {
    this.rowMain = main;
    this.rowSub = sub;
    this.count = this.valueBytes = this.#directorySize = 0;
    this.#sources = [];
    this.#starts = [];
    this.#ends = [];
  }

  /** Adds the revision whose KeyValue is `source[offset, offset + size)`. */
  add(main: number, sub: number, tombstone: boolean, source: Uint8Array, offset: number, size: number): void {
    this.#growDirectory();
    let at = writeVarint(main - this.rowMain, this.#directory, this.#directorySize);
    at = writeVarint(sub * 2 + (tombstone ? 1 : 0), this.#directory, at);
    this.#directorySize = writeVarint(size, this.#directory, at);
    this.count++;
    this.valueBytes += size;
    const last = this.#sources.length - 1;
    if (last >= 0 && this.#sources[last] === source && this.#ends[last] === offset) {
      this.#ends[last] = offset + size;
      return;
    }
    this.#sources.push(source);
    this.#starts.push(offset);
    this.#ends.push(offset + size);
  }

  /** How many bytes the row takes. */
  get size(): number {
    const headSize = varintSize(this.count) + varintSize(this.#directorySize);
    return countOffset + headSize + this.#directorySize + this.valueBytes;
  }

  /** The bytes of the row: `target`, which has its size, or an array of its own. */
  finish(target?: Uint8Array): Uint8Array {
    const row = target ?? new Uint8Array(this.size);
    row[formatOffset] = format;
    let at = writeVarint(this.count, row, countOffset);
    at = writeVarint(this.#directorySize, row, at);
    row.set(this.#directory.subarray(0, this.#directorySize), at);
    at += this.#directorySize;
    for (let i = 0; i < this.#sources.length; i++) {
      const stretch = this.#sources[i]!.subarray(this.#starts[i], this.#ends[i]);
      row.set(stretch, at);
      at += stretch.length;
    }
    writeUint32(checksum(this.rowMain, this.rowSub, row), row);
    return row;
  }

  #growDirectory(): void {
    if (this.#directorySize + 32 <= this.#directory.length) return;
    const larger = new Uint8Array(this.#directory.length * 2);
    larger.set(this.#directory);
    this.#directory = larger;
  }
}

/** @throws DamagedRowError unless the bytes are the row that was written under this key. */
export function checkRow(main: number, sub: number, row: Uint8Array | undefined): Uint8Array {
  if (row === undefined) throw new DamagedRowError(rowName(main, sub), 'it is missing');
  if (row.length <= countOffset) throw new DamagedRowError(rowName(main, sub), 'it is cut off');
  if (row[formatOffset] !== format) throw new DamagedRowError(rowName(main, sub), 'its format is unknown');
  if (readUint32(row) !== checksum(main, sub, row)) {
    throw new DamagedRowError(rowName(main, sub), 'its checksum does not match');
  }
  return row;
}

function rowName(main: number, sub: number): string {
  return `${toHex(encodeRevisionKey(main, sub))} (revision ${main}/${sub})`;
}

function checksum(main: number, sub: number, row: Uint8Array): number {
  return crc32c(row, crc32c(encodeRevisionKey(main, sub)), countOffset);
}

function writeUint32(value: number, row: Uint8Array): void {
  row[checksumOffset] = value;
  row[checksumOffset + 1] = value >>> 8;
  row[checksumOffset + 2] = value >>> 16;
  row[checksumOffset + 3] = value >>> 24;
}

function readUint32(row: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = row.subarray(checksumOffset, checksumOffset + 4);
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}
