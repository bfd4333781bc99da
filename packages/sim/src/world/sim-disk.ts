import { DiskError, type Disk, type DiskFile } from '@quorate/wal';
import type { DiskOperation, MemoryDisk, MemoryDiskFile } from '@quorate/wal/testing';
import type { Chance } from './chance.ts';
import type { DiskTroubles } from './disk-troubles.ts';
import { never, type SimProcess } from './process.ts';

export interface SimDiskOptions {
  /** The files; they outlive the process. */
  readonly files: MemoryDisk;
  readonly process: SimProcess;
  readonly troubles: DiskTroubles;
  readonly chance: Chance;
}

/**
 * The disk as one process sees it: calls take time, may fail, and are places where the process may die. What was
 * not synced is known to the files below, which decide what a loss of power leaves.
 *
 * A write is in the system's memory from the moment of the call. A sync covers what was written before the
 * call; whether it reaches the disk at once or at the last moment is drawn.
 */
export class SimDisk implements Disk {
  readonly #options: SimDiskOptions;

  constructor(options: SimDiskOptions) {
    this.#options = options;
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const { files } = this.#options;
    const open = (): Promise<MemoryDiskFile> => files.open(path, mode);
    const file = await (mode === 'create' ? this.#slow('open', path, open) : this.#quick(open));
    return {
      path,
      read: (offset, size) => this.#read(file, offset, size),
      write: (offset, bytes) => this.#slow('write', path, () => file.write(offset, bytes)),
      // The bytes may be there before they are durable.
      writeDurably: async (offset, bytes) => {
        await this.#slow('write', path, () => file.write(offset, bytes));
        await this.#sync(file, () => file.writeDurably(offset, bytes));
      },
      sync: () => this.#sync(file, () => file.sync()),
      truncate: (size) => this.#slow('truncate', path, () => file.truncate(size)),
      size: () => this.#quick(() => file.size()),
      close: () => this.#quick(() => file.close()),
    };
  }

  list(dir: string): Promise<string[]> {
    return this.#quick(() => this.#options.files.list(dir));
  }

  makeDir(dir: string): Promise<void> {
    return this.#slow('makeDir', dir, () => this.#options.files.makeDir(dir));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#slow('rename', from, () => this.#options.files.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#slow('remove', path, () => this.#options.files.remove(path));
  }

  syncDir(dir: string): Promise<void> {
    return this.#slow('syncDir', dir, () => this.#options.files.syncDir(dir));
  }

  freeBytes(path: string): Promise<number> {
    const { files, troubles } = this.#options;
    return this.#quick(async () => (troubles.isFull ? 0 : files.freeBytes(path)));
  }

  /** One that fails leaves bytes that can be read and are not on the disk, for whoever comes next. */
  #sync(file: MemoryDiskFile, effect: () => Promise<void>): Promise<void> {
    return this.#slow('sync', file.path, effect, () => file.failSync());
  }

  async #read(file: DiskFile, offset: number, size: number): Promise<Uint8Array> {
    const fault = this.#options.troubles.faultOf('read');
    if (fault !== undefined) throw new DiskError(fault, 'read', file.path);
    return this.#quick(() => file.read(offset, size));
  }

  /** What the system answers from memory: no time goes by. */
  async #quick<T>(effect: () => Promise<T>): Promise<T> {
    if (this.#options.process.isGone) return never();
    return effect();
  }

  async #slow<T>(
    operation: DiskOperation,
    path: string,
    effect: () => Promise<T>,
    onFault: () => void = () => {},
  ): Promise<T> {
    const { process, troubles, chance } = this.#options;
    if (!process.reach(`disk.${operation}.before`)) return never();
    const fault = troubles.faultOf(operation);
    const latencyMs = troubles.latencyMs(operation);
    const isLate = operation === 'sync' && chance.happens(0.5);
    const begun = fault === undefined && !isLate ? effect() : undefined;
    // A failure is for whoever waits for it below.
    begun?.catch(() => {});
    await process.wait(latencyMs, `disk ${operation}`, () => undefined);
    if (fault !== undefined) {
      onFault();
      throw new DiskError(fault, operation, path);
    }
    const result = await (begun ?? effect());
    if (!process.reach(`disk.${operation}.after`)) return never();
    return result;
  }
}
