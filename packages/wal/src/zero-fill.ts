import type { DiskFile } from './disk.ts';

/** Zeros are written in pieces of this size, each synced, so that a sync of the log never waits for much. */
const sliceSize = 1024 * 1024;

/** File systems allocate in blocks of this size. */
const blockSize = 4096;

const zeros = new Uint8Array(sliceSize);

/**
 * Writes zeros ahead of the log in the background, so that its blocks exist when a save comes: a sync then has
 * no allocation to put into the file system's journal. It never touches what a save writes or will write.
 *
 * Invariant: no slice in flight overlaps bytes below `#reserved`, except one that `reserve` makes its caller wait for.
 */
export class ZeroFill {
  readonly #file: DiskFile;
  readonly #end: number;
  #front: number;
  #reserved = 0;
  #sliceStart = 0;
  #slice: Promise<void> | undefined;
  #stopped = false;
  #failed = false;
  readonly #done: Promise<void>;

  /**
   * Begins at once. The file already has its size.
   *
   * @param file a handle of its own, closed when done: Linux tells each handle of a failed write-back once, and
   *   the log must hear of it in its own sync
   * @param range the first byte that nobody has written, and the end of the file
   */
  constructor(file: DiskFile, range: { readonly start: number; readonly endExclusive: number }) {
    this.#file = file;
    this.#front = roundUpToBlock(range.start);
    this.#end = range.endExclusive;
    this.#done = this.#run();
  }

  /** Takes the bytes below `endExclusive` out of the fill; a promise when a slice is just being written there. */
  reserve(endExclusive: number): Promise<void> | undefined {
    if (endExclusive > this.#reserved) this.#reserved = endExclusive;
    return endExclusive > this.#sliceStart ? this.#slice : undefined;
  }

  /** Resolves when nothing more is written. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  /** Resolves when all is filled (or the fill has failed or was stopped). */
  get done(): Promise<void> {
    return this.#done;
  }

  /**
   * Whether the disk refused a slice, most likely for want of space. The log goes on: its own writes allocate
   * then, and its own syncs tell.
   */
  get failed(): boolean {
    return this.#failed;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      await this.#fillAll();
    } catch {
      this.#failed = true;
    }
    try {
      await this.#file.close();
    } catch {
      this.#failed = true;
    }
  }

  async #fillAll(): Promise<void> {
    while (!this.#stopped) {
      const start = Math.max(this.#front, roundUpToBlock(this.#reserved));
      const end = Math.min(start + sliceSize, this.#end);
      if (start >= end) return;
      this.#sliceStart = start;
      const slice = this.#fill(start, end);
      // Whoever waits for a slice wants it to be over; that it failed is said by `failed`.
      this.#slice = slice.catch(() => undefined);
      await slice;
      this.#slice = undefined;
      this.#front = end;
    }
  }

  async #fill(start: number, end: number): Promise<void> {
    await this.#file.write(start, zeros.subarray(0, end - start));
    await this.#file.sync();
  }
}

function roundUpToBlock(offset: number): number {
  return Math.ceil(offset / blockSize) * blockSize;
}
