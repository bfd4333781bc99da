import type { Disk } from './disk.ts';
import type { SegmentName } from './segment-name.ts';
import { SegmentReader, type CrcChain, type LogRecord } from './segment-reader.ts';

/** Reads the records of consecutive segments in order, and knows afterwards where the log ends. */
export class LogReader {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #segments: readonly SegmentName[];
  readonly #chain: CrcChain = { crc: undefined };
  #offset = 0;

  /** @param segments without gaps, oldest first; the last one must be the last of the log. */
  constructor(disk: Disk, dir: string, segments: readonly SegmentName[]) {
    this.#disk = disk;
    this.#dir = dir;
    this.#segments = segments;
  }

  /**
   * All records, in batches. To be run once.
   *
   * @throws WalTornError, WalCorruptError, each after the good records before it; DiskError
   */
  async *batches(): AsyncGenerator<readonly LogRecord[]> {
    for (const [i, segment] of this.#segments.entries()) {
      const file = await this.#disk.open(`${this.#dir}/${segment.name}`, 'read');
      try {
        const reader = new SegmentReader(file, {
          segment: segment.name,
          size: await file.size(),
          isLast: i === this.#segments.length - 1,
          chain: this.#chain,
        });
        for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) yield batch;
        this.#offset = reader.offset;
      } finally {
        await file.close();
      }
    }
  }

  /** Once all is read: where the last record of the last segment ends, and the checksum there. */
  get end(): { readonly offset: number; readonly crc: number } {
    return { offset: this.#offset, crc: this.#chain.crc ?? 0 };
  }
}
