import { crc32c } from '@quorate/std';
import {
  encodeHardState,
  encodeWalSnapshot,
  entrySize,
  writeEntry,
  writeWalRecordHead,
  type Entry,
  type HardState,
  type WalSnapshot,
} from '@quorate/wire';
import { lengthFieldSize, paddingOf, recordHeadSizeMax, recordType, writeLengthField } from './frame.ts';

const initialSize = 64 * 1024;

/** A buffer that grew beyond this for one huge save is given back after it. */
const keptSizeMax = 8 * 1024 * 1024;

/** A varint of 32 bits takes five bytes 15 times out of 16; data is put where that leaves it. */
const usualCrcSize = 5;

/**
 * Frames records into one reused buffer and carries the running checksum from record to record. An entry is
 * encoded where it will lie, so nothing is copied between the caller's bytes and the write.
 */
export class FrameWriter {
  #buffer = Buffer.alloc(initialSize);
  #size = 0;
  #crc: number;

  /** @param crc checksum of the log before what is written here; 0 for a new log. */
  constructor(crc: number) {
    this.#crc = crc;
  }

  /** The checksum after the last record. */
  get crc(): number {
    return this.#crc;
  }

  /** Bytes framed since `clear`. */
  get size(): number {
    return this.#size;
  }

  /** What was framed since `clear`: a view, good until the next call that writes or clears. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Forgets the frames, not the checksum. */
  clear(): void {
    this.#size = 0;
    if (this.#buffer.length > keptSizeMax) this.#buffer = Buffer.alloc(initialSize);
  }

  addMetadata(metadata: Uint8Array): void {
    this.#addBytes(recordType.metadata, metadata);
  }

  addEntry(entry: Entry): void {
    const dataSize = entrySize(entry);
    const dataStart = this.#reserve(dataSize);
    writeEntry(entry, this.#buffer, dataStart);
    this.#seal(recordType.entry, dataStart, dataSize);
  }

  addHardState(state: HardState): void {
    this.#addBytes(recordType.state, encodeHardState(state));
  }

  addSnapshot(mark: WalSnapshot): void {
    this.#addBytes(recordType.snapshot, encodeWalSnapshot(mark));
  }

  /** The record that begins a segment: it hands the running checksum on. */
  addCrc(): void {
    this.#reserve(0);
    const start = this.#size + lengthFieldSize;
    const head = { type: recordType.crc, crc: this.#crc, dataSize: undefined };
    this.#close(start, writeWalRecordHead(head, this.#buffer, start));
  }

  #addBytes(type: number, data: Uint8Array): void {
    const dataStart = this.#reserve(data.length);
    this.#buffer.set(data, dataStart);
    this.#seal(type, dataStart, data.length);
  }

  /** Makes room for a frame; returns where its data goes. */
  #reserve(dataSize: number): number {
    const needed = this.#size + lengthFieldSize + recordHeadSizeMax + dataSize + paddingOf(1);
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    return this.#size + lengthFieldSize + 2 + 1 + usualCrcSize + 1 + sizeSize(dataSize);
  }

  /** Writes what stands before and behind data that is in place. */
  #seal(type: number, dataStart: number, dataSize: number): void {
    this.#crc = crc32c(this.#buffer, this.#crc, dataStart, dataStart + dataSize);
    const start = this.#size + lengthFieldSize;
    const at = writeWalRecordHead({ type, crc: this.#crc, dataSize }, this.#buffer, start);
    if (at < dataStart) this.#buffer.copyWithin(at, dataStart, dataStart + dataSize);
    this.#close(start, at + dataSize);
  }

  #close(start: number, end: number): void {
    writeLengthField(end - start, this.#buffer, this.#size);
    const padding = paddingOf(end - start);
    for (let i = 0; i < padding; i++) this.#buffer[end + i] = 0;
    this.#size = end + padding;
  }
}

/** Bytes of the varint that says how long the data is. */
function sizeSize(dataSize: number): number {
  let size = 1;
  for (let rest = dataSize; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
}
