import { rmSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Files of tables, which RocksDB and LevelDB write once and never change. */
const tableFile = /\.(?:sst|ldb)$/;

/**
 * A store that can be opened without touching the one it stands for. Both engines write when they open: they replay their
 * log, write a new manifest, remove files. So this is a folder of its own with links to the tables, which are never
 * changed in place, and copies of the rest, which is small (the newest writes, at most some memtables).
 */
export class ShadowStore implements AsyncDisposable {
  readonly dir: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.dir = join(folder, 'member', 'store');
    process.once('exit', this.#removeNow);
  }

  /** Nobody may have the store open. @throws as node:fs does, with nothing left then */
  static async make(storeDir: string): Promise<ShadowStore> {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-examine-'));
    const shadow = new ShadowStore(folder);
    try {
      await shadow.#fill(resolve(storeDir));
      return shadow;
    } catch (error) {
      await shadow[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #fill(storeDir: string): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    for (const entry of await readdir(storeDir, { withFileTypes: true })) {
      const [from, to] = [join(storeDir, entry.name), join(this.dir, entry.name)];
      if (!entry.isFile() || entry.name === 'LOCK') continue;
      await (tableFile.test(entry.name) ? symlink(from, to) : copyFile(from, to));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#removeNow);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A program that ends early leaves nothing either. */
  readonly #removeNow = (): void => rmSync(this.#folder, { recursive: true, force: true });
}
