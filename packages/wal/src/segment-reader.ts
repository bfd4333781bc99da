import { crc32c } from '@quorate/std';
import type { DiskFile } from './disk.ts';
import { WalCorruptError, WalTornError } from './errors.ts';
import {
  lengthFieldSize,
  paddingOf,
  readLengthField,
  readRecordHead,
  recordHeadSizeMax,
  recordType,
  sectorSize,
} from './frame.ts';

/**
 * Segments are read in pieces of this size. Entries that are kept are views into a piece, so this is also what
 * the last one alive can pin.
 */
const chunkSize = 256 * 1024;

/** A record as it lies in the log. `data` is a view into a chunk that nobody overwrites. */
export interface LogRecord {
  /** One of `recordType`. */
  readonly type: number;
  readonly data: Uint8Array;
  /** CRC-32C of the data of all records up to this one. */
  readonly crc: number;
  /** Name of the segment and place of the frame in it. */
  readonly segment: string;
  readonly offset: number;
}

/** The checksum that runs through all segments; undefined until the first crc record is read. */
export interface CrcChain {
  crc: number | undefined;
}

/**
 * Reads the records of one segment, a batch at a time, and judges how it ends. Only the last segment of a log
 * can be torn; see DESIGN.md for the rule.
 */
export class SegmentReader {
  readonly #file: DiskFile;
  readonly #segment: string;
  readonly #size: number;
  readonly #isLast: boolean;
  readonly #chain: CrcChain;
  #chunk: Uint8Array = new Uint8Array(0);
  #chunkStart = 0;
  #offset = 0;
  #ended = false;
  #recordCount = 0;
  /** Found behind good records, which are handed out first. */
  #failure: WalCorruptError | WalTornError | undefined;

  constructor(
    file: DiskFile,
    options: {
      readonly segment: string;
      readonly size: number;
      readonly isLast: boolean;
      readonly chain: CrcChain;
    },
  ) {
    this.#file = file;
    this.#segment = options.segment;
    this.#size = options.size;
    this.#isLast = options.isLast;
    this.#chain = options.chain;
  }

  /** Where the last good record ends. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * The next records; undefined at the end.
   *
   * @throws WalTornError, WalCorruptError after all good records before the damage were handed out.
   */
  async next(): Promise<LogRecord[] | undefined> {
    const records: LogRecord[] = [];
    while (records.length === 0 && !this.#ended) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await this.#readChunk(records);
      } catch (error) {
        if (!(error instanceof WalCorruptError || error instanceof WalTornError)) throw error;
        this.#failure = error;
      }
    }
    return records.length === 0 ? undefined : records;
  }

  /** Loads the bytes at the current offset and takes all whole frames out of them. */
  async #readChunk(records: LogRecord[]): Promise<void> {
    let wanted = chunkSize;
    for (;;) {
      await this.#load(wanted);
      const needed = await this.#takeFrames(records);
      if (needed === 0 || records.length > 0) return;
      wanted = needed;
    }
  }

  async #load(wanted: number): Promise<void> {
    const size = Math.min(wanted, this.#size - this.#offset);
    this.#chunkStart = this.#offset;
    this.#chunk = await this.#file.read(this.#offset, size);
    if (this.#chunk.length < size) throw this.#corrupt('the file became shorter while it was read');
  }

  /** Takes frames until the chunk or the segment ends; returns how many bytes the next frame needs, 0 at the end. */
  async #takeFrames(records: LogRecord[]): Promise<number> {
    for (;;) {
      const at = this.#offset - this.#chunkStart;
      const rest = this.#size - this.#offset;
      if (rest < lengthFieldSize) {
        if (rest > 0) this.#refuseTail('the file ends within a length field');
        this.#end();
        return 0;
      }
      if (at + lengthFieldSize > this.#chunk.length) return chunkSize;
      const recordSize = readLengthField(this.#chunk, at);
      if (recordSize === 0) {
        await this.#endAtZero();
        return 0;
      }
      if (recordSize < 0) throw this.#corrupt('the length field is none that a writer makes');
      const frameSize = lengthFieldSize + recordSize + paddingOf(recordSize);
      if (frameSize > rest) await this.#refuseOverlong(recordSize);
      if (at + frameSize > this.#chunk.length) return Math.max(chunkSize, frameSize);
      const problem = this.#takeRecord(records, at + lengthFieldSize, recordSize);
      if (problem !== undefined) await this.#refuseRecord(problem, recordSize, frameSize);
      this.#offset += frameSize;
    }
  }

  /** Checks one record and adds it; returns what is wrong with it, if anything. */
  #takeRecord(records: LogRecord[], start: number, recordSize: number): string | undefined {
    const end = start + recordSize;
    const head = readRecordHead(this.#chunk, start, end);
    if (head === undefined || head.dataStart + head.dataSize !== end) return 'the record is malformed';
    this.#checkPlace(head.type);
    if (head.type === recordType.crc) {
      if (head.dataSize !== 0) return 'a crc record has data';
      if (this.#chain.crc !== undefined && this.#chain.crc !== head.crc) {
        throw this.#corrupt('the checksum does not continue that of the segment before');
      }
      this.#chain.crc = head.crc;
    } else {
      const crc = crc32c(this.#chunk, this.#chain.crc, head.dataStart, end);
      if (crc !== head.crc) return 'the checksum does not match';
      this.#chain.crc = crc;
    }
    this.#recordCount++;
    records.push({
      type: head.type,
      data: this.#chunk.subarray(head.dataStart, end),
      crc: head.crc,
      segment: this.#segment,
      offset: this.#offset,
    });
    return undefined;
  }

  /** A segment begins with a crc record and the metadata; neither type is covered by the checksum. */
  #checkPlace(type: number): void {
    if (this.#recordCount === 0 && type !== recordType.crc) {
      throw this.#corrupt('a segment must begin with a crc record');
    }
    if (this.#recordCount === 1 && type !== recordType.metadata) {
      throw this.#corrupt('the second record of a segment must be the metadata');
    }
    if (type < recordType.metadata || type > recordType.snapshot) {
      throw this.#corrupt(`record type ${type} is unknown`);
    }
  }

  /**
   * A length of zero ends the segment. A sector is written as a whole, so the rest of this one must be zero too;
   * the sectors behind may hold what a crash left of a save that was never acknowledged.
   */
  async #endAtZero(): Promise<void> {
    const sectorEnd = Math.min(this.#size, roundUpToSector(this.#offset + lengthFieldSize));
    const rest = await this.#file.read(this.#offset, sectorEnd - this.#offset);
    if (!isZero(rest, 0, rest.length))
      throw this.#corrupt('a length of zero stands before other bytes of its sector');
    this.#end();
  }

  #end(): void {
    if (!this.#hasHead) throw this.#corrupt('the segment lacks its head');
    this.#ended = true;
  }

  /** The head was on disk before the segment got its name, so no crash takes it away. */
  get #hasHead(): boolean {
    return this.#recordCount >= 2;
  }

  /**
   * The record reaches beyond the end of the file. Where its first bytes agree with its length, the file was cut;
   * where they do not, the length itself is damaged and good records may lie behind it.
   */
  async #refuseOverlong(recordSize: number): Promise<never> {
    const start = this.#offset + lengthFieldSize;
    const bytes = await this.#file.read(start, Math.min(recordHeadSizeMax, this.#size - start));
    const head = readRecordHead(bytes, 0, bytes.length);
    const agrees = head !== undefined && head.dataStart + head.dataSize === recordSize;
    const isCutHead =
      bytes.length < recordHeadSizeMax && (head === undefined || head.dataStart === bytes.length);
    if (!agrees && !isCutHead) throw this.#corrupt('the length field disagrees with the record behind it');
    return this.#refuseTail('the record is longer than the rest of the file');
  }

  /**
   * A record that is not good: torn if a sector of it was never written, damaged otherwise. Where its head does
   * not agree with its length, the lost sector must be one that the head lies in: else it is the length that was
   * hit, and a record of that length was never there.
   */
  async #refuseRecord(problem: string, recordSize: number, frameSize: number): Promise<never> {
    const start = this.#offset + lengthFieldSize;
    const end = Math.min(this.#size, roundUpToSector(this.#offset + frameSize));
    const bytes = await this.#file.read(start, end - start);
    const head = readRecordHead(bytes, 0, recordSize);
    const agrees = head !== undefined && head.dataStart + head.dataSize === recordSize;
    const lost = hasLostSector(bytes, start, agrees ? bytes.length : recordHeadSizeMax);
    if (lost) return this.#refuseTail(problem);
    throw this.#corrupt(problem);
  }

  /** What a crash explains, if this is where one leaves its traces. */
  #refuseTail(problem: string): never {
    if (!this.#isLast || !this.#hasHead) throw this.#corrupt(problem);
    throw new WalTornError(this.#file.path, this.#offset, problem);
  }

  #corrupt(problem: string): WalCorruptError {
    return new WalCorruptError(this.#file.path, this.#offset, problem);
  }
}

/**
 * Whether a sector's part of these bytes, which begin at `offset` of the file and end with a sector or the file,
 * is all zero: a sector that a crash kept from the disk. Only parts that begin before `limit` count.
 */
function hasLostSector(bytes: Uint8Array, offset: number, limit: number): boolean {
  for (let start = 0; start < Math.min(bytes.length, limit);) {
    const end = Math.min(bytes.length, roundUpToSector(offset + start + 1) - offset);
    if (isZero(bytes, start, end)) return true;
    start = end;
  }
  return false;
}

function isZero(bytes: Uint8Array, start: number, endExclusive: number): boolean {
  for (let i = start; i < endExclusive; i++) if (bytes[i] !== 0) return false;
  return true;
}

function roundUpToSector(offset: number): number {
  return Math.ceil(offset / sectorSize) * sectorSize;
}
