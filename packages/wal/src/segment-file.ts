import type { Disk, DiskFile } from './disk.ts';
import { DiskError } from './disk.ts';
import { ZeroFill } from './zero-fill.ts';

/** How far a segment is written, and what it is preallocated to. */
export interface SegmentExtent {
  readonly position: number;
  readonly sizeBytes: number;
}

/** A segment that is open for writing, and the zeros that run ahead of it. */
export class SegmentFile {
  readonly #file: DiskFile;
  readonly #fill: ZeroFill;
  #position: number;
  #unsynced = false;

  /**
   * @param file for the log itself
   * @param fillFile another handle of the same file
   * @param extent `position` is where the next record goes, all behind it is zero; the file has `sizeBytes`
   */
  private constructor(file: DiskFile, fillFile: DiskFile, extent: SegmentExtent) {
    this.#file = file;
    this.#position = extent.position;
    // A new segment gets its head at once, which shall not wait for zeros.
    const start = Math.max(extent.position, 1);
    this.#fill = new ZeroFill(fillFile, { start, endExclusive: extent.sizeBytes });
  }

  /** Makes an empty file of the given size, in place of any leftover of that name. */
  static async create(disk: Disk, path: string, sizeBytes: number): Promise<SegmentFile> {
    await removeIfThere(disk, path);
    return SegmentFile.#prepare(disk, path, 'create', { position: 0, sizeBytes });
  }

  /** Opens a segment that was read up to `position`; whatever a crash left behind that is gone, durably. */
  static async reopen(disk: Disk, path: string, extent: SegmentExtent): Promise<SegmentFile> {
    return SegmentFile.#prepare(disk, path, 'write', extent);
  }

  static async #prepare(
    disk: Disk,
    path: string,
    mode: 'create' | 'write',
    extent: SegmentExtent,
  ): Promise<SegmentFile> {
    const file = await disk.open(path, mode);
    try {
      await file.truncate(extent.position);
      if (extent.position < extent.sizeBytes) await file.truncate(extent.sizeBytes);
      // The size is metadata: once it is durable, no later sync of data has to wait for it.
      await file.sync();
      return new SegmentFile(file, await disk.open(path, 'write'), extent);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Where the next record goes. */
  get position(): number {
    return this.#position;
  }

  /** Appends frames: with `sync` they and all before them are on disk when it resolves, else after the next sync. */
  async append(frames: Uint8Array, options: { readonly sync: boolean }): Promise<void> {
    const end = this.#position + frames.length;
    const slice = this.#fill.reserve(end);
    if (slice !== undefined) await slice;
    if (options.sync && !this.#unsynced) {
      await this.#file.writeDurably(this.#position, frames);
    } else {
      this.#unsynced = true;
      await this.#file.write(this.#position, frames);
      // What was appended before, too, which `writeDurably` would pass over.
      if (options.sync) await this.sync();
    }
    this.#position = end;
  }

  /** Puts all that was appended on disk. */
  async sync(): Promise<void> {
    await this.#file.sync();
    this.#unsynced = false;
  }

  /** Ends the segment where its last record ends, as etcd does, on disk, and closes it. */
  async seal(): Promise<void> {
    await this.#fill.stop();
    await this.#file.truncate(this.#position);
    await this.sync();
    await this.#file.close();
  }

  /** Stops writing; `sync` also puts what was appended on disk. */
  async close(options: { readonly sync: boolean }): Promise<void> {
    await this.#fill.stop();
    try {
      if (options.sync && this.#unsynced) await this.sync();
    } finally {
      await this.#file.close();
    }
  }

  /** Resolves when all zeros ahead are written, or no more will be. */
  get filled(): Promise<void> {
    return this.#fill.done;
  }

  /** Whether the disk refused to write zeros ahead. */
  get fillFailed(): boolean {
    return this.#fill.failed;
  }
}

/** Removes a file that may not exist. */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === 'ENOENT')) throw error;
  }
}
