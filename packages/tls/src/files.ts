import { readFileSync, statSync } from 'node:fs';
import { TlsConfigError, textOf } from './errors.ts';

/** A file, and the flag that named it. */
export interface NamedFile {
  readonly path: string;
  readonly flag: string;
}

/** All bytes of a file. @throws TlsConfigError */
export function readNamed({ path, flag }: NamedFile): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new TlsConfigError(
      `${flag}: cannot read ${path} (${textOf(error)}): check the path and who may read it`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Tells when files were changed, replaced or removed, by what the file system says of them: some microseconds a look,
 * so it is done for each connection.
 */
export class FileWatch {
  readonly #files: readonly NamedFile[];
  #seen: string;

  constructor(files: readonly NamedFile[]) {
    this.#files = files;
    this.#seen = this.#look();
  }

  get paths(): readonly string[] {
    return this.#files.map(({ path }) => path);
  }

  /** Whether something happened since the last time it was asked. */
  hasChanged(): boolean {
    const now = this.#look();
    if (now === this.#seen) return false;
    this.#seen = now;
    return true;
  }

  #look(): string {
    return this.#files.map(({ path }) => stampOf(path)).join(' ');
  }
}

function stampOf(path: string): string {
  try {
    // Follows links: a mounted secret is replaced by moving one.
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`;
  } catch {
    // What is wrong with it, the reader will say.
    return 'none';
  }
}
