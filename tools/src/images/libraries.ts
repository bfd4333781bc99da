import { spawnSync } from 'node:child_process';

/** A library that a program is linked to. */
export interface Library {
  /** Where the program looks for it: its name, or the path of the loader. */
  readonly name: string;
  /** The file, which may be a link. */
  readonly path: string;
}

/**
 * The libraries of programs, each once: what `ldd` says of them.
 *
 * @throws Error where one is not found on this machine, with its name
 */
export function librariesOf(files: readonly string[]): Library[] {
  const found = new Map<string, Library>();
  for (const file of files) {
    const { status, stdout, stderr, error } = spawnSync('ldd', [file], { encoding: 'utf8' });
    if (error !== undefined)
      throw new Error(`ldd does not run here (${error.message}): images are built on Linux`);
    if (status !== 0) throw new Error(`ldd ${file}: ${stderr.trim() || stdout.trim()}`);
    for (const library of parseLdd(stdout)) found.set(library.path, library);
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Reads what `ldd` prints. What the kernel provides is no file and is left out.
 *
 * @throws Error for a library that is not found
 */
export function parseLdd(text: string): Library[] {
  const libraries: Library[] = [];
  for (const line of text.split('\n')) {
    const [, missing] = /^\s*(\S+) => not found/.exec(line) ?? [];
    if (missing !== undefined) throw new Error(`the library ${missing} is not installed on this machine`);
    const [, name, path] = /^\s*(\S+) => (\/\S+) \(0x/.exec(line) ?? [];
    const [, loader] = /^\s*(\/\S+) \(0x/.exec(line) ?? [];
    if (name !== undefined && path !== undefined) libraries.push({ name, path });
    else if (loader !== undefined) libraries.push({ name: loader, path: loader });
  }
  return libraries;
}
