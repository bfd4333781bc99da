import { copyBytes, equalBytes, type Random } from '@quorate/std';
import { sectorSize } from './frame.ts';

/** What a power cut leaves of bytes and names that were not synced: nothing, everything, or any mix. */
export type CrashOptions =
  | { readonly keep: 'none' | 'all' }
  /** Each sector and each change of a directory on its own, at any of its unsynced versions. */
  | { readonly keep: 'random'; readonly random: Random };

const zeroSector = new Uint8Array(sectorSize);

/**
 * The bytes of a file in memory, in sectors. What is not there is zero. Beside the present content it knows what
 * is durable, and every version of a sector that was written since.
 */
export class MemoryFile {
  readonly #sectors = new Map<number, Uint8Array>();
  readonly #unsynced = new Map<number, { readonly durable: Uint8Array; readonly versions: Uint8Array[] }>();
  /** What is durable of sectors that a failed sync has left as if they were, until they are written again. */
  readonly #forgotten = new Map<number, Uint8Array>();
  #size = 0;
  #durableSize = 0;
  #sizes: number[] = [];
  #failureCount = 0;

  /** How many syncs have failed. */
  get failureCount(): number {
    return this.#failureCount;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes that a crash may lose, in whole sectors. */
  get unsyncedBytes(): number {
    return this.#unsynced.size * sectorSize;
  }

  read(offset: number, size: number): Uint8Array {
    const end = Math.max(offset, Math.min(offset + size, this.#size));
    const bytes = new Uint8Array(end - offset);
    for (let at = offset; at < end;) {
      const start = at % sectorSize;
      const count = Math.min(sectorSize - start, end - at);
      const sector = this.#sectors.get(Math.floor(at / sectorSize));
      if (sector !== undefined) bytes.set(sector.subarray(start, start + count), at - offset);
      at += count;
    }
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      const start = at % sectorSize;
      const count = Math.min(sectorSize - start, bytes.length - done);
      const index = Math.floor(at / sectorSize);
      const old = this.#sectors.get(index) ?? zeroSector;
      const isSame = equalBytes(old.subarray(start, start + count), bytes.subarray(done, done + count));
      if (!isSame || this.#forgotten.has(index)) {
        const sector = copyBytes(old);
        sector.set(bytes.subarray(done, done + count), start);
        this.#change(index, sector);
      }
      done += count;
    }
    if (offset + bytes.length > this.#size) this.#resize(offset + bytes.length);
  }

  truncate(size: number): void {
    const last = Math.floor(size / sectorSize);
    for (const [index, old] of this.#sectors) {
      if (index < last) continue;
      const kept = index === last ? size % sectorSize : 0;
      if (!isZero(old.subarray(kept))) this.#change(index, copyBytes(old).fill(0, kept));
    }
    if (size !== this.#size) this.#resize(size);
  }

  sync(): void {
    this.#unsynced.clear();
    this.#durableSize = this.#size;
    this.#sizes = [];
  }

  /** What a sync that fails does on Linux: what was not synced stays to be read, and no later sync has to do with it. */
  failSync(): void {
    for (const [index, { durable }] of this.#unsynced) this.#forgotten.set(index, durable);
    this.#unsynced.clear();
    this.#failureCount++;
  }

  /** Makes the sectors durable that hold these bytes, and the size, if they lie beyond the durable one. */
  syncRange(offset: number, size: number): void {
    const endExclusive = offset + size;
    for (let index = Math.floor(offset / sectorSize); index * sectorSize < endExclusive; index++) {
      this.#unsynced.delete(index);
    }
    if (endExclusive <= this.#durableSize) return;
    this.#durableSize = this.#size;
    this.#sizes = [];
  }

  /** The file that a power cut leaves, all of it durable. */
  crash(options: CrashOptions): MemoryFile {
    const left = new MemoryFile();
    for (const [index, sector] of this.#sectors) left.#sectors.set(index, sector);
    for (const [index, { durable, versions }] of this.#unsynced) {
      left.#put(index, pick([durable, ...versions], options));
    }
    for (const [index, durable] of this.#forgotten) {
      left.#put(index, pick([durable, this.#sectors.get(index) ?? zeroSector], options));
    }
    left.#size = pick([this.#durableSize, ...this.#sizes], options);
    left.truncate(left.#size);
    left.sync();
    return left;
  }

  #change(index: number, sector: Uint8Array): void {
    const old = this.#sectors.get(index) ?? zeroSector;
    const unsynced = this.#unsynced.get(index);
    if (unsynced !== undefined) unsynced.versions.push(sector);
    else this.#unsynced.set(index, { durable: this.#forgotten.get(index) ?? old, versions: [sector] });
    this.#forgotten.delete(index);
    this.#put(index, sector);
  }

  #put(index: number, sector: Uint8Array): void {
    if (isZero(sector)) this.#sectors.delete(index);
    else this.#sectors.set(index, sector);
  }

  #resize(size: number): void {
    this.#size = size;
    this.#sizes.push(size);
  }
}

function isZero(bytes: Uint8Array): boolean {
  return equalBytes(bytes, zeroSector.subarray(0, bytes.length));
}

/** Of versions in the order they came about, the first being durable, the one that a crash leaves. */
function pick<T>(versions: readonly T[], options: CrashOptions): T {
  switch (options.keep) {
    case 'none':
      return versions[0]!;
    case 'all':
      return versions.at(-1)!;
    case 'random':
      return versions[options.random.below(versions.length)]!;
  }
}
