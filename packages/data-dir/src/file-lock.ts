import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { DataDirError, reasonOf } from './errors.ts';
import { inUse } from './open-store.ts';

/** How the program ends when somebody else has the lock. */
const lockedExitCode = 1;

/**
 * The lock that etcd holds on its database (flock(2)), which Node has no call for: the program `flock` of util-linux or
 * busybox takes it, and keeps it for as long as its input stays open.
 */
export class FileLock implements AsyncDisposable {
  readonly #release: () => Promise<void>;

  private constructor(release: () => Promise<void>) {
    this.#release = release;
  }

  /**
   * Takes the lock of a file that exists, or finds out at once that somebody has it.
   *
   * @throws DataDirError DATA_DIR_IN_USE; DATA_DIR_UNUSABLE where there is no such program
   */
  static async take(path: string, kind: 'exclusive' | 'shared'): Promise<FileLock> {
    const mode = kind === 'exclusive' ? '-x' : '-s';
    // What it runs says that it has the lock, and ends when we let go, or are gone.
    const child = spawn(
      'flock',
      [mode, '-n', resolve(path), 'sh', '-c', 'echo locked; exec cat >/dev/null'],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    const ended = once(child, 'close');
    ended.catch(() => undefined);
    child.stdin.on('error', () => undefined); // It may be gone before we let go.
    try {
      const started: readonly unknown[] = await Promise.race([once(child.stdout, 'data'), ended]);
      const said = started[0];
      if (said === lockedExitCode) throw inUse(path);
      if (!Buffer.isBuffer(said)) throw new Error(`flock ended with ${String(said)}`);
    } catch (error) {
      if (error instanceof DataDirError) throw error;
      const text =
        `${path} cannot be locked (${reasonOf(error)}): the program "flock" is needed, so that no etcd can use the file ` +
        'meanwhile';
      throw new DataDirError('DATA_DIR_UNUSABLE', text, { cause: error });
    }
    return new FileLock(async () => {
      child.stdin.end();
      await ended;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release();
  }
}
