import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { DiskError, type Disk, type DiskFile } from './disk.ts';

const fileMode = 0o600;
const dirMode = 0o700;

// Callbacks rather than FileHandle: a write and a sync together take 10 to 30 us less (see DESIGN.md).
const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);
const syncFile = promisify(fs.fsync);
const syncData = promisify(fs.fdatasync);
const truncateFile = promisify(fs.ftruncate);
const statFile = promisify(fs.fstat);

/**
 * How a handle is opened whose every write is a write and an fdatasync in one, as Linux has it. Others promise less of
 * it (macOS leaves the bytes in the drive's cache, which its fdatasync by libuv does not), so there it is two calls.
 */
const durableFlags = process.platform === 'linux' ? fs.constants.O_RDWR | fs.constants.O_DSYNC : undefined;

/** The disk of this machine. */
export class NodeDisk implements Disk {
  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const flags = { read: 'r', write: 'r+', create: 'wx+' }[mode];
    return attempt('open', path, async () => {
      const handle = await openFile(path, flags, fileMode);
      if (mode === 'read' || durableFlags === undefined) return new NodeFile(path, handle, undefined);
      try {
        return new NodeFile(path, handle, await openFile(path, durableFlags));
      } catch (error) {
        await closeFile(handle);
        throw error;
      }
    });
  }

  async list(dir: string): Promise<string[]> {
    try {
      return (await attempt('list', dir, () => fs.promises.readdir(dir))).sort();
    } catch (error) {
      if (error instanceof DiskError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  async makeDir(dir: string): Promise<void> {
    const options = { recursive: true, mode: dirMode } as const;
    // Absolute, since what is above a relative path is not found in its text.
    const path = resolve(dir);
    const topmost = await attempt('makeDir', dir, () => fs.promises.mkdir(path, options));
    if (topmost === undefined) return;
    // Every directory that is new is an entry of the one above it.
    for (let made = path; made.length >= topmost.length; made = dirname(made))
      await this.syncDir(dirname(made));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt('rename', from, () => fs.promises.rename(from, to));
  }

  async remove(path: string): Promise<void> {
    await attempt('remove', path, async () => {
      const isDirectory = (await fs.promises.lstat(path)).isDirectory();
      await (isDirectory ? fs.promises.rmdir(path) : fs.promises.unlink(path));
    });
  }

  async syncDir(dir: string): Promise<void> {
    await attempt('syncDir', dir, async () => {
      const handle = await openFile(dir, 'r');
      try {
        await syncFile(handle);
      } finally {
        await closeFile(handle);
      }
    });
  }

  async freeBytes(path: string): Promise<number> {
    const { blocks, bavail, bsize } = await attempt('freeBytes', path, () => fs.promises.statfs(path));
    // Some file systems have no size that they could tell.
    return blocks === 0 ? Infinity : bavail * bsize;
  }
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #handle: number;
  /** Of the same file; each write through it is durable when it is done. */
  readonly #durableHandle: number | undefined;
  #closed = false;

  constructor(path: string, handle: number, durableHandle: number | undefined) {
    this.path = path;
    this.#handle = handle;
    this.#durableHandle = durableHandle;
  }

  read(offset: number, size: number): Promise<Uint8Array> {
    return attempt('read', this.path, async () => {
      const bytes = Buffer.allocUnsafeSlow(size);
      let done = 0;
      while (done < size) {
        const count = await readSome(this.#handle, bytes, done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return bytes.subarray(0, done);
    });
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return attempt('write', this.path, () => this.#writeAll(this.#handle, offset, bytes));
  }

  /** One way to the thread pool and back instead of two. */
  async writeDurably(offset: number, bytes: Uint8Array): Promise<void> {
    const handle = this.#durableHandle;
    if (handle !== undefined) {
      return attempt('write', this.path, () => this.#writeAll(handle, offset, bytes));
    }
    await this.write(offset, bytes);
    await this.sync();
  }

  async #writeAll(handle: number, offset: number, bytes: Uint8Array): Promise<void> {
    // The system may take less than all, at a signal or a nearly full disk; the rest then says which.
    for (let done = 0; done < bytes.length;) {
      const count = await writeSome(handle, bytes, done, offset + done);
      if (count === 0) throw new DiskError('EIO', 'write', this.path);
      done += count;
    }
  }

  sync(): Promise<void> {
    return attempt('sync', this.path, () => syncData(this.#handle));
  }

  truncate(size: number): Promise<void> {
    return attempt('truncate', this.path, () => truncateFile(this.#handle, size));
  }

  size(): Promise<number> {
    return attempt('size', this.path, async () => (await statFile(this.#handle)).size);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const durableHandle = this.#durableHandle;
    await attempt('close', this.path, async () => {
      if (durableHandle !== undefined) await closeFile(durableHandle);
      await closeFile(this.#handle);
    });
  }
}

function readSome(handle: number, bytes: Uint8Array, from: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(handle, bytes, from, bytes.length - from, offset, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

function writeSome(handle: number, bytes: Uint8Array, from: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(handle, bytes, from, bytes.length - from, offset, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

/** Runs a call of the system; its error becomes a DiskError. */
async function attempt<T>(operation: string, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof DiskError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN';
    throw new DiskError(code, operation, path, { cause: error });
  }
}
