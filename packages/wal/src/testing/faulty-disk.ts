import { sectorSize } from '../frame.ts';
import { DiskError, type Disk, type DiskFile } from '../disk.ts';
import type { MemoryDiskFile } from '../memory-disk.ts';

/** What can be asked of a disk or a file. */
export type DiskOperation =
  | 'close'
  | 'freeBytes'
  | 'list'
  | 'makeDir'
  | 'open'
  | 'read'
  | 'remove'
  | 'rename'
  | 'size'
  | 'sync'
  | 'syncDir'
  | 'truncate'
  | 'write';

/** One call, before it is carried out. */
export interface DiskCall {
  readonly operation: DiskOperation;
  readonly path: string;
  /** The how-manieth call of any kind, from 1. */
  readonly number: number;
}

/** A fault to come. */
export interface DiskFault {
  /** Only calls of this kind are counted and fail; any, when left out. */
  readonly operation?: DiskOperation;
  /** Only calls on paths that contain this. */
  readonly path?: string;
  /** The n-th such call from now on fails, counted from 1. */
  readonly call: number;
  /** Whether all such calls after it fail too. */
  readonly forever?: boolean;
  /** What the system says: `EIO`, `ENOSPC`, … */
  readonly code: string;
  /** For a write: about half of it still arrives, in whole sectors, as when a disk becomes full. */
  readonly halfWritten?: boolean;
  /** For a sync of a file in memory: what was not synced is taken for written, as Linux does (`MemoryDiskFile.failSync`). */
  readonly forgets?: boolean;
}

/** A disk before another one that counts calls, shows them to a listener and makes chosen ones fail. */
export class FaultyDisk implements Disk {
  readonly #disk: Disk;
  readonly #faults: { readonly fault: DiskFault; seen: number }[] = [];
  readonly #counts = new Map<DiskOperation, number>();
  #callCount = 0;
  /** Sees each call before it happens; what it throws is the call's error. */
  onCall: ((call: DiskCall) => void) | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Adds a fault. Several may wait at a time. */
  fail(fault: DiskFault): void {
    this.#faults.push({ fault, seen: 0 });
  }

  /** Takes all faults back. */
  heal(): void {
    this.#faults.length = 0;
  }

  /** Calls so far, of one kind or of all. */
  callCount(operation?: DiskOperation): number {
    return operation === undefined ? this.#callCount : (this.#counts.get(operation) ?? 0);
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    this.#call('open', path);
    const file = await this.#disk.open(path, mode);
    const call = async <T>(operation: DiskOperation, action: () => Promise<T>): Promise<T> => {
      this.#call(operation, path);
      return action();
    };
    return {
      path,
      read: (offset, size) => call('read', () => file.read(offset, size)),
      write: (offset, bytes) => this.#write(file, offset, bytes),
      // As a write and a sync, so that the one may be done and the other not.
      writeDurably: async (offset, bytes) => {
        await this.#write(file, offset, bytes);
        this.#sync(file);
        await file.writeDurably(offset, bytes);
      },
      sync: async () => {
        this.#sync(file);
        await file.sync();
      },
      truncate: (size) => call('truncate', () => file.truncate(size)),
      size: () => call('size', () => file.size()),
      close: () => this.#close(file),
    };
  }

  async list(dir: string): Promise<string[]> {
    this.#call('list', dir);
    return this.#disk.list(dir);
  }

  async makeDir(dir: string): Promise<void> {
    this.#call('makeDir', dir);
    return this.#disk.makeDir(dir);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#call('rename', from);
    return this.#disk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#call('remove', path);
    return this.#disk.remove(path);
  }

  async syncDir(dir: string): Promise<void> {
    this.#call('syncDir', dir);
    return this.#disk.syncDir(dir);
  }

  async freeBytes(path: string): Promise<number> {
    this.#call('freeBytes', path);
    return this.#disk.freeBytes(path);
  }

  async #write(file: DiskFile, offset: number, bytes: Uint8Array): Promise<void> {
    const fault = this.#count('write', file.path);
    if (fault === undefined) return file.write(offset, bytes);
    if (fault.halfWritten === true) {
      const end = Math.floor((offset + bytes.length / 2) / sectorSize) * sectorSize;
      await file.write(offset, bytes.subarray(0, Math.max(0, end - offset)));
    }
    throw new DiskError(fault.code, 'write', file.path);
  }

  #sync(file: DiskFile): void {
    const fault = this.#count('sync', file.path);
    if (fault === undefined) return;
    if (fault.forgets === true && isInMemory(file)) file.failSync();
    throw new DiskError(fault.code, 'sync', file.path);
  }

  /** The handle is gone even if closing it fails. */
  async #close(file: DiskFile): Promise<void> {
    const fault = this.#count('close', file.path);
    await file.close();
    if (fault !== undefined) throw new DiskError(fault.code, 'close', file.path);
  }

  #call(operation: DiskOperation, path: string): void {
    const fault = this.#count(operation, path);
    if (fault !== undefined) throw new DiskError(fault.code, operation, path);
  }

  /** Counts a call; returns the fault that is due. */
  #count(operation: DiskOperation, path: string): DiskFault | undefined {
    this.#callCount++;
    this.#counts.set(operation, this.callCount(operation) + 1);
    this.onCall?.({ operation, path, number: this.#callCount });
    let due: DiskFault | undefined;
    for (const waiting of this.#faults) {
      const { fault } = waiting;
      if (fault.operation !== undefined && fault.operation !== operation) continue;
      if (fault.path !== undefined && !path.includes(fault.path)) continue;
      waiting.seen++;
      if (waiting.seen === fault.call || (fault.forever === true && waiting.seen > fault.call)) due ??= fault;
    }
    return due;
  }
}

function isInMemory(file: DiskFile): file is MemoryDiskFile {
  return 'failSync' in file;
}
