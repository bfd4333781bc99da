import { chmodSync, lstatSync, lutimesSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Modes that are not those of all others, by path from the top of the tree. */
export type SpecialModes = Readonly<Record<string, number>>;

/**
 * Gives all below a folder the same time and modes that depend on nothing but whether it is run, so that the same
 * sources make the same layer, whoever builds it and whatever his umask. Returns how many bytes the files have.
 */
export function settleTree(root: string, time: Date, special: SpecialModes = {}): number {
  let bytes = 0;
  const settle = (path: string): void => {
    const at = join(root, path);
    const stat = lstatSync(at);
    if (stat.isDirectory()) {
      for (const name of readdirSync(at)) settle(join(path, name));
      chmodSync(at, special[path] ?? 0o755);
    } else if (stat.isFile()) {
      bytes += stat.size;
      chmodSync(at, special[path] ?? ((stat.mode & 0o100) === 0 ? 0o644 : 0o755));
    }
    // Last of all, since what is done to the contents of a folder changes its time.
    lutimesSync(at, time, time);
  };
  settle('');
  return bytes;
}
